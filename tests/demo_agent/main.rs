//! The demo agent in real panes of a private tmux server: what arrives, what is shown, how it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::edge::{clock, spawn};
use pane::{Pane, until};

mod pane;

#[test]
fn a_pasted_prompt_is_submitted_once_and_told_on_the_event_channel() {
    let pane = Pane::ready("on *: think 50ms; say hello back", &[]);
    pane.submit("hello agent");
    let screen = pane.sees("● hello back");
    assert!(screen.contains("> hello agent"), "{screen}");
    until("the end of the turn", || pane.events(), |events| events.len() == 3);
    assert_eq!(pane.events(), ["session_started", "prompt_submitted", "turn_ended"]);
    assert_eq!(pane.submits(), ["hello agent"]);
}

#[test]
fn every_byte_of_a_paste_arrives() {
    let pane = Pane::ready("on *: say got it", &[]);
    let text = format!("$(id) `x` #{{pane_id}} ; \\ \"\t日本 {}", "long line ".repeat(2000));
    pane.paste(&text);
    pane.sees("[Pasted text #1]");
    pane.keys(&["Enter"]);
    assert_eq!(pane.submitted(1), [text.as_str()]);
    let bytes = fs::read(pane.path("bytes")).expect("a byte log");
    assert_eq!(bytes, [b"\x1b[200~", text.as_bytes(), b"\x1b[201~\r"].concat());
}

#[test]
fn pieces_of_a_paste_stay_one_text_where_the_rest_of_a_bracket_is_late() {
    for at in 1..6 {
        let pane = Pane::ready("on *: say got it", &[]);
        let (early, late) = "\x1b[200~".split_at(at);
        pane.receives(&format!("\x1b[200~first \x1b[201~{early}"));
        pane.sees("❯\u{a0}first");
        // Longer than an Escape of somebody's hand is waited for.
        clock::block(Duration::from_millis(200));
        pane.receives(&format!("{late}second\x1b[201~"));
        pane.sees("second");
        pane.keys(&["Enter"]);
        assert_eq!(pane.submitted(1), ["first second"], "cut after {at}");
    }
}

#[test]
fn a_swallowed_enter_leaves_the_text_and_the_next_one_submits_it() {
    let pane = Pane::ready("on *: say got it", &["--swallow-enter", "1"]);
    pane.submit("hello");
    // Keys come in order: when the x is there, the Enter before it has had its chance.
    pane.keys(&["x"]);
    pane.sees("❯\u{a0}hellox");
    assert_eq!(pane.submits(), Vec::<String>::new());
    pane.keys(&["Enter"]);
    assert_eq!(pane.submitted(1), ["hellox"]);
}

#[test]
fn an_enter_too_soon_after_a_paste_is_swallowed() {
    let pane = Pane::ready("on *: say got it", &["--enter-window", "300ms"]);
    let began = clock::monotonic_ms();
    pane.paste("hello");
    let press = || {
        pane.keys(&["Enter"]);
        pane.submits()
    };
    until("a submit", press, |submits| !submits.is_empty());
    assert!(clock::monotonic_ms() - began >= 300);
    assert_eq!(pane.submits(), ["hello"]);
}

#[test]
fn long_pastes_are_collapsed_by_choice() {
    let text = (1..=21).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
    let pane = Pane::ready("on *: say got it", &[]);
    pane.paste(&text);
    pane.sees("❯\u{a0}[Pasted text #1 +20 lines]");
    pane.keys(&["Enter"]);
    assert_eq!(pane.submitted(1), [text.as_str()]);
    let pane = Pane::ready("on *: say got it", &["--collapse", "off"]);
    pane.paste("1\n2\n3\n4\n5");
    pane.sees("❯\u{a0}1\n  2\n  3\n  4\n  5\n──");
}

