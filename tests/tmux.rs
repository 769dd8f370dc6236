//! The tmux layer against the real tmux, each test on a server of its own.

#[path = "support/shim.rs"]
mod shim;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flightdeck::cockpit::cells;
use flightdeck::edge::tmux::client::{Lost, TmuxClient};
use flightdeck::edge::tmux::glimpse::{self, Glimpse};
use flightdeck::edge::tmux::inject::{self, Injected};
use flightdeck::edge::tmux::oneshot::{OneShot, Span};
use flightdeck::edge::tmux::parser::Block;
use flightdeck::edge::tmux::server::{self, StartError};
use flightdeck::edge::tmux::session::{self, Killed, StartAgentError};
use flightdeck::edge::tmux::{Probe, TmuxError, print, screen};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::effect::Refusal;
use flightdeck::pilot::fact::Exit;
use rustix::process::Signal;
use shim::{receiver, shim};
use support::{Lab, NONCE, run, tag, until};

#[test]
fn every_byte_of_every_nasty_text_arrives_and_none_besides() {
    let c0: String = (1u8..32).map(char::from).collect();
    let long = "0123456789abcdef".repeat(640);
    let texts = [
        "plain",
        "-la",
        "ls;",
        ";",
        "a\\;",
        "#{pane_id} #(date) %H $HOME ~",
        "quotes ' \" ` \\",
        "tabs\tand\nlines\r\n",
        &c0,
        "\u{1b}[31m red \u{1b}[201~ out",
        "\u{7f}\u{80}\u{9b}\u{ff}",
        "é漢字🦀e\u{301}\u{202e}rtl",
        "Enter",
        "C-c Space",
        "%end 1 2 3\n%exit\n",
        "\\012\\134",
        "}{ if -F 1 {kill-server}",
        &long,
    ];
    for bracketed in [false, true] {
        run(async {
            let lab = Lab::new().await;
            let agent = lab.start("builder", &receiver(bracketed)).await;
            lab.shows(&agent.place.pane, "ready").await;
            let (before, after) = if bracketed { ("\u{1b}[200~", "\u{1b}[201~") } else { ("", "") };
            let mut wanted = String::new();
            for (number, text) in texts.iter().enumerate() {
                let buffer = format!("fd-{number}");
                let pasted = inject::paste(&lab.client, &agent.place.pane, &buffer, text).await;
                assert_eq!(pasted, Ok(Injected::Done), "{text:?}");
                wanted.push_str(&format!("{before}{text}{after}"));
                let mut got = String::new();
                until(&format!("{text:?}"), async || {
                    got = String::from_utf8_lossy(&std::fs::read(lab.path("in")).expect("its input")).into_owned();
                    got.len() >= wanted.len()
                })
                .await;
                assert_eq!(got, wanted);
            }
            assert_eq!(lab.tmux(&["list-buffers"]), "");
        });
    }
}

#[test]
fn a_text_of_64_kib_arrives_whole() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", &receiver(true)).await;
        lab.shows(&agent.place.pane, "ready").await;
        let text = "line of text; with #{signs} and é\n".repeat(2_000)[..64 * 1024].to_string();
        let pasted = inject::paste(&lab.client, &agent.place.pane, "fd-1", &text).await;
        assert_eq!(pasted, Ok(Injected::Done));
        let wanted = format!("\u{1b}[200~{text}\u{1b}[201~");
        until("all of it", async || std::fs::read(lab.path("in")).expect("its input") == wanted.as_bytes()).await;
    });
}

