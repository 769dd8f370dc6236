//! Faults of the processes of agents and of the engine's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use flightdeck::edge::process::{Alive, alive, identity};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::fact::{Exit, Identity};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Illness, Order, Record, StopCause};
use flightdeck::pilot::time::Time;
use rustix::process::Signal;

use super::aside::Aside;
use super::deck::{Deck, Dice, id, signal_to};
use super::plan::{PROGRAM, Plan};
use super::sim::{play, scenario};

const IDLE: &str = "on *: say yes\n";

#[test]
fn p1_an_agent_that_dies_comes_back_and_its_status_and_last_screen_are_kept() {
    let deck =
        Plan::new().agent("solo", "once crash on *: say these are my last words; exit 3\non *: say hello\n").up();
    deck.ready("solo", 2);
    let (exit, last) = deck.exits("solo").remove(0);
    assert_eq!(exit, Exit::Status(3));
    assert!(last.iter().any(|line| line.contains("these are my last words")), "{last:?}");
    deck.prompted("solo", 2);
    deck.kill("solo", Signal::KILL);
    deck.ready("solo", 3);
    let (exit, _) = deck.exits("solo").remove(1);
    assert_eq!(exit, Exit::Signal(9));
    deck.prompted("solo", 3);
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (3, 3));
}

#[test]
fn p2_an_agent_that_ends_well_comes_back_only_where_it_always_should() {
    let script = "once end on *: exit 0\non *: say hello\n";
    let policies = ["always", "on-failure", "never"];
    let plan = policies
        .iter()
        .fold(Plan::new(), |plan, policy| plan.agent(policy, script).set(&format!("agents.{policy}.restart"), *policy));
    let deck = plan.up();
    for policy in policies {
        deck.until(&format!("the end of {policy}"), || deck.exits(policy).into_iter().next());
    }
    deck.ready("always", 2);
    deck.prompted("always", 2);
    for policy in ["on-failure", "never"] {
        assert_eq!(deck.exits(policy)[0].0, Exit::Status(0), "{policy}");
        assert_eq!(deck.starts(policy), 1, "{policy}\n{}", deck.story());
        assert_eq!(deck.agent(policy).state, AgentState::Finished, "{policy}\n{}", deck.story());
    }
    // All of it: each policy, and each kind of end.
    for (end, expected) in [("exits 0", [2, 1, 1]), ("exits 1", [2, 2, 1]), ("killed 9", [2, 2, 1])] {
        let mut text = "# Who comes back.\nagents: always failure never\nsequence: none\n".to_string();
        text += "config agents.failure: restart = \"on-failure\"\nconfig agents.never: restart = \"never\"\n\n";
        for (at, agent) in ["always", "failure", "never"].iter().enumerate() {
            text += &format!("{}m {agent} {end}\n", 1 + at);
        }
        let story = play(&(text + "10m end\n"));
        assert_eq!(
            ["always", "failure", "never"].map(|agent| story.starts(agent)),
            expected,
            "{end}\n{}",
            story.told()
        );
    }
}

#[test]
fn p3_a_crash_loop_ends_in_a_hold_that_outlives_the_engine_and_ends_by_release_alone() {
    let deck = Plan::new().agent("solo", "").flags("solo", &["--exit-at-start", "7"]).up();
    let held = |record: &Record| matches!(record, Record::Held { .. });
    deck.saw("a hold", |record| held(record).then_some(()));
    let cause = match deck.agent("solo").state {
        AgentState::Held { cause } => cause,
        other => panic!("{other:?}"),
    };
    assert!(cause.contains("crash loop: ended 4 times"), "{cause}");
    let alerts = deck.status().alerts;
    let of_it = alerts.iter().filter(|alert| alert.contains("flightdeck release solo"));
    assert_eq!(of_it.count(), 1, "{alerts:?}");
    let told =
        |record: &Record| matches!(record, Record::Alerted { what, .. } if what.contains("flightdeck release solo"));
    assert_eq!(deck.count(told), 1, "{}", deck.story());
    let starts = deck.starts("solo");

    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    assert!(matches!(deck.agent("solo").state, AgentState::Held { .. }));
    assert_eq!(deck.starts("solo"), starts, "a held agent was started by a new engine");

    deck.tell(&Command::Release { agent: id("solo") });
    deck.until("another start", || (deck.starts("solo") > starts).then_some(()));
    deck.until("the next hold", || (deck.count(held) == 2).then_some(()));
    assert_eq!(deck.count(|record| matches!(record, Record::Exited { .. })), 8);
}

