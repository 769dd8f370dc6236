//! A fleet in every state, and what the verbs that only look say of it.

use flightdeck::config::prices::Billing;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::fact::Exit;
use flightdeck::pilot::gauge::Gauges;
use flightdeck::pilot::id::{AgentId, EffectId, Incarnation, MessageId, PhaseId, Sha};
use flightdeck::pilot::message::{Message, Origin, Stage};
use flightdeck::pilot::record::{Actor, AgentState, Order, Record, StopCause, Wish};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::usage::Used;
use flightdeck::pilot::view::{AgentView, MessageView, NextAction, PhaseItem, PhaseView, View, WatchView};
use flightdeck::words::text::is_unseen;

use super::deck::Deck;
use super::stand_in::{NOW, Outcome, StandIn};

/// Text that would act on a terminal if it got there.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31mred\u{202e}\r\u{8}\u{7f}\u{1b}]52;c;aGk=\u{7}\u{1b}]8;;x\u{1b}\\\u{90}q\u{9c}\u{2066}\u{200b}";

pub(crate) fn id(name: &str) -> AgentId {
    AgentId::parse(name).expect("a name")
}

pub(crate) fn phase(name: &str) -> PhaseId {
    PhaseId::parse(name).expect("a phase")
}

fn ago(seconds: i64) -> Time {
    Time(NOW.0 - seconds * 1000)
}

fn agent(name: &str, state: AgentState, since: i64) -> AgentView {
    AgentView {
        id: id(name),
        role: "builder".to_string(),
        backend: "demo".to_string(),
        wish: Wish::Running,
        state,
        since: ago(since),
        evidence: vec!["the first reason".to_string(), "the second".to_string()],
        next: None,
        incarnation: Incarnation(3),
        pid: Some(4711),
        session: Some("$3".to_string()),
        pane: Some("%3".to_string()),
        phase: Some(phase("1b")),
        restarts_today: 2,
        waiting_messages: 0,
        last_line: "● I read the plan".to_string(),
        model: String::new(),
        kind: "loop".to_string(),
        restart: "always".to_string(),
        deadlines: Vec::new(),
        host: "devbox".to_string(),
        dir: "/deck/clones/one".to_string(),
        deliver_in_turn: false,
        used_today: Used::default(),
        budget: None,
        budget_percent: None,
        billing: Billing::Unknown,
        gauges: Gauges::default(),
        version: None,
        unclear: (0, 0),
        account: None,
        account_why: String::new(),
    }
}

/// Six agents, one of which needs the operator.
pub(crate) fn view() -> View {
    let mut builder = agent("builder", AgentState::Working, 252);
    builder.next = Some(NextAction { what: "restart it unless it shows a sign of life".into(), at: ago(-200) });
    builder.waiting_messages = 1;
    let adversary = agent("adversary", AgentState::Waiting { until: ago(-61) }, 90);
    let held = agent("helper", AgentState::Held { cause: "3 deaths in 10m".into() }, 3700);
    let mut ended = agent("upgrader", AgentState::Finished, 90_000);
    (ended.pid, ended.session, ended.pane, ended.wish) = (None, None, None, Wish::Stopped);
    let limited = agent("scout", AgentState::Limited { until: Some(ago(-7200)) }, 30);
    let item = |name: &str, status: &str| PhaseItem {
        id: phase(name),
        status: status.to_string(),
        title: String::new(),
        since: None,
        spent_s: 0,
    };
    View {
        at: NOW,
        project: "deck".to_string(),
        epoch: 1,
        engine_pid: 4242,
        engine_since: ago(11_520),
        seq: 0,
        paused: false,
        emergency_stop: false,
        tmux: "up".to_string(),
        watch: WatchView {
            remote: Some("/srv/repo.git".to_string()),
            branch: "main".to_string(),
            head: Sha::parse(&"a1".repeat(20)),
            broken: None,
            handoffs: Vec::new(),
        },
        phase: PhaseView {
            current: Some(phase("1b")),
            sequence: vec![item("1a", "done"), item("1b", "active"), item("2", "pending")],
            complete: false,
            blocked: None,
        },
        agents: vec![adversary, builder, held, limited, ended],
        accounts: Vec::new(),
        outbox: vec![MessageView {
            id: MessageId(7),
            agent: id("builder"),
            origin: Origin::Operator,
            stage: Stage::Queued { why: Some("it is in a turn".to_string()) },
            queued_at: ago(75),
            preview: "read INBOX-builder.md".to_string(),
        }],
        alerts: vec!["helper is held: 3 deaths in 10m; `flightdeck release helper`".to_string()],
    }
}

/// Answers with this picture and accepts everything else.
pub(crate) fn showing(view: View) -> impl FnMut(&Command) -> Outcome + Send + 'static {
    move |command| match command {
        Command::Status => (Answer::Status { view: Box::new(view.clone()) }, Vec::new()),
        Command::Stop { agent } => {
            let ended = Record::Stopped { agent: agent.clone(), cause: StopCause::Operator, left: Vec::new() };
            (Answer::Accepted { what: format!("{command:?}") }, vec![ended])
        }
        other => (Answer::Accepted { what: format!("{other:?}") }, Vec::new()),
    }
}