#[test]
fn between_the_pastes_of_one_message_comes_no_copy_mode() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", &receiver(true)).await;
        lab.shows(&agent.place.pane, "ready").await;
        let texts: Vec<String> = (0..2_000).map(|number| format!("{}\n\n", number % 10)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let pane = agent.place.pane.clone();
        let over = Arc::new(AtomicBool::new(false));
        let person = {
            let (socket, pane, over) = (lab.client.socket().to_path_buf(), pane.clone(), Arc::clone(&over));
            // Goes into copy mode and out of it, as often as the server lets anybody.
            spawn::thread("person", move || {
                let mut acts = [vec!["copy-mode"], vec!["send-keys", "-X", "cancel"]].into_iter().cycle();
                while !over.load(Ordering::Relaxed) {
                    let act = acts.next().expect("it goes on for ever");
                    let mut command = spawn::blocking("tmux");
                    command.arg("-S").arg(&socket).args(&act[..1]).args(["-t", &pane]).args(&act[1..]);
                    assert!(command.output().expect("tmux is installed").status.success());
                }
            })
            .expect("a thread")
        };
        let mut pasted = Ok(Injected::Refused(Refusal::InMode));
        while pasted == Ok(Injected::Refused(Refusal::InMode)) {
            pasted = inject::paste_all(&lab.client, &pane, "fd-1", &texts).await;
        }
        over.store(true, Ordering::Relaxed);
        person.join().expect("tmux answers");
        assert_eq!(pasted, Ok(Injected::Done));
        let wanted: String = texts.iter().map(|text| format!("\u{1b}[200~{text}\u{1b}[201~")).collect();
        until("all of it", async || std::fs::read(lab.path("in")).expect("its input") == wanted.as_bytes()).await;
        assert_eq!(lab.tmux(&["list-buffers"]), "");
    });
}

#[test]
fn copy_mode_can_be_left_without_harm() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", &receiver(false)).await;
        lab.shows(&agent.place.pane, "ready").await;
        inject::leave_mode(&lab.client, &agent.place.pane).await.expect("harmless outside of a mode");
        lab.tmux(&["copy-mode", "-t", &agent.place.pane]);
        inject::leave_mode(&lab.client, &agent.place.pane).await.expect("leaves");
        assert_eq!(inject::press_key(&lab.client, &agent.place.pane, "x").await, Ok(Injected::Done));
    });
}

#[test]
fn a_key_goes_nowhere_once_the_cursor_has_moved() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", "stty -echo; printf 'ready'; cat > in").await;
        let pane = agent.place.pane.clone();
        lab.shows(&pane, "ready").await;
        let (column, row) = screen::capture(&lab.client, &pane).await.expect("an answer").expect("a pane").cursor;
        let press = async |cursor| inject::press_key_at(&lab.client, &pane, cursor, "Enter").await;
        for elsewhere in [(column + 1, row), (column, row + 1), (0, 0)] {
            assert_eq!(press(elsewhere).await, Ok(Injected::Refused(Refusal::Moved)));
        }
        assert_eq!(press((column, row)).await, Ok(Injected::Done));
        until("one line", async || std::fs::read(lab.path("in")).expect("its input") == b"\n").await;
        lab.tmux(&["copy-mode", "-t", &pane]);
        assert_eq!(press((0, 0)).await, Ok(Injected::Refused(Refusal::InMode)), "what a person can mend comes first");
        lab.tmux(&["kill-pane", "-t", &pane]);
        assert_eq!(press((column, row)).await, Ok(Injected::Refused(Refusal::PaneMissing)));
    });
}

#[test]
fn a_foreign_session_is_never_adopted_or_ended() {
    run(async {
        let lab = Lab::new().await;
        lab.tmux(&["new-session", "-d", "-s", "builder", "cat", "-"]);
        let started = lab.start_as(&tag("builder", 1), "exec cat").await;
        assert!(matches!(started, Err(StartAgentError::Foreign { ref session, .. }) if session == "$1"), "{started:?}");
        assert_eq!(session::list_panes(&lab.client, &lab.server, NONCE).await, Ok(Vec::new()));
        let ours = lab.start("other", "exec cat").await;
        for wrong in [tag("builder", 1), tag("other", 2)] {
            let place = flightdeck::pilot::fact::Place { session: "$1".to_string(), ..ours.place.clone() };
            let killed = session::kill_session(&lab.client, &place, &wrong).await;
            assert_eq!(killed, Ok(Killed::NotOurs(String::new())));
            let killed = session::kill_session(&lab.client, &ours.place, &wrong).await;
            assert_eq!(killed, Ok(Killed::NotOurs(tag("other", 1).to_string())));
        }
        assert_eq!(lab.tmux(&["list-sessions", "-F", "#{session_name}"]), "_flightdeck\nbuilder\nother");
    });
}

