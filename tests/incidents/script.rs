//! Incidents of the watchdog's own: a shell script that ended by its own rules, and took the watch with it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use flightdeck::edge::process::{self, Alive};
use flightdeck::edge::spawn;
use flightdeck::pilot::fact::Identity;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::aside::Aside;
use super::deck::signal_to;
use super::plan::{PROGRAM, Plan, git};
use super::{Rule, both, judge};

const IDLE: &str = "on *: say yes\n";

/// A watchdog as a shell script. It looks when it is given a line, so that no test has to wait for its next tick.
struct Script(Child);

impl Script {
    fn start(file: &Path, text: &str, folder: &Path) -> Script {
        fs::write(file, text).unwrap();
        let mut shell = spawn::blocking("sh");
        Script(shell.arg(file).current_dir(folder).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// One tick; false where nobody is there to make it.
    fn ticks(&mut self) -> bool {
        let line = self.0.stdin.as_mut().expect("a pipe").write_all(b"tick\n");
        line.is_ok() && self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended, which is what it is here for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The agent that the script looks after.
fn own_agent(aside: &Aside) -> Option<Identity> {
    let pid =
        spawn::blocking("tmux").arg("-S").arg(&aside.0).args(["-N", "list-panes", "-a", "-F", "#{pane_pid}"]).output();
    process::identity(String::from_utf8_lossy(&pid.unwrap().stdout).trim().parse().ok()?)
}

/// `grep '## DONE'` found nothing in a status file, which is its status 1; under `set -e` that ended the whole watchdog.
#[test]
fn a_status_file_without_the_word_does_not_end_the_watch() {
    both("nobody watches any more", |rule| {
        let deck = Plan::pair(IDLE, IDLE).set("project.sequence", vec!["1a"]).laid_out();
        fs::write(deck.workspace.join("clones/builder/STATUS-1a.md"), "").unwrap();
        if rule == Rule::Ours {
            deck.start_engine();
            deck.prompted("builder", 1);
            deck.kill("builder", Signal::KILL);
            deck.prompted("builder", 2);
            return judge(deck.starts("builder") == 2, || deck.story());
        }
        let aside = Aside::beside(&deck, "old.sock");
        let text = format!(
            "set -e\nwhile read -r tick; do\n\
             tmux -S {socket} has-session -t builder 2>/dev/null || \
             tmux -S {socket} -f /dev/null new-session -d -s builder {PROGRAM} demo-agent --play echo\n\
             found=$(grep '## DONE' STATUS-1a.md)\n\
             [ -z \"$found\" ] || exit 0\ndone\n",
            socket = aside.0.display()
        );
        let mut script = Script::start(&deck.outside().join("watch.sh"), &text, &deck.workspace.join("clones/builder"));
        script.ticks();
        let life = deck.until("its agent", || own_agent(&aside));
        signal_to(&life, Signal::KILL);
        deck.until("the agent's end", || (process::alive(&life) == Alive::No).then_some(()));
        let back = deck.until("an agent, or nobody who would start one", || {
            let watched = script.ticks();
            (!watched || own_agent(&aside).is_some_and(|new| new != life)).then_some(watched)
        });
        judge(back, || "nobody watches any more".to_string())
    });
}

/// Calls a program by a relative path, as it was typed.
fn call(folder: &Path, words: &[&str]) -> Output {
    let mut command = spawn::blocking("sh");
    command.args(["-c", "exec \"$0\" \"$@\""]).args(words).current_dir(folder).env("HOME", folder);
    command.output().unwrap()
}

/// The script was called as `./watch.sh`, went to the project's folder, and called itself there by `$0`.
#[test]
fn a_start_by_a_relative_path_outlives_the_change_of_folder() {
    both("not found", |rule| {
        let deck = Plan::new().agent("solo", IDLE).laid_out();
        let folder: PathBuf = deck.outside();
        fs::create_dir(folder.join("bin")).unwrap();
        let aside = Aside::beside(&deck, "old.sock");
        let (output, at_work): (Output, Box<dyn Fn() -> bool>) = if rule == Rule::Old {
            let text = format!(
                "#!/bin/sh\n[ \"$1\" = loop ] && exec tmux -S {} -f /dev/null new-session -d {PROGRAM} demo-agent --play echo\n\
                 cd \"$1\" && exec \"$0\" loop\n",
                aside.0.display()
            );
            fs::write(folder.join("bin/watch.sh"), text).unwrap();
            fs::set_permissions(folder.join("bin/watch.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
            (call(&folder, &["./bin/watch.sh", "deck"]), Box::new(|| own_agent(&aside).is_some()))
        } else {
            symlink(PROGRAM, folder.join("bin/flightdeck")).unwrap();
            let output = call(&folder, &["./bin/flightdeck", "up", "--workspace", "deck"]);
            // Its next lives are started by the same program, from wherever the engine is.
            deck.prompted("solo", 1);
            deck.kill("solo", Signal::KILL);
            (output, Box::new(|| deck.submits("solo").len() == 2))
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        judge(output.status.success(), || said)?;
        deck.until("an agent at work", || at_work().then_some(()));
        Ok(())
    });
}

/// The service made its folder with `mkdir`; what a crash had left there kept it from ever starting again.
#[test]
fn what_a_crash_leaves_behind_keeps_nobody_from_starting() {
    both("exists", |rule| {
        let deck = Plan::new().agent("solo", IDLE).laid_out();
        if rule == Rule::Old {
            let file = deck.outside().join("serve.sh");
            let text = "mkdir \"$1\" || exit 1\necho up > \"$1/up\"\nread -r tick\n";
            fs::write(&file, text).unwrap();
            let place = deck.outside().join("serving");
            let serve = || {
                let mut shell = spawn::blocking("sh");
                shell.arg(&file).arg(&place).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            };
            let mut first = serve();
            deck.until("its start", || place.join("up").exists().then_some(()));
            first.kill().unwrap();
            first.wait().unwrap();
            let output = serve().wait_with_output().unwrap();
            return judge(output.status.success(), || String::from_utf8_lossy(&output.stderr).into_owned());
        }
        // All of it is left: engine, agent and tmux server end by a signal that nobody can hear.
        deck.start_engine();
        deck.prompted("solo", 1);
        let (agent, server) = (deck.process("solo"), deck.server_identity());
        deck.end_engine(Signal::KILL);
        [&server, &agent].iter().for_each(|life| signal_to(life, Signal::KILL));
        deck.until("their end", || {
            [&server, &agent].iter().all(|life| process::alive(life) == Alive::No).then_some(())
        });
        let left: Vec<String> = fs::read_dir(deck.state_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert!(
            ["lock", "link.sock", "tmux.sock", "agents"].iter().all(|name| left.iter().any(|at| at == name)),
            "{left:?}"
        );
        deck.start_engine();
        deck.prompted("solo", 2);
        judge(deck.starts("solo") == 2, || deck.story())
    });
}

/// `git add` named a file that was not there and staged nothing; the watchdog went by the working tree, and its history said
/// otherwise. Nothing told which of the two was in force.
#[test]
fn it_is_told_which_configuration_is_in_force() {
    both("can't be told apart", |rule| {
        let deck = Plan::new().agent("solo", IDLE).laid_out();
        let file = deck.workspace.join("flightdeck.toml");
        git(&deck.workspace, &["init", "--quiet"]);
        git(&deck.workspace, &["add", "flightdeck.toml"]);
        git(&deck.workspace, &["commit", "--quiet", "--message", "as it is"]);
        let committed = fs::read_to_string(&file).unwrap();
        let changed = committed.replace("idle = \"60s\"", "idle = \"61s\"");
        assert_ne!(committed, changed);
        let begin = || {
            if rule == Rule::Ours {
                deck.start_engine();
                deck.prompted("solo", 1);
                deck.end_engine(Signal::TERM);
            }
        };
        begin();
        fs::write(&file, &changed).unwrap();
        begin();
        // What is in force, as far as it is written down.
        let told: Vec<String> = match rule {
            Rule::Ours => deck.all(|record| match record {
                Record::ConfigLoaded { digest } => Some(digest.clone()),
                _ => None,
            }),
            Rule::Old => vec![git(&deck.workspace, &["rev-parse", "HEAD:flightdeck.toml"])],
        };
        let output = deck.verb(&["check", "--json"]);
        let now: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let files = match rule {
            Rule::Ours => now["digest"].as_str().unwrap().to_string(),
            Rule::Old => git(&deck.workspace, &["hash-object", "flightdeck.toml"]),
        };
        judge(
            told.last() == Some(&files) && told.iter().filter(|digest| **digest != files).count() + 1 == told.len(),
            || format!("what is in force can't be told apart from what is not: {told:?}, the file is {files}"),
        )
    });
}