/// When an agent was found ill, and with what.
pub(crate) fn found(deck: &Deck, agent: &str) -> Vec<(Time, Illness)> {
    let all = deck.records();
    let found = all.iter().filter_map(|(stamp, record)| match record {
        Record::Found { agent: who, illness, .. } if *who == id(agent) => Some((stamp.at, *illness)),
        _ => None,
    });
    found.collect()
}

/// When the first record of a kind was written.
fn when(deck: &Deck, what: &str, good: impl Fn(&Record) -> bool) -> Time {
    deck.until(what, || deck.records().iter().find(|(_, record)| good(record)).map(|(stamp, _)| stamp.at))
}

#[test]
fn p4_a_wedged_agent_is_started_once_and_in_a_fresh_conversation() {
    let talk = vec![PROGRAM, "demo-agent", "--conversation", "{conversation}", "{args}"];
    let resume = vec![PROGRAM, "demo-agent", "--resume", "{conversation}", "{args}"];
    let script =
        "once wedge on *: say a bad hour; wedge\nresumed on *: say I am the old one\non *: say fine; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", script)
        .set("agents.solo.resume", true)
        .set("backends.player.launch", talk)
        .set("backends.player.resume", resume)
        .set("stall.idle", "2s")
        .up();
    deck.ready("solo", 2);
    deck.prompted("solo", 2);
    assert_eq!(found(&deck, "solo").len(), 1);
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, StopCause::Stall);
    let conversations = deck.all(|record| match record {
        Record::Ordered { order: Order::Start { conversation, .. }, .. } => Some(conversation.clone().expect("a name")),
        _ => None,
    });
    assert_eq!(conversations.len(), 2);
    assert_ne!(conversations[0], conversations[1], "the wedged conversation was taken up again");
    deck.until("the new one's word", || deck.screen("solo").contains("● fine").then_some(()));

    // The same agent after an ordinary death goes on with its conversation: what was fresh was the remedy, not the rule.
    deck.kill("solo", rustix::process::Signal::KILL);
    deck.ready("solo", 3);
    deck.until("the old one", || deck.screen("solo").contains("● I am the old one").then_some(()));
}

#[test]
fn p5_a_silent_agent_lives_for_as_long_as_its_child_is_busy() {
    let busy = "(exec timeout 5 sh -c 'while :; do :; done') & exec \"$0\" demo-agent \"$@\"";
    let script = "once quiet on *: say I wait for my tests; silence no-spinner\non *: say well; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", script)
        .set("backends.player.launch", vec!["sh", "-c", busy, PROGRAM, "{args}"])
        .set("stall.idle", "1s")
        .up();
    let started = when(&deck, "its start", |record| matches!(record, Record::Started { .. }));
    deck.ready("solo", 2);
    let (at, illness) = found(&deck, "solo")[0];
    assert_eq!(illness, Illness::Stalled);
    assert!(at.since(started).as_millis() >= 5_000, "ended with a busy child: {at} after {started}\n{}", deck.story());
    deck.prompted("solo", 2);
    assert_eq!(found(&deck, "solo").len(), 1);

    // With the times that are shipped: 45 minutes of a test suite, an hour of a quiet child, a wake that is still to come.
    for plan in [
        "works 45m frozen with a busy child, waits 5m",
        "works 50m frozen with a quiet child, waits 5m",
        "works 10s, waits 10m and wakes 170s late",
        "works 100m, waits 5m",
    ] {
        let story = play(&format!("# Nobody is ended.\nagents: builder\n\n0s builder always: {plan}\n3h end\n"));
        let harm =
            |record: &Record| matches!(record, Record::Found { .. } | Record::Stopped { .. } | Record::Held { .. });
        assert_eq!((story.count(harm), story.starts("builder")), (0, 1), "{plan}\n{}", story.told());
    }
    let capped = scenario("stall-quiet-child");
    assert_eq!(capped.count(|record| matches!(record, Record::Found { .. })), 1, "an hour, and not for ever");
}