#[test]
fn status_shows_who_needs_somebody_first() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    insta::assert_snapshot!("status", deck.run(&["status"]).whole());
    insta::assert_snapshot!("status_plain", deck.run(&["status", "--plain"]).whole());
    insta::assert_snapshot!("why", deck.run(&["why", "helper"]).whole());
    insta::assert_snapshot!("phase_list", deck.run(&["phase", "list"]).whole());
    insta::assert_snapshot!("outbox", deck.run(&["outbox"]).whole());
}

#[test]
fn what_stops_the_fleet_stands_above_it() {
    let deck = Deck::new();
    let (paused, emergency_stop, tmux) = (true, true, "silent: no answer within 2s".to_string());
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(View { paused, emergency_stop, tmux, ..view() }));
    let said = deck.run(&["status"]).out;
    let banners: Vec<&str> = said.lines().skip(1).take(3).collect();
    assert!(banners[0].starts_with("EMERGENCY STOP") && banners[1].starts_with("PAUSED"), "{said}");
    assert_eq!(banners[2], "TMUX: silent: no answer within 2s");
}

#[test]
fn in_a_locale_without_utf_8_the_same_stands_there_in_ascii() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    let utf8 = deck.run(&["status"]).out;
    let run = deck.call(&["status"]).env("LANG", "C").assert().code(0);
    let ascii = deck.said(&run).out;
    assert!(ascii.is_ascii(), "{ascii}");
    assert_eq!(ascii.lines().count(), utf8.lines().count());
    assert!(ascii.contains("*  builder") && ascii.contains("o  adversary"), "{ascii}");
    // An empty variable says nothing, and the strongest one wins.
    let run = deck.call(&["status"]).env("LC_ALL", "").env("LC_CTYPE", "POSIX").assert().code(0);
    assert!(deck.said(&run).out.is_ascii());
}

#[test]
fn a_phone_message_is_short_and_plain_however_large_the_fleet_is() {
    let deck = Deck::new();
    let mut many = view();
    many.agents = (0..300).map(|n| agent(&format!("agent-{n}"), AgentState::AuthFailed, n)).collect();
    many.alerts = vec!["é".repeat(1000); 20];
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(many));
    let said = deck.run(&["status", "--plain"]).out;
    assert!(said.len() <= 400 && said.is_ascii(), "{} characters: {said}", said.len());
    assert!(said.contains("AUTH-FAILED") && said.trim_end().ends_with("more"), "{said}");
}

#[test]
fn json_is_the_whole_picture_and_one_line() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    let said = deck.run(&["status", "--json"]);
    assert_eq!(said.out.lines().count(), 1);
    let seen: View = serde_json::from_value(said.json()).expect("a view");
    assert_eq!(seen, view());
    assert_eq!(deck.run(&["why", "helper", "--json"]).json()["agent"]["state"]["state"], "held");
    assert_eq!(deck.run(&["phase", "list", "--json"]).json()["current"], "1b");
    assert_eq!(deck.run(&["outbox", "--json"]).json()[0]["stage"]["why"], "it is in a turn");
}

#[test]
fn hostile_text_from_agents_reaches_no_terminal() {
    let deck = Deck::new();
    let mut wild = view();
    wild.project = HOSTILE.to_string();
    wild.alerts = vec![HOSTILE.to_string()];
    wild.phase.blocked = Some(HOSTILE.to_string());
    wild.watch.broken = Some(HOSTILE.to_string());
    wild.tmux = HOSTILE.to_string();
    wild.outbox[0].preview = HOSTILE.to_string();
    wild.outbox[0].stage = Stage::Queued { why: Some(HOSTILE.to_string()) };
    for agent in &mut wild.agents {
        agent.last_line = HOSTILE.to_string();
        agent.evidence = vec![HOSTILE.to_string()];
        agent.state = AgentState::Held { cause: HOSTILE.to_string() };
        agent.next = Some(NextAction { what: HOSTILE.to_string(), at: NOW });
    }
    let refusal = |command: &Command| match command {
        Command::Pause => (Answer::Accepted { what: HOSTILE.to_string() }, Vec::new()),
        _ => (Answer::Refused { why: HOSTILE.to_string(), hint: Some(HOSTILE.to_string()) }, Vec::new()),
    };
    let mut picture = showing(wild);
    let _engine = StandIn::start(&deck.root(), hostile_records(), move |command| match command {
        Command::Status => picture(command),
        other => refusal(other),
    });
    for words in [
        vec!["status"],
        vec!["status", "--plain"],
        vec!["why", "builder"],
        vec!["phase", "list"],
        vec!["outbox"],
        vec!["events"],
        vec!["logs", "upgrader"],
        vec!["pause"],
        vec!["resume"],
        vec!["hold", "builder", HOSTILE],
        vec!["send", "builder", "x"],
        vec!["send", "builder", HOSTILE],
        vec!["events", "--kind", HOSTILE],
        vec!["check", "--workspace", HOSTILE],
        vec![HOSTILE],
        vec!["why", HOSTILE],
    ] {
        for json in [false, true] {
            let json = if json && !words.contains(&"--plain") { vec!["--json"] } else { Vec::new() };
            let said = deck.run(&[words.clone(), json].concat());
            let text = said.out + &said.err;
            let bad: Vec<char> = text.chars().filter(|c| is_unseen(*c)).collect();
            assert!(bad.is_empty(), "{words:?}: {bad:?} in {text:?}");
        }
    }
}