#[test]
fn a_dialog_drops_the_paste_and_enter_approves() {
    let pane = Pane::ready("on *: dialog permission; say went on", &[]);
    pane.submit("clean up");
    let screen = pane.sees("Do you want to run this command?\n❯ 1. Yes\n  2. No\nEsc to cancel");
    assert!(!screen.contains("❯\u{a0}"), "{screen}");
    pane.paste("a message for the agent");
    pane.keys(&["Enter"]);
    let screen = pane.sees("● went on");
    assert!(screen.contains("allowed: the command ran"), "{screen}");
    assert!(!screen.contains("a message"), "{screen}");
    assert_eq!(pane.submits(), ["clean up"]);
}

#[test]
fn a_trust_dialog_stands_before_everything_else() {
    let pane = Pane::with("on *: say hi", &["--start-dialog", "trust"]);
    let screen = pane.sees("Do you trust the files in this folder?");
    assert!(!screen.contains("demo agent"), "{screen}");
    assert_eq!(pane.events(), Vec::<String>::new());
    pane.keys(&["2"]);
    assert_eq!(pane.end(), "1");
}

#[test]
fn a_wedged_agent_takes_bytes_and_does_nothing() {
    let pane = Pane::ready("on *: wedge", &[]);
    pane.submit("go");
    let screen = pane.sees("▚▞▚▞");
    pane.paste("are you there?");
    pane.keys(&["Enter", "C-c", "C-c"]);
    let got = || fs::read(pane.path("bytes")).expect("a byte log");
    until("the bytes", got, |bytes| bytes.ends_with(b"\r\x03\x03"));
    assert!(pane.alive());
    assert_eq!(pane.screen(), screen);
    assert_eq!(pane.submits(), ["go"]);
    assert_eq!(pane.events(), ["session_started", "prompt_submitted"]);
}

#[test]
fn it_ends_as_it_is_told() {
    let script = "on exit: exit 3\non kill: kill\non segv: segv\non fatal: error fatal";
    for (prompt, end) in [("exit", "3"), ("kill", "9"), ("segv", "11")] {
        let pane = Pane::ready(script, &[]);
        pane.submit(prompt);
        assert_eq!(pane.end(), end, "{prompt}");
    }
    assert_eq!(Pane::with(script, &["--exit-at-start", "7"]).end(), "7");
    assert_eq!(Pane::with("on *: nonsense", &[]).end(), "2");
    let pane = Pane::ready(script, &[]);
    pane.keys(&["C-d"]);
    assert_eq!(pane.end(), "0");
}

#[test]
fn the_terminal_is_left_as_it_was_found() {
    let pane = Pane::ready("on *: exit 0", &[]);
    let line = format!(
        "stty -a > '{0}/before'; '{1}' demo-agent --script '{0}/script'; stty -a > '{0}/after'",
        pane.dir.path().display(),
        env!("CARGO_BIN_EXE_flightdeck")
    );
    pane.tmux(&["respawn-pane", "-k", "-t", "a:", "sh", "-c", &line]);
    until("a second start", || pane.screen(), |screen| screen.contains("demo agent · agent · phase none"));
    pane.submit("bye");
    assert_eq!(pane.end(), "0");
    let read = |name: &str| fs::read_to_string(pane.path(name)).expect("what stty said");
    assert!(read("before").contains("icanon"));
    assert_eq!(read("before"), read("after"));
}

#[test]
fn a_wait_says_its_marker_and_wakes_by_itself() {
    let pane = Pane::ready("on *: wait 1s\non wake: say good morning", &[]);
    let before = clock::wall();
    pane.submit("sleep");
    let screen = pane.sees("● WAITING-UNTIL: ");
    let (_, rest) = screen.split_once("WAITING-UNTIL: ").expect("the marker");
    let until = chrono::DateTime::parse_from_rfc3339(&rest[..20]).expect("a time of whole seconds");
    assert!(until.timestamp_millis() >= before.0 + 1000);
    pane.sees("● good morning");
    assert!(clock::wall().0 >= until.timestamp_millis());
}