#[test]
fn p6_a_poisoned_conversation_is_left_for_ever_and_a_quoted_error_changes_nothing() {
    let talk = vec![PROGRAM, "demo-agent", "--conversation", "{conversation}", "{args}"];
    let resume = vec![PROGRAM, "demo-agent", "--resume", "{conversation}", "{args}"];
    let quoted = "on *: say he saw \"API error 400: `thinking` blocks cannot be modified\" once; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", "once bad on *: poison\nresumed on *: say I am the old one\non *: say fine; wait 60s\n")
        .agent("quoter", quoted)
        .set("agents.solo.resume", true)
        .set("backends.player.launch", talk)
        .set("backends.player.resume", resume)
        .up();
    deck.ready("solo", 2);
    deck.prompted("solo", 2);
    deck.until("the new one's word", || deck.screen("solo").contains("● fine").then_some(()));
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!((cause, found(&deck, "solo").len()), (StopCause::Poisoned, 1));
    assert_eq!((found(&deck, "quoter"), deck.starts("quoter")), (Vec::new(), 1));
}

#[test]
fn p7_an_agent_that_never_shows_a_composer_is_started_again_by_its_own_limit() {
    let deck =
        Plan::new().agent("solo", "").flags("solo", &["--start-delay", "60s"]).set("stall.start_limit", "1s").up();
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, StopCause::StartLimit);
    deck.saw("a hold", |record| matches!(record, Record::Held { .. }).then_some(()));
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (4, 0));
}

#[test]
fn p8_a_question_at_the_start_is_the_operators_and_no_start_limit_ends_it() {
    let deck = Plan::new()
        .agent("solo", "on *: say yes\n")
        .flags("solo", &["--start-dialog", "trust"])
        .set("stall.start_limit", "1s")
        .up();
    deck.until("a dialog", || matches!(deck.agent("solo").state, AgentState::AtDialog { .. }).then_some(()));
    assert!(deck.status().alerts.iter().any(|alert| alert.contains("flightdeck attach solo")));
    deck.until("three start limits", || {
        let view = deck.status();
        (view.at.since(deck.agent("solo").since).as_secs() >= 3).then_some(())
    });
    assert_eq!(deck.starts("solo"), 1);
    deck.press("solo", &["1"]);
    deck.prompted("solo", 1);
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 1));
}

#[test]
fn p9_an_engine_killed_at_any_moment_of_a_start_or_a_stop_doubles_nobody() {
    let names = ["one", "two", "three"];
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: leak; say yes; wait 60s\n"));
    let deck = plan.set("restart.budget_short", "100 in 10m").set("restart.budget_long", "200 in 1d").up();
    names.iter().for_each(|name| deck.ready(name, 1));
    let mut dice = Dice(0xdeed);
    for round in 0..12 {
        let name = names[round % 3];
        if round % 2 == 0 {
            deck.kill(name, Signal::KILL);
        } else {
            // It may be refused while an effect is in flight, which is as good a moment as any.
            deck.ask(&Command::Restart { agent: id(name), fresh: false });
        }
        clock::block(Duration::from_millis(dice.below(400)));
        deck.one_of_each();
        deck.end_engine(Signal::KILL);
        deck.one_of_each();
        deck.start_engine();
    }
    deck.until("all at rest", || {
        deck.one_of_each();
        let agents = deck.status().agents;
        agents.iter().all(|agent| matches!(agent.state, AgentState::Waiting { .. })).then_some(())
    });
    for name in names {
        assert_eq!(deck.submits(name).len(), deck.submits(name).iter().filter(|words| words.contains("begin")).count());
        assert_eq!(deck.agent(name).waiting_messages, 0);
    }
}