fn hostile_records() -> Vec<Record> {
    let text = || HOSTILE.to_string();
    vec![
        Record::ConfigRefused { problems: vec![text()] },
        Record::ServerSilent { why: text() },
        Record::Failed { id: EffectId(1), why: text() },
        Record::Exited { agent: id("upgrader"), exit: Exit::Status(1), last: vec![text()] },
        Record::StateChanged { agent: id("builder"), state: AgentState::Unknown { why: text() }, why: text() },
        Record::Held { agent: id("builder"), cause: text(), evidence: vec![text()], spent: true, until: None },
        Record::LimitReached { agent: id("builder"), until: None, text: text() },
        Record::Alerted { agent: None, what: text() },
        Record::WatchBroken { why: text() },
        Record::MessageQueued {
            message: Message {
                id: MessageId(1),
                agent: id("builder"),
                origin: Origin::Operator,
                text: text(),
                queued_at: NOW,
                only: None,
            },
        },
    ]
}

#[test]
fn events_are_sentences_and_can_be_chosen() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), past(), showing(view()));
    insta::assert_snapshot!("events", deck.run(&["events"]).whole());
    let lines = |words: &[&str]| deck.run(words).out.lines().count();
    assert_eq!(lines(&["events", "--limit", "2"]), 2);
    assert_eq!(lines(&["events", "--since", "3"]), past().len() - 3);
    assert_eq!(lines(&["events", "--since", "3", "--limit", "1"]), 1);
    assert_eq!(lines(&["events", "--agent", "builder"]), 3);
    assert_eq!(lines(&["events", "--kind", "paused"]), 1);
    assert_eq!(lines(&["events", "--since", "2026-11-21T01:38:48Z"]), past().len());
    assert_eq!(lines(&["events", "--since", "2026-11-21T01:38:49Z"]), 0);
    let json = deck.run(&["events", "--json", "-n", "1", "--kind", "held"]).json();
    assert_eq!((json["kind"].as_str(), json["seq"].as_u64()), (Some("held"), Some(4)));
}

fn past() -> Vec<Record> {
    let builder = || id("builder");
    let order = Order::Start { incarnation: Incarnation(1), phase: Some(phase("1a")), conversation: None };
    vec![
        Record::EngineStarted { epoch: 1, pid: 4242, version: "0.1.0".into(), seed: 9, host: "devbox".into() },
        Record::PhaseEntered { phase: phase("1a"), stale_done: false },
        Record::Ordered { id: EffectId(1), agent: Some(builder()), order, epoch: 1 },
        Record::Held {
            agent: builder(),
            cause: "3 deaths in 10m".into(),
            evidence: vec!["status 1".into()],
            spent: true,
            until: None,
        },
        Record::Released { agent: builder(), by: Actor::Operator },
        Record::Paused { by: Actor::Operator },
        Record::ServerLost,
    ]
}

#[test]
fn without_an_engine_the_past_is_still_told() {
    let deck = Deck::new();
    drop(StandIn::start(&deck.root(), past(), showing(view())));
    assert_eq!(deck.run(&["events"]).code, Some(0));
    let status = deck.run(&["status"]);
    assert_eq!(status.code, Some(4));
    assert!(status.out.starts_with("as last recorded, 2026-11-21 01:38:48 UTC"), "{}", status.out);
    assert!(status.out.contains("builder  stopped") && status.out.contains("PAUSED"), "{}", status.out);
    assert!(status.err.contains("no engine runs in DECK"), "{}", status.err);
    let json = deck.run(&["status", "--json"]).json();
    assert_eq!((json["exit"].as_u64(), json["last"]["seq"].as_u64()), (Some(4), Some(7)));
    let follow = deck.run(&["events", "--follow"]);
    assert_eq!((follow.code, follow.out.as_str()), (Some(4), ""));
}

#[test]
fn who_follows_hears_the_past_then_the_present_until_the_engine_ends() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), past(), |command| match command {
        Command::Pause => (Answer::Accepted { what: "paused".into() }, vec![Record::WatchMended]),
        _ => (Answer::Accepted { what: "bye".into() }, Vec::new()),
    });
    let mut follow = flightdeck::edge::spawn::blocking(env!("CARGO_BIN_EXE_flightdeck"));
    follow.args(["events", "--follow", "--json", "-n", "1", "--workspace"]).arg(deck.root());
    let mut child =
        follow.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().expect("it runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
    let mut next = || {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    assert_eq!(next()["seq"], 7);
    deck.call(&["pause"]).assert().code(0);
    assert_eq!(next()["seq"], 8);
    drop(engine);
    assert_eq!(next()["exit"], 4);
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
}