#[test]
fn prompts_during_a_turn_wait_for_its_end_or_are_refused() {
    let pane = Pane::ready("on first: dialog permission\non second: silence\non *: say hm", &[]);
    pane.submit("first");
    pane.sees("1. Yes");
    pane.keys(&["Enter"]);
    pane.sees("the command ran");
    pane.submit("second");
    pane.sees("Thinking…");
    pane.submit("third");
    pane.sees("1 queued");
    assert_eq!(pane.submitted(3), ["first", "second", "third"]);
    pane.keys(&["Escape"]);
    let screen = pane.sees("● hm");
    assert!(screen.contains("Interrupted") && screen.contains("> third"), "{screen}");
    let pane = Pane::ready("on *: silence no-spinner", &["--busy", "refuse"]);
    pane.submit("one");
    pane.sees("> one");
    pane.submit("two");
    pane.keys(&["x"]);
    pane.sees("❯\u{a0}twox");
    assert_eq!(pane.submits(), ["one"]);
}

#[test]
fn drafts_and_vim_mode_stand_in_the_way_of_a_message() {
    let pane = Pane::ready("on start: draft half a thought\non *: vim", &[]);
    pane.sees("❯\u{a0}half a thought");
    pane.keys(&["C-u"]);
    pane.submit("x");
    pane.sees("  -- NORMAL --");
    pane.keys(&["j", "k", "i", "w"]);
    pane.sees("❯\u{a0}w");
    pane.sees("? for shortcuts");
}

#[test]
fn errors_and_limits_look_as_agreed() {
    let script = "on 400: error 400\non long: error toolong\non login: error login\non words: error own words\n\
                  on over: error overloaded 1 300s\non *: limit 300s";
    let pane = Pane::ready(script, &[]);
    for (prompt, line) in [
        ("400", "✗ API error 400: `thinking` blocks cannot be modified\n──"),
        ("long", "✗ prompt is too long\n──"),
        ("login", "✗ login expired · run /login\n──"),
        ("words", "✗ own words\n──"),
    ] {
        pane.submit(prompt);
        pane.sees(line);
    }
    pane.submit("over");
    pane.sees("✗ overloaded · retrying in 300s · attempt 1/10\n──");
    pane.keys(&["Escape"]);
    pane.submit("limit me");
    pane.sees("✗ usage limit reached · resets ");
    // A limit holds for other prompts too, and for another life.
    pane.submit("words");
    until("two limit lines", || pane.screen(), |screen| screen.matches("✗ usage limit").count() == 2);
    assert_eq!(pane.events().iter().filter(|event| *event == "turn_failed").count(), 6);
}

#[test]
fn what_happens_once_happens_once_whatever_dies() {
    let pane = Pane::ready("on *: once crash kill; say survived", &[]);
    pane.submit("go");
    assert_eq!(pane.end(), "9");
    pane.tmux(&["respawn-pane", "-t", "a:"]);
    pane.sees("? for shortcuts");
    pane.submit("go");
    pane.sees("● survived");
}

#[test]
fn a_poisoned_conversation_stays_so_and_a_fresh_one_is_well() {
    let flags = ["--conversation", "c1"];
    let pane = Pane::ready("on *: once ill poison; say fine", &flags);
    pane.submit("go");
    pane.sees("✗ API error 400");
    for (flags, line) in [(["--resume", "c1"], "✗ API error 400"), (["--conversation", "c2"], "● fine")] {
        pane.relaunch(&flags);
        pane.sees("? for shortcuts");
        pane.submit("go");
        pane.sees(line);
    }
}

#[test]
fn what_is_typed_before_the_composer_is_there_is_lost() {
    let pane = Pane::with("on *: say hi", &["--start-delay", "1s"]);
    pane.keys(&["y"]);
    until("the key", || fs::read(pane.path("bytes")).unwrap_or_default(), |bytes| bytes == b"y");
    assert!(!pane.screen().contains('❯'));
    pane.sees("? for shortcuts");
    pane.keys(&["x"]);
    pane.sees("❯\u{a0}x\n");
}