#[test]
fn an_agent_runs_exactly_what_was_asked_for_without_a_shell() {
    run(async {
        let lab = Lab::new().await;
        let canary = lab.path("canary");
        let hostile = format!("$(touch {0}) `touch {0}` #(touch {0}) ; touch {0} ' \" \\ é", canary.display());
        let argv = ["sh", "-c", r#"printf '%s\n' "$@" > args; pwd > cwd; exec cat"#, "name", &hostile, ";", "-x", ""];
        let spec = lab.launch(argv.map(str::to_string).to_vec());
        let born = session::start_agent(&lab.client, &lab.server, &tag("builder", 3), &spec).await.expect("starts");
        let mut args = String::new();
        until("its arguments", async || {
            args = std::fs::read_to_string(lab.path("args")).unwrap_or_default();
            lab.path("cwd").exists() && args.lines().count() == 4
        })
        .await;
        assert_eq!(args, format!("{hostile}\n;\n-x\n\n"));
        assert!(!canary.exists());
        let one = lab.launch(vec!["touch canary; cat".to_string()]);
        let single = session::start_agent(&lab.client, &lab.server, &tag("single", 1), &one).await.expect("starts");
        // No program has such a name. What it said of that may be lost: tmux does not always read a pane to its end.
        let mut panes = Vec::new();
        until("its end", async || {
            panes = session::list_panes(&lab.client, &lab.server, NONCE).await.expect("a list");
            panes.iter().any(|pane| pane.place == single.place && pane.dead == Some(Exit::Status(127)))
        })
        .await;
        assert!(!canary.exists());
        let found = panes.iter().find(|pane| pane.place == born.place).expect("is listed");
        assert_eq!((found.tag.clone(), found.pid, found.dead), (tag("builder", 3), born.pid, None));
        assert_eq!(lab.tmux(&["display", "-p", "-t", &born.place.pane, "#{window_width}x#{window_height}"]), "120x40");
    });
}

#[test]
fn a_missing_or_hostile_folder_is_refused_before_tmux_sees_it() {
    run(async {
        let lab = Lab::new().await;
        let hostile = lab.path("#(touch canary)");
        std::fs::create_dir(&hostile).expect("a folder");
        for cwd in [lab.path("missing"), hostile, std::path::PathBuf::from("relative")] {
            let spec = flightdeck::pilot::effect::LaunchSpec { cwd, ..lab.launch(vec!["cat".to_string()]) };
            let started = session::start_agent(&lab.client, &lab.server, &tag("builder", 1), &spec).await;
            assert!(matches!(started, Err(StartAgentError::NoCwd(_))), "{started:?}");
        }
        assert_eq!(lab.tmux(&["list-sessions", "-F", "#{session_name}"]), "_flightdeck");
    });
}

#[test]
fn the_end_of_an_agent_is_kept_with_its_status_or_signal_and_last_screen() {
    run(async {
        let lab = Lab::new().await;
        let gone = lab.start("gone", "echo last words; read x; exit 7").await;
        let killed = lab.start("killed", "read x; kill -9 $$").await;
        // What a program prints in its very last moment may be lost between the kernel and tmux.
        lab.shows(&gone.place.pane, "last words").await;
        for agent in [&gone, &killed] {
            let pressed = inject::press_key(&lab.client, &agent.place.pane, "Enter").await;
            assert_eq!(pressed, Ok(Injected::Done));
        }
        let mut panes = Vec::new();
        until("both deaths", async || {
            panes = session::list_panes(&lab.client, &lab.server, NONCE).await.expect("a list");
            panes.iter().filter(|pane| !matches!(pane.dead, None | Some(Exit::Lost))).count() == 2
        })
        .await;
        let dead = |place| panes.iter().find(|pane| &pane.place == place).and_then(|pane| pane.dead);
        assert_eq!(dead(&gone.place), Some(Exit::Status(7)));
        assert_eq!(dead(&killed.place), Some(Exit::Signal(9)));
        let last = lab.screen(&gone.place.pane).await;
        assert_eq!((last[0].as_str(), last[1..].concat()), ("last words", String::new()));
    });
}

#[test]
fn a_screen_full_of_protocol_lines_and_escapes_is_only_text() {
    run(async {
        let lab = Lab::new().await;
        let script = r"printf '%%end 1 2 3\n%%exit\n%%begin 1 2 1\n\033[31mred\033[0m \303\251\377\n'; exec cat";
        let agent = lab.start("builder", script).await;
        lab.shows(&agent.place.pane, "red").await;
        let lines = lab.screen(&agent.place.pane).await;
        assert_eq!(lines[..4], ["%end 1 2 3", "%exit", "%begin 1 2 1", "red é"]);
        assert_eq!(lines.len(), 40);
        assert_eq!(screen::capture(&lab.client, "%99").await, Ok(None));
    });
}

#[test]
fn a_server_that_is_looked_at_for_days_takes_no_more_memory_for_it() {
    run(async {
        let lab = Lab::new().await;
        let script = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo ──────────────────────── line $i; done; exec cat";
        let agent = lab.start("builder", script).await;
        lab.shows(&agent.place.pane, "line 100").await;
        let pane = agent.place.pane.as_str();
        let look = async || {
            for _ in 0..1_000 {
                screen::capture(&lab.client, pane).await.expect("it answers").expect("a pane");
            }
            for _ in 0..100 {
                let blocks =
                    lab.client.run(glimpse::lines_for(pane).expect("lines").to_vec()).await.expect("it answers");
                let [facts, printed @ ..] = <[Block; 5]>::try_from(blocks).expect("five replies");
                let body = print::body(&mut printed.into_iter()).expect("four replies");
                assert!(Glimpse::from_blocks(&facts, &body).is_some());
                screen::history(&lab.client, pane, 100).await.expect("a history");
            }
        };
        let server = format!("/proc/{}/status", agent.place.server.pid);
        let memory_kb = || {
            let status = std::fs::read_to_string(&server).expect("it runs");
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        look().await;
        let before = memory_kb();
        look().await;
        let grown = memory_kb().saturating_sub(before);
        assert!(grown < 1_024, "1200 looks took {grown} kB");
        // Nothing of what was seen is left there.
        assert_eq!(lab.tmux(&["list-buffers"]), "");
    });
}

#[test]
fn the_title_of_a_terminal_comes_with_its_screen_and_is_only_text() {
    run(async {
        let lab = Lab::new().await;
        let titles = [("\u{2839} work, #{pid} %H #(touch x)", "⠿ work, #{pid} %H #(touch x)"), ("ünï", "ünï")];
        for (at, (title, shown)) in titles.into_iter().enumerate() {
            let script = format!("printf '\\033]2;%s\\007there' '{title}'; exec cat");
            let agent = lab.start(&format!("builder{at}"), &script).await;
            let pane = &agent.place.pane;
            lab.shows(pane, "there").await;
            let screen = screen::capture(&lab.client, pane).await.expect("it answers").expect("a pane");
            assert_eq!((screen.title.as_str(), screen.columns), (shown, 120));
        }
    });
}

#[test]
fn history_gives_the_newest_lines_in_order() {
    run(async {
        let lab = Lab::new().await;
        let agent =
            lab.start("builder", "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done; exec cat").await;
        lab.shows(&agent.place.pane, "line 300").await;
        let lines = screen::history(&lab.client, &agent.place.pane, 100).await.expect("a history");
        let wanted: Vec<String> = (201..=300).map(|number| format!("line {number}")).collect();
        assert_eq!(lines, wanted);
    });
}

#[test]
fn a_page_of_history_has_its_colours_and_its_line_drawing_is_drawn() {
    run(async {
        let lab = Lab::new().await;
        let script = "printf '\\033[31mred\\n\\033(0lqk\\033(B\\033[0m plain\\n'; i=0; while [ $i -lt 300 ]; do i=$((i+1)); \
                      echo line $i; done; exec cat";
        let agent = lab.start("builder", script).await;
        lab.shows(&agent.place.pane, "line 300").await;
        let tmux = OneShot::new("tmux", lab.spec.socket.clone());
        let newest = Span { pane: agent.place.pane.clone(), from: -100, to: None };
        let page = tmux.page(&newest).await.expect("a page");
        assert!(page.rows.len() > 100, "a hundred lines and the screen");
        let (first, history) = (page.rows[0].clone(), i64::from(page.history));
        let older = Span { from: -history, to: Some(-101), ..newest };
        let older = tmux.page(&older).await.expect("an older page");
        let rows = cells::separate(&older.rows);
        let text = |row: &str| {
            let cells = cells::read(row, (40, 1));
            (cells.content.iter().map(|cell| cell.symbol()).collect::<String>(), cells[(0, 0)].fg)
        };
        assert!(older.rows[1].contains('\u{e}'), "tmux marks line drawing: {:?}", older.rows[1]);
        let (drawn, colour) = text(&rows[1]);
        assert_eq!((drawn.trim_end(), colour), ("┌─┐ plain", ratatui::style::Color::Indexed(1)));
        let number = |row: &str| text(row).0.trim().trim_start_matches("line ").parse::<u32>().expect("a number");
        assert_eq!(number(rows.last().expect("rows")) + 1, number(&first), "the pages join");
        let gone = Span { pane: "%99".to_string(), from: -10, to: None };
        assert!(tmux.page(&gone).await.is_err_and(|why| why.to_string().contains("%99")));
    });
}

#[test]
fn a_hostile_configuration_and_environment_have_no_effect() {
    run(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().join("home");
        std::fs::create_dir(&home).expect("a folder");
        let canary = folder.path().join("canary");
        let hostile = format!(
            "run-shell 'touch {0}'\nset -g default-command 'touch {0}'\nset -g remain-on-exit off\nset -g base-index 1\n\
             set -s exit-empty off\nset-hook -g session-created \"run-shell 'touch {0}'\"\nset -g prefix C-x\n",
            canary.display()
        );
        std::fs::write(home.join(".tmux.conf"), hostile).expect("its file");
        let shim = shim(
            &folder,
            &format!(
                "export HOME='{0}' XDG_CONFIG_HOME='{0}' TMUX=/tmp/elsewhere,1,0 TMUX_PANE=%9 TMUX_TMPDIR='{0}'\nexec tmux \"$@\"",
                home.display()
            ),
        );
        let lab = Lab::with_program(shim, folder).await;
        let agent = lab.start("builder", "exit 3").await;
        until("its end", async || {
            let panes = session::list_panes(&lab.client, &lab.server, NONCE).await.expect("a list");
            panes.iter().any(|pane| pane.place == agent.place && pane.dead == Some(Exit::Status(3)))
        })
        .await;
        assert_eq!(lab.tmux(&["show", "-gv", "prefix"]), "C-b");
        assert_eq!(lab.tmux(&["show", "-gv", "base-index"]), "0");
        assert!(!canary.exists());
    });
}

#[test]
fn our_server_is_ours_alone_and_knows_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    run(async {
        let lab = Lab::new().await;
        let mode = |path: &std::path::Path| std::fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!((mode(&lab.path("state")), mode(&lab.spec.conf)), (0o700, 0o600));
        assert_eq!(mode(&lab.spec.socket) & 0o077, 0);
        let environment = lab.tmux(&["show-environment", "-g"]);
        for line in environment.lines() {
            let name = line.split('=').next().expect("a name");
            let known =
                ["HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "LC_ALL", "TMPDIR", "SSH_AUTH_SOCK", "PWD"];
            assert!(known.contains(&name), "{line}");
        }
    });
}

#[test]
fn a_removed_socket_brings_no_second_server() {
    run(async {
        let lab = Lab::new().await;
        std::fs::remove_file(&lab.spec.socket).expect("it was there");
        let probed = server::probe(&lab.spec.program, &lab.spec.socket, Some(&lab.server)).await;
        assert_eq!(probed, Probe::Answering(lab.server.clone()));
        std::fs::remove_file(&lab.spec.socket).expect("it was made again");
        let started = server::start_server(&lab.spec, None).await.expect("the old one");
        assert_eq!(started, lab.server);
        std::fs::remove_file(&lab.spec.socket).expect("it was made again");
        lab.signal(Signal::STOP);
        let probed = server::probe(&lab.spec.program, &lab.spec.socket, Some(&lab.server)).await;
        assert!(matches!(probed, Probe::Silent(_)), "{probed:?}");
        let started = server::start_server(&lab.spec, Some(&lab.server)).await;
        assert!(matches!(started, Err(StartError::MayBeAlive(_))), "{started:?}");
        lab.signal(Signal::CONT);
        until("its socket", async || lab.spec.socket.exists()).await;
    });
}

#[test]
fn a_killed_server_is_gone_and_the_client_says_so() {
    run(async {
        let lab = Lab::new().await;
        lab.start("builder", "exec cat").await;
        let mut news = lab.client.news();
        lab.signal(Signal::KILL);
        let lost = clock::within(support::PATIENCE, news.wait_for(|news| news.lost.is_some())).await;
        let lost = lost.expect("in time").expect("the client is there").lost.clone();
        assert!(matches!(lost, Some(Lost::Ended(_))), "{lost:?}");
        let answer = lab.client.ask("list-sessions".to_string()).await;
        assert!(matches!(answer, Err(TmuxError::Down)), "{answer:?}");
        let mut probed = Probe::Silent(String::new());
        until("the end", async || {
            probed = server::probe(&lab.spec.program, &lab.spec.socket, Some(&lab.server)).await;
            probed == Probe::Gone
        })
        .await;
        assert!(lab.client.connect().await.is_err());
        let again = server::start_server(&lab.spec, Some(&lab.server)).await.expect("the stale socket is reused");
        assert_ne!(again, lab.server);
        assert_eq!(lab.client.connect().await.expect("connects").server, again);
    });
}

#[test]
fn a_stopped_server_is_silent_within_the_deadline_and_comes_back() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", "exec cat").await;
        lab.signal(Signal::STOP);
        let begun = support::awake::awake_ms();
        let answer = screen::capture(&lab.client, &agent.place.pane).await;
        assert_eq!(answer, Err(TmuxError::Silent(support::DEADLINE)));
        assert!(support::awake::awake_ms() - begun < 3_000);
        let probed = server::probe(&lab.spec.program, &lab.spec.socket, Some(&lab.server)).await;
        assert!(matches!(probed, Probe::Silent(_)), "{probed:?}");
        lab.signal(Signal::CONT);
        assert_eq!(lab.client.connect().await.expect("connects").server, lab.server);
        assert!(screen::capture(&lab.client, &agent.place.pane).await.expect("answers").is_some());
    });
}

