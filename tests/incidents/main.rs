//! The incidents that flightdeck comes from. Each is played twice, in the same world and before the same judge: by the rule
//! of the script that it befell, which is seen to fail, and by ours, which holds. An old rule is a configuration where it
//! can be said in one; else it is a few lines here that drive the same git, tmux and demo agents as that script did.
#![expect(clippy::unwrap_used, reason = "a world that can't be set up is a failed test")]

#[path = "../real/aside.rs"]
mod aside;
mod branch;
mod by_hand;
#[path = "../real/deck.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod deck;
mod messages;
#[path = "../real/plan.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod plan;
mod script;
#[path = "../faults/sim.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod sim;
mod time;

/// Whose rule is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Old,
    Ours,
}

/// Plays an incident by both rules: ours holds, and the old one breaks what is promised, with these words of the judge.
fn both(breach: &str, incident: impl Fn(Rule) -> Result<(), String>) {
    incident(Rule::Ours).unwrap_or_else(|why| panic!("our own rule: {why}"));
    let why = incident(Rule::Old).expect_err("the old rule held: it is none, or the judge sees nothing");
    assert!(why.contains(breach), "{why}\nhas no {breach:?}");
}

/// What a judge says.
fn judge(good: bool, breach: impl FnOnce() -> String) -> Result<(), String> {
    if good { Ok(()) } else { Err(breach()) }
}
