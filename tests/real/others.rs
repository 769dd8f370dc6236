//! The orchestrator, which must be one, and jobs, which are left alone while they work.

use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::id;
use super::plan::Plan;

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