#[test]
fn p11_a_stop_ends_what_left_the_session_and_what_ignores_every_request() {
    // A child in a session of its own that ignores HUP and TERM, and an agent that hears neither.
    let deck = Plan::new().agent("solo", "on *: leak; say I hear nothing; wedge deaf\n").up();
    deck.prompted("solo", 1);
    let lives = deck.until("the agent and its child", || Some(deck.survivors()).filter(|lives| lives.len() >= 2));
    deck.until("deafness", || deck.screen("solo").contains("17 17 17 17").then_some(()));
    deck.tell(&Command::Stop { agent: id("solo") });
    let left = deck.saw("its end", |record| match record {
        Record::Stopped { left, .. } => Some(left.clone()),
        _ => None,
    });
    assert_eq!(left, Vec::new());
    let gone = |life: &Identity| alive(life) == Alive::No;
    assert!(lives.iter().all(gone) && deck.survivors().is_empty(), "{:?}", deck.survivors());
    assert_eq!(deck.tmux(&["list-sessions", "-F", "#{session_name}"]).trim(), "_flightdeck");
}

/// An agent that somebody started by hand, in a terminal of their own.
fn by_hand(deck: &Deck) -> Aside {
    let program = deck.outside().join("flightdeck-demo");
    symlink(PROGRAM, &program).expect("a link");
    let hand = Aside::beside(deck, "hand.sock");
    hand.run(deck, "hand", &[&program.display().to_string(), "demo-agent", "--play", "echo"]);
    hand
}

#[test]
fn p12_an_orchestrator_that_was_launched_by_hand_prevents_a_second_one() {
    let script = "on *: say I look after the loops; wait 60s\n";
    let plan = Plan::new().agent("orchestrator", script).agent("other", "on *: say yes\n");
    let deck = plan.set("agents.orchestrator.role", "orchestrator").laid_out();
    let hand = by_hand(&deck);
    let pid = hand.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_string();
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
fn p14_an_agent_that_is_stopped_by_a_signal_is_woken_by_tmux_and_takes_its_words() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    for round in 0..5 {
        deck.kill("solo", Signal::STOP);
        let message = deck.send("solo", &format!("word {round}"));
        assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    }
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 6));

    // One that takes no notice of the signals that ask is ended by the one that does not.
    let deaf = "trap : HUP INT TERM; while :; do \"$0\" demo-agent \"$@\"; sleep 0.1; done";
    let deck = Plan::new().agent("solo", IDLE).behind("solo", deaf).up();
    deck.prompted("solo", 1);
    let life = deck.process("solo");
    deck.kill("solo", Signal::TERM);
    assert_eq!(deck.verb(&["stop", "solo"]).status.code(), Some(0));
    deck.saw("its end", |record| matches!(record, Record::Stopped { .. }).then_some(()));
    deck.until("no process", || (alive(&life) == Alive::No).then_some(()));

    // What has ended and waits for its parent's word is not alive.
    let mut child = spawn::blocking("sleep").arg("600").spawn().expect("it runs");
    let life = identity(child.id()).expect("it lives");
    assert_eq!(alive(&life), Alive::Yes);
    child.kill().expect("ours");
    deck.until("a zombie", || (alive(&life) == Alive::No).then_some(()));
    assert!(std::path::Path::new(&format!("/proc/{}", child.id())).exists(), "it was waited for");
    child.wait().expect("its end");
}