#[test]
fn a_signal_ends_it_in_good_order_unless_it_is_deaf() {
    let pane = Pane::ready("on *: wedge deaf", &[]);
    let term = || {
        rustix::process::kill_process(pane.pid("#{pane_pid}"), rustix::process::Signal::TERM).expect("our own agent");
    };
    pane.submit("go");
    pane.sees("▚▞▚▞");
    term();
    pane.keys(&["x"]);
    until("a later key", || fs::read(pane.path("bytes")).expect("a log"), |bytes| bytes.ends_with(b"x"));
    assert!(pane.alive());
    pane.tmux(&["respawn-pane", "-k", "-t", "a:"]);
    pane.sees("? for shortcuts");
    term();
    assert_eq!(pane.end(), "143");
}

#[test]
fn output_comes_at_its_rate_and_children_run_and_end() {
    let pane = Pane::ready("on *: print 50 lines per second for 200ms; child busy 50ms; say over", &[]);
    let began = clock::monotonic_ms();
    pane.submit("go");
    let screen = pane.sees("● over");
    assert!(clock::monotonic_ms() - began >= 250);
    assert!(screen.contains("  line 10 of output\n● the command ended"), "{screen}");
    assert!(!screen.contains("line 11"), "{screen}");
}

#[test]
fn the_alternate_screen_has_its_composer_at_the_bottom() {
    let pane = Pane::ready("on *: say {prompt} it is", &["--screen", "alternate"]);
    assert_eq!(pane.tmux(&["display-message", "-p", "-t", "a:", "#{alternate_on}"]).trim(), "1");
    pane.submit("so");
    let screen = pane.sees("● so it is");
    let rows: Vec<&str> = screen.lines().collect();
    assert!(rows[0].starts_with(" demo agent") && rows[21].starts_with('❯') && rows[23].contains('?'), "{screen}");
    pane.keys(&["C-d"]);
    assert_eq!(pane.end(), "0");
}

