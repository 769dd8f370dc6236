//! What flightdeck does about each failure of the model's service, on the real programs: the tables of docs/agents.md, line by
//! line. `UPDATE_DOCS=1` writes it there.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::{AgentState, Record};

use super::Driven;
use crate::cli::claude::Login;
use crate::cli::codex::Sandbox;
use crate::cli::opencode::Shell;

/// A failure: what the service does, what the agent shall be called, and what is decided about it.
struct Case {
    directive: &'static str,
    what: &'static str,
    /// Claude Code's; the others have one only.
    login: Login,
    state: &'static str,
    remedy: Remedy,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// It tries again by itself, or goes on: nothing is done.
    Nothing,
    /// A new conversation, the old one left behind.
    Fresh,
    /// Nothing until the limit lifts; then a word in the same conversation, unless it goes on by itself.
    Parked,
    /// A person is asked.
    Person,
}

const fn case(directive: &'static str, what: &'static str, login: Login, state: &'static str, remedy: Remedy) -> Case {
    Case { directive, what, login, state, remedy }
}

const CASES: [Case; 21] = [
    case("ok fine", "answers", Login::ApiKey, "idle", Remedy::Nothing),
    case("rate 1", "429 with retry-after, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("overloaded", "529, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("e500", "500, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("dropmid", "drops the connection in mid-answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("drop", "drops the connection before an answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("hang", "takes the request and says nothing", Login::ApiKey, "working", Remedy::Nothing),
    case("stall", "stops in mid-answer and says nothing more", Login::ApiKey, "working", Remedy::Nothing),
    case("empty", "answers nothing", Login::ApiKey, "idle", Remedy::Nothing),
    case("refusal", "declines", Login::ApiKey, "idle", Remedy::Nothing),
    case("toolong", "400, the conversation is too long", Login::ApiKey, "idle", Remedy::Fresh),
    case("maxtok", "stops at its longest answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("model404", "does not know the model", Login::ApiKey, "auth-failed", Remedy::Person),
    case("auth", "401", Login::ApiKey, "auth-failed", Remedy::Person),
    case("revoked", "403, the login was revoked", Login::Subscription, "auth-failed", Remedy::Person),
    case("credit", "400, no credit is left", Login::ApiKey, "auth-failed", Remedy::Person),
    case("thinking400", "400, thinking blocks were changed", Login::ApiKey, "idle", Remedy::Fresh),
    case("sig400", "400, a signature does not fit", Login::ApiKey, "idle", Remedy::Fresh),
    case("toolpair400", "400, a tool's use has no result", Login::ApiKey, "idle", Remedy::Fresh),
    case("usage 8", "5-hour limit, resets in 8 s", Login::Subscription, "limited", Remedy::Parked),
    case("weekly 99999", "weekly limit, far away", Login::Subscription, "limited", Remedy::Parked),
];

const CODEX_CASES: [Case; 21] = [
    case("ok fine", "answers", Login::ApiKey, "idle", Remedy::Nothing),
    case("rate 1", "429 with retry-after, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("overloaded", "529, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("e500", "500, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("dropmid", "drops the connection in mid-answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("empty", "answers nothing", Login::ApiKey, "idle", Remedy::Nothing),
    case("maxtok", "stops at its longest answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("model404", "does not know the model", Login::ApiKey, "auth-failed", Remedy::Person),
    case("auth", "401", Login::ApiKey, "auth-failed", Remedy::Person),
    case("revoked", "403, the login was revoked", Login::ApiKey, "auth-failed", Remedy::Person),
    case("credit", "400, no credit is left", Login::ApiKey, "auth-failed", Remedy::Person),
    case("thinking400", "400, thinking blocks were changed", Login::ApiKey, "idle", Remedy::Fresh),
    case("sig400", "400, a signature does not fit", Login::ApiKey, "idle", Remedy::Fresh),
    case("toolpair400", "400, a tool's use has no result", Login::ApiKey, "idle", Remedy::Fresh),
    case("toolong", "400, the prompt is too long", Login::ApiKey, "idle", Remedy::Fresh),
    case("usage 8", "5-hour limit, resets in 8 s", Login::ApiKey, "limited", Remedy::Parked),
    case("weekly 99999", "weekly limit, far away", Login::ApiKey, "limited", Remedy::Parked),
    case("refusal", "declines", Login::ApiKey, "idle", Remedy::Nothing),
    case("drop", "drops the connection before an answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("hang", "takes the request and says nothing", Login::ApiKey, "working", Remedy::Nothing),
    case("stall", "stops in mid-answer and says nothing more", Login::ApiKey, "working", Remedy::Nothing),
];

const OPEN_CASES: [Case; 20] = [
    case("ok fine", "answers", Login::ApiKey, "idle", Remedy::Nothing),
    case("rate 1", "429 with retry-after, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("rate 9999", "429 with a retry-after of hours", Login::ApiKey, "retrying", Remedy::Nothing),
    case("overloaded", "529, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("e500", "500, for longer than it tries", Login::ApiKey, "idle", Remedy::Nothing),
    case("dropmid", "drops the connection in mid-answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("empty", "answers nothing", Login::ApiKey, "idle", Remedy::Nothing),
    case("refusal", "declines", Login::ApiKey, "idle", Remedy::Nothing),
    case("maxtok", "stops at its longest answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("toolong", "400, the conversation is too long", Login::ApiKey, "idle", Remedy::Nothing),
    case("model404", "does not know the model", Login::ApiKey, "auth-failed", Remedy::Person),
    case("auth", "401", Login::ApiKey, "auth-failed", Remedy::Person),
    case("revoked", "403, the login was revoked", Login::ApiKey, "auth-failed", Remedy::Person),
    case("credit", "400, no credit is left", Login::ApiKey, "auth-failed", Remedy::Person),
    case("thinking400", "400, thinking blocks were changed", Login::ApiKey, "idle", Remedy::Fresh),
    case("sig400", "400, a signature does not fit", Login::ApiKey, "idle", Remedy::Fresh),
    case("toolpair400", "400, a tool's use has no result", Login::ApiKey, "idle", Remedy::Fresh),
    case("drop", "drops the connection before an answer", Login::ApiKey, "idle", Remedy::Nothing),
    case("hang", "takes the request and says nothing", Login::ApiKey, "working", Remedy::Nothing),
    case("stall", "stops in mid-answer and says nothing more", Login::ApiKey, "working", Remedy::Nothing),
];

/// What came of one case: the agent's state, what was decided, in sentences, and how long after the failure.
struct Seen {
    state: String,
    done: Vec<String>,
    remedy: Remedy,
    after_ms: i64,
}

#[test]
fn each_failure_is_read_and_healed_as_promised() {
    // By login, so that the table reads so.
    let of = |login: Login| CASES.iter().filter(move |case| case.login == login);
    let cases = of(Login::ApiKey).chain(of(Login::Subscription));
    holds(cases, MARKS, |case| Driven::claude(case.login, ""));
}

#[test]
fn each_failure_of_codex_is_read_and_healed_as_promised() {
    holds(CODEX_CASES.iter(), CODEX_MARKS, |_| Driven::codex(Sandbox::Off, ""));
}

#[test]
fn each_failure_of_opencode_is_read_and_healed_as_promised() {
    holds(OPEN_CASES.iter(), OPEN_MARKS, |_| Driven::opencode(Shell::Free, ""));
}

/// Plays all cases, each in a life of its own: what one leaves on the screen is not the next one's.
#[expect(clippy::print_stderr, reason = "what a test of minutes is at")]
fn holds<'a>(cases: impl Iterator<Item = &'a Case>, marks: [&str; 2], start: impl Fn(&Case) -> Driven) {
    let mut table = String::from("| the service | the agent is called | flightdeck |\n| --- | --- | --- |\n");
    let mut wrong = Vec::new();
    for case in cases {
        let driven = start(case);
        let seen = play(&driven, case);
        eprintln!("{}: {} after {} ms: {:?}", case.directive, seen.state, seen.after_ms, seen.done);
        if seen.state != case.state || seen.remedy != case.remedy {
            wrong.push(format!("{}: {} {:?} {:?}", case.directive, seen.state, seen.remedy, seen.done));
        }
        let done = if seen.done.is_empty() { "nothing is done".to_string() } else { seen.done.join("; ") };
        writeln!(table, "| {} | {} | {done} |", case.what, seen.state).expect("a text");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    in_docs(marks, &table);
}

#[test]
fn a_limit_that_it_waits_out_by_itself_is_left_to_it() {
    let driven = Driven::claude(Login::Subscription, "");
    driven.settled(driven.send("please go on [[usage 8]]"));
    let limited = || driven.records().iter().any(|(_, record)| matches!(record, Record::LimitReached { .. }));
    driven.until("its limit", || limited().then_some(()));
    assert_eq!(driven.worker().state.word(), "limited");
    // It speaks to itself a minute after the reset.
    let by_itself = || driven.stub.prompts().iter().any(|prompt| prompt.contains("usage limit has reset"));
    driven.until_within(Duration::from_secs(150), "its going on", || by_itself().then_some(()));
    let lifted = || driven.records().iter().any(|(_, record)| matches!(record, Record::LimitLifted { .. }));
    driven.until("the end of its limit", || lifted().then_some(()));
    let ours = |(_, record): &(Stamp, Record)| matches!(record, Record::MessageQueued { message } if message.origin == Origin::LimitLifted);
    assert!(!driven.records().iter().any(ours), "it was told to go on, although it did");
    assert_eq!(driven.worker().restarts_today, 0);
}

/// Plays it and watches until what must come has come, or what must not come has not for a while.
fn play(driven: &Driven, case: &Case) -> Seen {
    let before = driven.view().seq;
    let asked = driven.stub.mains().len();
    let message = driven.send(&format!("please go on [[{}]]", case.directive));
    assert!(matches!(driven.settled(message), Stage::Submitted { .. }), "{}", case.directive);
    driven.until("its turn at the model", || (driven.stub.mains().len() > asked).then_some(()));
    let begun = clock::monotonic_ms();
    let decided = |record: &Record| remedy_of(record);
    let news = || -> Vec<Record> {
        driven.records().into_iter().filter(|(stamp, _)| stamp.seq > before).map(|(_, record)| record).collect()
    };
    let mut after_ms = 0;
    driven.until_within(LONGEST, case.directive, || {
        let found = news().iter().find_map(decided);
        let state = driven.worker().state;
        let busy = matches!(state, AgentState::Working | AgentState::Retrying | AgentState::Starting);
        let rests = !busy || state.word() == case.state;
        after_ms = clock::monotonic_ms() - begun;
        // Nothing to be done is seen by nothing being done for some time after its turn.
        let quiet = after_ms > 8_000 && rests && found.is_none() && state.word() == case.state;
        (found.is_some() && rests || quiet).then_some(())
    });
    if case.remedy == Remedy::Fresh {
        // The new conversation has read its start prompt.
        driven.until("a life that was told where it is", || {
            let told = |record: &Record| matches!(record, Record::MessageQueued { message } if matches!(message.origin, Origin::StartPrompt { .. }));
            (news().iter().any(told) && driven.worker().state.word() == "idle" && driven.stub.mains().len() > asked + 1).then_some(())
        });
    }
    let state = driven.worker().state;
    let remedy = news().iter().find_map(decided).unwrap_or(match state {
        AgentState::AuthFailed | AgentState::AtDialog { .. } => Remedy::Person,
        _ => Remedy::Nothing,
    });
    Seen { state: state.word().to_string(), done: told(&news()), remedy, after_ms }
}

/// OpenCode tries for 72 s.
const LONGEST: Duration = Duration::from_secs(180);

fn remedy_of(record: &Record) -> Option<Remedy> {
    match record {
        Record::LimitReached { .. } => Some(Remedy::Parked),
        Record::Quarantined { .. } => Some(Remedy::Fresh),
        _ => None,
    }
}

/// What was decided, without what differs from run to run.
fn told(records: &[Record]) -> Vec<String> {
    let decisions = records.iter().filter_map(|record| match record {
        Record::Quarantined { .. } => Some("leaves its conversation behind and starts it in a new one".to_string()),
        Record::LimitReached { until: Some(_), .. } => Some(
            "leaves it alone until the limit lifts, then tells it to go on unless it does so by itself".to_string(),
        ),
        Record::LimitReached { until: None, .. } => {
            Some("leaves it alone and asks the operator until when".to_string())
        }
        Record::StateChanged { state: AgentState::AuthFailed, .. } => {
            Some("asks the operator, and types nothing until that is put right".to_string())
        }
        _ => None,
    });
    decisions.collect()
}

const MARKS: [&str; 2] = ["<!-- failures: made by make lab -->\n", "<!-- end -->\n"];
const OPEN_MARKS: [&str; 2] = ["<!-- failures of opencode: made by make lab -->\n", "<!-- end of opencode -->\n"];
const CODEX_MARKS: [&str; 2] = ["<!-- failures of codex: made by make lab -->\n", "<!-- end of codex -->\n"];

fn in_docs(marks: [&str; 2], table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/agents.md");
    let text = std::fs::read_to_string(&path).expect("docs/agents.md");
    let (before, rest) = text.split_once(marks[0]).expect("the table's place");
    let (old, after) = rest.split_once(marks[1]).expect("the table's end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{}{table}{}{after}", marks[0], marks[1])).expect("it is written");
    } else {
        assert_eq!(old, table, "UPDATE_DOCS=1 writes what happened now");
    }
}