#[test]
fn p16_many_deaths_at_once_are_one_event_that_costs_nobody_a_budget() {
    let names: Vec<String> = (1..=20).map(|number| format!("a{number}")).collect();
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: say yes\n"));
    let deck = plan
        .set("restart.mass_pause", "3s")
        .set("restart.stage", "2 in 1s")
        .set("restart.budget_short", "1 in 10m")
        .up();
    names.iter().for_each(|name| deck.prompted(name, 1));
    let processes: Vec<_> = names.iter().map(|name| deck.process(name)).collect();
    processes.iter().for_each(|process| signal_to(process, Signal::KILL));
    names.iter().for_each(|name| deck.prompted(name, 2));
    let records = deck.records();
    let deaths: Vec<(Time, usize)> = records
        .iter()
        .filter_map(|(stamp, record)| match record {
            Record::MassDeath { agents, .. } => Some((stamp.at, agents.len())),
            _ => None,
        })
        .collect();
    let [(at, dead)] = deaths[..] else { panic!("{deaths:?}\n{}", deck.story()) };
    assert!(dead >= 3, "{}", deck.story());
    let begins = |record: &Record| matches!(record, Record::Ordered { order: Order::Start { .. }, .. });
    let starts: Vec<Time> =
        records.iter().filter(|(stamp, record)| stamp.at > at && begins(record)).map(|(stamp, _)| stamp.at).collect();
    assert_eq!(starts.len(), 20, "{}", deck.story());
    assert!(starts[0].since(at) >= Duration::from_millis(2_900), "{}", deck.story());
    assert!(starts.windows(3).all(|three| three[2].since(three[0]) >= Duration::from_millis(950)), "{starts:?}");
    // The one that it may have within ten minutes is still there.
    deck.kill("a1", Signal::KILL);
    deck.prompted("a1", 3);
    assert_eq!(deck.count(|record| matches!(record, Record::Held { .. })), 0, "{}", deck.story());
}

#[test]
fn p18_a_missing_folder_is_refused_and_the_start_follows_when_it_is_there() {
    let plan = Plan::new().agent("solo", IDLE).agent("other", IDLE);
    let deck = plan.laid_out();
    let folder = deck.workspace.join("clones/solo");
    fs::remove_dir(&folder).expect("an empty folder");
    deck.start_engine();
    let why = deck.saw("a refusal", |record| match record {
        Record::StartDelayed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("clones/solo") && why.contains("missing"), "{why}");
    deck.prompted("other", 1);
    assert_eq!((deck.starts("solo"), deck.count(|record| matches!(record, Record::BackedOff { .. }))), (0, 0));
    fs::create_dir(&folder).expect("a folder");
    deck.tell(&Command::Restart { agent: id("solo"), fresh: false });
    deck.prompted("solo", 1);
    started_alike_by_every_engine();
}

/// An engine that a timer starts, in another folder and with other variables, starts agents as the first one did.
fn started_alike_by_every_engine() {
    let noted = "env | sort > ../../env.${FLIGHTDECK_OWNER##*/}; exec \"$0\" demo-agent \"$@\"";
    let deck = Plan::new().agent("solo", IDLE).behind("solo", noted).up();
    let started = |life: usize| {
        deck.prompted("solo", life);
        let pid = deck.process("solo").pid;
        let env = fs::read_to_string(deck.workspace.join(format!("env.{life}"))).expect("its environment");
        let env: Vec<String> =
            env.lines().filter(|line| !line.starts_with("FLIGHTDECK_OWNER=")).map(str::to_string).collect();
        let argv = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("its command");
        (env, argv, fs::read_link(format!("/proc/{pid}/cwd")).expect("its folder"))
    };
    let first = started(1);
    deck.end_engine(Signal::TERM);
    let odd = [
        ("LANG", "tlh"),
        ("PATH", "/usr/bin:/bin"),
        ("SHELL", "/bin/false"),
        ("A_KEY", "of somebody"),
        ("TERM", "dumb"),
    ];
    *deck.variables.borrow_mut() = odd.map(|(name, value)| (name, value.to_string())).to_vec();
    deck.start_engine_under(&["sh", "-c", "cd / && exec \"$0\" \"$@\""]);
    deck.tell(&Command::Restart { agent: id("solo"), fresh: true });
    assert_eq!(started(2), first);
}