#[test]
fn a_client_that_is_moved_off_its_anchor_leaves() {
    run(async {
        let lab = Lab::new().await;
        lab.start("builder", "exec cat").await;
        lab.tmux(&["set", "-g", "detach-on-destroy", "off"]);
        let mut news = lab.client.news();
        lab.tmux(&["kill-session", "-t", "=_flightdeck"]);
        let lost = clock::within(support::PATIENCE, news.wait_for(|news| news.lost.is_some())).await;
        assert!(matches!(lost.expect("in time").expect("there").lost, Some(Lost::Ended(_))));
        assert_eq!(lab.client.connect().await.expect("makes its anchor anew").server, lab.server);
    });
}

#[test]
fn a_person_who_detaches_our_client_ends_only_the_connection() {
    run(async {
        let lab = Lab::new().await;
        let mut news = lab.client.news();
        lab.tmux(&["detach-client", "-s", "=_flightdeck"]);
        assert!(clock::within(support::PATIENCE, news.wait_for(|news| news.lost.is_some())).await.is_ok());
        assert_eq!(lab.client.connect().await.expect("connects again").server, lab.server);
    });
}

/// A control client as an earlier engine had one.
async fn second_client(lab: &Lab) -> std::process::Child {
    let mut command = spawn::blocking("tmux");
    command.arg("-S").arg(&lab.spec.socket).args(["-N", "-C", "attach", "-t", "=_flightdeck", "-f", "no-output"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let client = command.spawn().expect("tmux runs");
    until("a second client", async || lab.tmux(&["list-clients"]).lines().count() == 2).await;
    client
}

#[test]
fn a_stuck_client_of_an_earlier_engine_is_ended_and_its_server_with_it() {
    run(async {
        let lab = Lab::new().await;
        let mut stuck = second_client(&lab).await;
        lab.client.disconnect();
        until("one client", async || lab.tmux(&["list-clients"]).lines().count() == 1).await;
        // It can't get rid of its output any more.
        drop(stuck.stdout.take());
        let started = flightdeck::edge::process::identity(stuck.id()).expect("it lives").started;
        let file = lab.spec.socket.with_extension("client");
        std::fs::write(&file, format!("{} {}\n", stuck.id(), "1")).expect("ours");
        lab.tmux(&["kill-server"]);
        let mut probed = Probe::Gone;
        until("the wedge", async || {
            probed = server::probe(lab.spec.program.as_os_str(), &lab.spec.socket, Some(&lab.server)).await;
            matches!(&probed, Probe::Silent(why) if why.contains(server::WEDGED))
        })
        .await;
        assert!(!lab.client.end_stale(), "a process with another start time is somebody else");
        std::fs::write(&file, format!("{} {started}\n", stuck.id())).expect("ours");
        assert!(lab.client.end_stale());
        until("the end", async || {
            probed = server::probe(lab.spec.program.as_os_str(), &lab.spec.socket, Some(&lab.server)).await;
            probed == Probe::Gone
        })
        .await;
        let _ = stuck.wait();
    });
}

#[test]
fn a_new_engine_ends_the_client_that_a_killed_one_left() {
    run(async {
        let lab = Lab::new().await;
        let mut left = second_client(&lab).await;
        // Nobody reads any more what it has to say: tmux waits for ever for that to be written, before it lets it go.
        drop(left.stdout.take());
        let started = flightdeck::edge::process::identity(left.id()).expect("it lives").started;
        let file = lab.spec.socket.with_extension("client");
        std::fs::write(&file, format!("{} {started}\n", left.id())).expect("ours");
        let copied = lab.path("copied.sock");
        std::fs::copy(&file, copied.with_extension("client")).expect("ours");
        assert!(
            !TmuxClient::new("tmux", &copied).end_stale(),
            "a copied workspace's file tells of the original's client"
        );
        let next = TmuxClient::with_deadline("tmux", &lab.spec.socket, support::DEADLINE);
        assert_eq!(next.connect().await.expect("connects").server, lab.server);
        until("its end", async || left.try_wait().expect("our child").is_some()).await;
        until("two clients", async || lab.tmux(&["list-clients"]).lines().count() == 2).await;
        // Its own is none of them.
        assert_eq!(next.connect().await.expect("connects again").server, lab.server);
    });
}

#[test]
fn many_callers_get_their_own_answers() {
    run(async {
        let lab = Lab::new().await;
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..300 {
            let client = lab.client.clone();
            let line = flightdeck::edge::tmux::verb::fence(&format!("answer {number}")).expect("no NUL");
            calls.spawn(async move { (number, client.run(vec![line.clone(), line]).await.expect("answers")) });
        }
        while let Some(done) = calls.join_next().await {
            let (number, blocks) = done.expect("no panic");
            let words: Vec<&str> = blocks.iter().map(|block| block.word()).collect();
            assert_eq!(words, [format!("answer {number}"), format!("answer {number}")]);
        }
    });
}

#[test]
fn a_workspace_that_no_socket_fits_is_refused_with_the_reason() {
    run(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut spec = support::spec("tmux", &folder);
        spec.socket = folder.path().join("x".repeat(100)).join("tmux.sock");
        let error = server::start_server(&spec, None).await.expect_err("too long");
        assert!(matches!(error, StartError::LongPath { .. }), "{error:?}");
        let mut spec = support::spec("tmux", &folder);
        let open = folder.path().join("open");
        std::fs::create_dir(&open).expect("a folder");
        std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
        spec.socket = open.join("tmux.sock");
        let error = server::start_server(&spec, None).await.expect_err("open to others");
        assert!(matches!(error, StartError::Folder { .. }), "{error:?}");
    });
}
