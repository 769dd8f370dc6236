//! The orchestrator, which must be one, and jobs, which are left alone while they work.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use flightdeck::edge::spawn;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::{PROGRAM, Plan};

/// An agent that somebody started by hand, in a terminal of their own.
struct ByHand(PathBuf);

impl ByHand {
    fn start(deck: &Deck) -> ByHand {
        let program = deck.outside().join("flightdeck-demo");
        symlink(PROGRAM, &program).expect("a link");
        let hand = ByHand(deck.outside().join("hand.sock"));
        let (program, place) = (program.display().to_string(), deck.workspace.display().to_string());
        hand.tmux(&["-f", "/dev/null", "new-session", "-d", "-c", &place, &program, "demo-agent", "--play", "echo"]);
        hand
    }

    fn pid(&self) -> String {
        self.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_string()
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = spawn::blocking("tmux").arg("-S").arg(&self.0).args(args).output().expect("tmux is installed");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        // Ended already in the good case.
        let _ = spawn::blocking("tmux").arg("-S").arg(&self.0).arg("kill-server").output();
    }
}

#[test]
fn fault_p12_an_orchestrator_that_was_launched_by_hand_prevents_a_second_one() {
    let script = "on *: say I look after the loops; wait 60s\n";
    let plan = Plan::new().agent("orchestrator", script).agent("other", "on *: say yes\n");
    let deck = plan.set("agents.orchestrator.role", "orchestrator").laid_out();
    let hand = ByHand::start(&deck);
    let pid = hand.pid();
    deck.start_engine();
    deck.prompted("other", 1);
    let next = deck.until("what is waited for", || {
        deck.agent("orchestrator").next.map(|next| next.what).filter(|what| what.contains("by hand,"))
    });
    assert!(next.contains(&format!("process {pid}")), "{next}");
    assert_eq!(deck.starts("orchestrator"), 0);
    let life = flightdeck::edge::process::identity(pid.parse().expect("a pid")).expect("it lives");
    drop(hand);
    deck.until("its end", || {
        (flightdeck::edge::process::alive(&life) == flightdeck::edge::process::Alive::No).then_some(())
    });
    deck.end_engine(Signal::TERM);
    deck.start_engine();
    deck.prompted("orchestrator", 1);
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.until("all seen again", || (deck.status().tmux == "up").then_some(()));
    assert_eq!(deck.starts("orchestrator"), 1);
}

#[test]
fn a_busy_job_is_left_alone_and_a_finished_one_stays_readable_until_the_next_run() {
    let script = "once busy on *: silence\nonce end on *: say the job is done; exit 0\non *: say once more\n";
    let plan = Plan::new().agent("weekly", script).set("agents.weekly.kind", "job").agent("other", "on *: say yes\n");
    let deck = plan.up();
    deck.prompted("other", 1);
    assert_eq!(deck.starts("weekly"), 0);
    let run = |fresh| Command::RunJob { agent: id("weekly"), fresh };
    deck.tell(&run(false));
    deck.prompted("weekly", 1);
    match deck.ask(&run(false)) {
        Answer::Refused { why, .. } => assert!(why.contains("left alone") && why.contains("--fresh"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(deck.starts("weekly"), 1);
    deck.tell(&run(true));
    deck.prompted("weekly", 2);
    deck.saw("the end of the job", |record| matches!(record, Record::JobFinished { .. }).then_some(()));
    assert!(deck.screen("weekly").contains("● the job is done"), "{}", deck.screen("weekly"));
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    assert_eq!(deck.starts("weekly"), 2, "a finished job was started again\n{}", deck.story());
    deck.tell(&run(false));
    deck.prompted("weekly", 3);
    deck.until("its word", || deck.screen("weekly").contains("● once more").then_some(()));
    assert_eq!(deck.starts("weekly"), 3);
}