#[test]
fn any_size_is_drawn_and_the_text_survives_it() {
    for mode in ["inline", "alternate"] {
        let pane = Pane::ready("on *: say done with {prompt}", &["--screen", mode]);
        pane.paste("some words to keep");
        for (columns, rows) in [(1, 1), (2, 3), (7, 4), (200, 60), (3, 2), (80, 24)] {
            pane.tmux(&["resize-window", "-t", "a:", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        }
        pane.sees("❯\u{a0}some words to keep\n──");
        pane.keys(&["Enter"]);
        pane.sees("● done with some words to keep");
    }
}

#[test]
fn a_leaked_child_has_left_and_ends_with_the_test() {
    let pane = Pane::ready("on *: leak; child sleep 50ms; say leaked", &[]);
    pane.submit("go");
    pane.sees("● leaked");
    let pane_pid = pane.tmux(&["display-message", "-p", "-t", "a:", "#{pane_pid}"]);
    let list = spawn::blocking("ps").args(["-eo", "pid=,ppid=,sid=,args="]).output().expect("ps is installed");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let leaked = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let leaked: Vec<_> = leaked.filter(|line| line[1] == pane_pid.trim() && line[3..] == ["sleep", "600"]).collect();
    assert_eq!(leaked.len(), 1, "{list}");
    let pid: i32 = leaked[0][0].parse().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our own process");
    rustix::process::test_kill_process(pid).expect("it does not hear TERM");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("our own process");
    assert_ne!(leaked[0][2], pane_pid.trim(), "a session of its own");
}

/// Git for the test itself.
fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = spawn::blocking("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]).args(args);
    let output = command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A bare repository with one commit.
fn seeded(dir: &Path) -> PathBuf {
    git(dir, &["init", "--quiet", "--bare", "remote.git"]);
    git(dir, &["clone", "--quiet", "remote.git", "seed"]);
    git(&dir.join("seed"), &["commit", "--quiet", "--allow-empty", "-m", "seed"]);
    git(&dir.join("seed"), &["push", "--quiet", "origin", "HEAD:main"]);
    dir.join("remote.git")
}

/// An agent of a play in a clone of its own.
fn player(remote: &Path, role: &str, phase: &str) -> Pane {
    let dir = tempfile::tempdir().expect("a folder");
    git(dir.path(), &["clone", "--quiet", &remote.display().to_string(), "clone"]);
    let pane = Pane { cwd: dir.path().join("clone"), dir };
    let env =
        [format!("FLIGHTDECK_ROLE={role}"), format!("FLIGHTDECK_AGENT={role}"), format!("FLIGHTDECK_PHASE={phase}")];
    pane.launch(&["--faults", "demo"], &env.each_ref().map(String::as_str));
    pane.sees("? for shortcuts");
    pane
}

/// Waits until the remote has a commit whose subject begins so.
fn pushed(remote: &Path, subject: &str) {
    let look = || git(remote, &["log", "--format=%s", "main"]);
    until(subject, look, |subjects| subjects.lines().any(|line| line.starts_with(subject)));
}

#[test]
fn builder_and_adversary_take_a_phase_from_claim_to_done_and_the_builder_dies_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let remote = seeded(dir.path());
    let builder = player(&remote, "builder", "2");
    let adversary = player(&remote, "adversary", "2");
    adversary.submit("you review phase 2");
    adversary.sees("nothing waits for a review");
    builder.submit("you build phase 2");
    assert_eq!(builder.end(), "9");
    builder.tmux(&["respawn-pane", "-t", "a:"]);
    builder.sees("? for shortcuts");
    builder.submit("you build phase 2");
    pushed(&remote, "claim(2): ");
    adversary.submit("claim(2) was pushed");
    pushed(&remote, "review(2): pass");
    builder.submit("review(2) was pushed");
    pushed(&remote, "status(2): done");
    assert!(git(&remote, &["show", "main:STATUS-2.md"]).lines().any(|line| line == "## DONE"));
    for file in ["BACKLOG-2.md", "JOURNAL-2.md", "REVIEW-2.md", "src/phase_2.txt"] {
        git(&remote, &["show", &format!("main:{file}")]);
    }
    builder.sees("● WAITING-UNTIL: ");
}

#[test]
fn pushes_that_race_all_arrive() {
    let dir = tempfile::tempdir().expect("a folder");
    let remote = seeded(dir.path());
    let players: Vec<Pane> = ["1a", "1b", "1c", "1d"].iter().map(|phase| player(&remote, "builder", phase)).collect();
    // In phase 1a the first Enter is lost, by the faults of the demo.
    players.iter().for_each(|player| player.paste("build it"));
    players.iter().for_each(|player| drop(player.sees("❯\u{a0}build it")));
    players.iter().for_each(|player| player.keys(&["Enter"]));
    players[0].keys(&["!", "Enter"]);
    ["claim(1a)", "claim(1b)", "claim(1c)", "claim(1d)"].iter().for_each(|claim| pushed(&remote, claim));
    assert_eq!(players[0].submits(), ["build it!"]);
}

#[test]
fn a_lock_that_a_killed_git_left_in_the_clone_holds_nobody_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let remote = seeded(dir.path());
    let builder = player(&remote, "builder", "3");
    for lock in ["refs/remotes/origin/main.lock", "index.lock"] {
        std::fs::write(builder.cwd.join(".git").join(lock), "").expect("a lock");
    }
    // What comes from the remote has to be written below the one, and what is built below the other.
    git(&dir.path().join("seed"), &["commit", "--quiet", "--allow-empty", "-m", "more"]);
    git(&dir.path().join("seed"), &["push", "--quiet", "origin", "HEAD:main"]);
    builder.submit("you build phase 3");
    pushed(&remote, "claim(3): ");
}
