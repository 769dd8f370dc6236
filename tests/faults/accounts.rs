//! Faults of accounts and their limits.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::{AgentState, Order, Record};
use flightdeck::pilot::standing::Verdict;
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::Plan;
use super::sim::{Story, play, scenario};

fn resumed(deck: &Deck) -> Vec<flightdeck::pilot::message::Message> {
    deck.all(|record| match record {
        Record::MessageQueued { message } if message.origin == Origin::LimitLifted => Some(message.clone()),
        _ => None,
    })
}

#[test]
fn a1_a_usage_limit_is_waited_out_until_the_time_it_names_and_a_message_ends_it() {
    // The demo agent's own limits end at whole minutes; this one is told by its words alone.
    let script = "once limit on *: error usage limit reached · resets in 4s\non *: say I go on\n";
    let deck = Plan::new().agent("solo", script).up();
    let (at, until) = deck.until("the limit", || {
        deck.records().into_iter().find_map(|(stamp, record)| match record {
            Record::LimitReached { until, .. } => Some((stamp.at, until.expect("it names a time"))),
            _ => None,
        })
    });
    assert!(until > at, "{at} {until}");
    deck.until("its state", || (deck.agent("solo").state == AgentState::Limited { until: Some(until) }).then_some(()));
    // What an operator has to say waits as well.
    let message = deck.send("solo", "and this too");
    deck.waits_for(message, "limit");
    assert_eq!(deck.submits("solo").len(), 1, "it was spoken to although it is limited");

    // Waited for as long as it takes: the words are true only after the time they name.
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    let lifted = deck.records().into_iter().find_map(|(stamp, record)| match record {
        Record::LimitLifted { .. } => Some(stamp.at),
        _ => None,
    });
    assert!(lifted.expect("it was lifted") >= until, "{}", deck.story());
    let words = resumed(&deck);
    assert_eq!(words.len(), 1, "{}", deck.story());
    assert!(matches!(deck.settled(words[0].id), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("solo")[1..], [words[0].text.clone(), "and this too".to_string()]);
    deck.until("its answer", || deck.screen("solo").contains("I go on").then_some(()));
    assert_eq!(deck.starts("solo"), 1, "it was started again for its limit");

    // Still limited at the time it named: the wait doubles, and never idles for more than ten minutes.
    let story = scenario("limit-still-there");
    assert_eq!(story.starts("builder"), 1, "{}", story.told());
    let reached = times(&story, |record| matches!(record, Record::LimitReached { .. }));
    let lifted = times(&story, |record| matches!(record, Record::LimitLifted { .. }));
    assert!(reached.len() >= 3 && lifted.len() == reached.len(), "{}", story.told());
    assert!(reached.iter().zip(&lifted).all(|(from, to)| to - from <= 720), "{reached:?} {lifted:?}");
    // Its limit was really over after 30 minutes.
    assert!(*lifted.last().expect("one") <= 1800 + 60 + 600 + 120, "{lifted:?}");
}

/// Seconds since the beginning of the records of a kind.
fn times(story: &Story, good: impl Fn(&Record) -> bool) -> Vec<u64> {
    story.all(|record| good(record).then_some(())).into_iter().map(|(at, ())| at.as_secs()).collect()
}

fn alerts(story: &Story) -> Vec<String> {
    let alerts = story.all(|record| match record {
        Record::Alerted { what, .. } => Some(what.clone()),
        _ => None,
    });
    alerts.into_iter().map(|(_, what)| what).collect()
}

#[test]
fn a2_a_limit_that_is_quoted_or_old_changes_nothing() {
    let quoted = scenario("limit-quoted");
    let limited = |record: &Record| matches!(record, Record::LimitReached { .. });
    assert_eq!(times(&quoted, limited), [0u64; 0], "{}", quoted.told());
    // The words of one that is over hide no stall.
    let old = scenario("limit-old-text-stall");
    assert_eq!(times(&old, limited).len(), 1, "{}", old.told());
    assert_eq!(times(&old, |record| matches!(record, Record::Found { .. })).len(), 1, "{}", old.told());
}

#[test]
fn a3_a_refused_login_holds_everybody_on_the_account_with_one_alert_until_it_is_let_in() {
    let story = scenario("account-refused");
    let held = |record: &Record| matches!(record, Record::StateChanged { state: AgentState::Held { .. }, .. });
    let mended = |record: &Record| matches!(record, Record::AccountProbed { verdict: Verdict::Good, .. });
    let (held, mended) = (times(&story, held), times(&story, mended));
    assert_eq!((held.len(), mended.len()), (2, 2), "{}", story.told());
    let mended = &mended[1..];
    assert_eq!(times(&story, |record| matches!(record, Record::AccountRefused { .. })), [held[0]]);
    assert_eq!(held[0], held[1], "both at once");
    let told: Vec<String> = alerts(&story).into_iter().filter(|what| what.contains("talker login")).collect();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.contains("builder") && told.contains("adversary") && told.contains("homes/one"), "{told}");
    // While it is refused nobody is started and nobody is spoken to.
    let between = |at: &u64| (held[0]..mended[0]).contains(at);
    let acts = times(&story, |record| match record {
        Record::Ordered { order, .. } => {
            matches!(order, Order::Start { .. } | Order::Paste { .. } | Order::Submit { .. })
        }
        _ => false,
    });
    assert_eq!(acts.iter().filter(|at| between(at)).count(), 0, "{}", story.told());
    assert_eq!(
        (story.starts("builder"), story.starts("adversary")),
        (2, 1),
        "who showed it starts again, the other goes on"
    );
    assert!(story.submitted().iter().all(|times| *times == 1), "{}", story.told());
}

#[test]
fn a5_a_blank_start_on_another_account_is_never_silent() {
    let fresh = |story: &Story| {
        let routes = story.all(|record| match record {
            Record::Routed { account, fresh, .. } => Some((account.clone().map(String::from), fresh.clone())),
            _ => None,
        });
        routes.into_iter().map(|(_, route)| route).collect::<Vec<_>>()
    };
    let anew = scenario("account-limit-anew");
    let routes = fresh(&anew);
    let (account, why) = routes.last().expect("it went on");
    assert_eq!(account.as_deref(), Some("two"));
    assert!(why.as_ref().is_some_and(|why| !why.is_empty()), "{routes:?}");
    assert!(alerts(&anew).iter().any(|what| what.contains("begins anew")), "{:?}", alerts(&anew));
    // Where its conversation is found it goes on in it, and nothing is to be said.
    let found = scenario("account-limit-next");
    assert!(
        fresh(&found).iter().any(|(account, fresh)| account.as_deref() == Some("two") && fresh.is_none()),
        "{}",
        found.told()
    );
    let conversations = found.all(|record| match record {
        Record::Started { conversation, .. } => conversation.clone(),
        _ => None,
    });
    assert_eq!(conversations[0].1, conversations[1].1, "{}", found.told());
}

#[test]
fn a6_with_all_accounts_limited_it_waits_for_the_first_that_is_free_and_does_not_spin() {
    let story = scenario("account-limit-both");
    let routes = times(&story, |record| matches!(record, Record::Routed { .. }));
    assert!(routes.len() <= 3, "{routes:?}\n{}", story.told());
    let limits = story.all(|record| match record {
        Record::LimitReached { until, .. } => *until,
        _ => None,
    });
    assert_eq!(limits.len(), 2, "{}", story.told());
    let first = super::sim::since_begin(limits[0].1).as_secs();
    assert!((first..first + 200).contains(routes.last().expect("a way back")), "{routes:?} {first}");
    let ordered = times(&story, |record| matches!(record, Record::Ordered { .. }));
    let second = limits[1].0.as_secs();
    assert_eq!(ordered.iter().filter(|at| (second + 5..first).contains(at)).count(), 0, "{}", story.told());
}

#[test]
fn a7_an_overloaded_service_is_waited_for_by_its_agent_and_nobody_is_ended() {
    let story = scenario("overloaded");
    let harm = |record: &Record| {
        matches!(
            record,
            Record::Found { .. } | Record::Stopped { .. } | Record::Held { .. } | Record::LimitReached { .. }
        )
    };
    assert_eq!((times(&story, harm), story.starts("builder")), (Vec::new(), 1), "{}", story.told());
    assert!(story.submitted().iter().all(|times| *times == 1));
}

#[test]
fn a9_a_budget_is_told_at_eighty_percent_and_held_at_a_hundred() {
    let story = scenario("budget-tokens");
    assert_eq!(alerts(&story).iter().filter(|what| what.contains("80 %")).count(), 1, "{:?}", alerts(&story));
    let held = story.all(|record| match record {
        Record::Held { cause, until, .. } => Some((cause.clone(), *until)),
        _ => None,
    });
    let [(at, (cause, until))] = held.as_slice() else { panic!("{held:?}\n{}", story.told()) };
    assert!(cause.contains("budget"), "{cause}");
    let midnight = 24 * 3600;
    assert_eq!(until.map(super::sim::since_begin).map(|until| until.as_secs()), Some(midnight));
    let typed = times(&story, |record| match record {
        Record::Ordered { order, .. } => {
            matches!(order, Order::Paste { .. } | Order::Submit { .. } | Order::Start { .. })
        }
        _ => false,
    });
    assert_eq!(typed.iter().filter(|act| (at.as_secs() + 1..midnight).contains(*act)).count(), 0, "{}", story.told());
    assert_eq!(times(&story, |record| matches!(record, Record::Released { .. })), [midnight], "{}", story.told());
}

#[test]
fn a10_screens_that_no_rule_explains_after_an_update_are_watched_and_never_judged() {
    let story = scenario("unclear-observed");
    assert_eq!(times(&story, |record| matches!(record, Record::SightLost { .. })).len(), 1, "{}", story.told());
    let harm = |record: &Record| matches!(record, Record::Found { .. } | Record::Stopped { .. } | Record::Held { .. });
    assert_eq!((times(&story, harm), story.starts("builder")), (Vec::new(), 1), "{}", story.told());
    let lost = times(&story, |record| matches!(record, Record::SightLost { .. }))[0];
    let typed = times(&story, |record| {
        matches!(record, Record::Ordered { order: Order::Paste { .. } | Order::Submit { .. }, .. })
    });
    assert!(typed.iter().all(|at| *at <= lost), "{}", story.told());
    assert!(alerts(&story).iter().any(|what| what.contains("flightdeck release builder")), "{:?}", alerts(&story));
}

#[test]
fn a8_when_a_limit_of_many_ends_they_are_spoken_to_two_at_a_time() {
    let names: Vec<String> = (10..40).map(|number| format!("a{number}")).collect();
    let mut text = format!("# Spread.\nagents: {}\nsequence: none\n\n", names.join(" "));
    for name in &names {
        text +=
            &format!("20s {name} next: works 10s, limited for 20m until 12:30am (UTC)\n1m operator send {name} go\n");
    }
    let story = play(&(text + "50m end\n"));
    let resumed = times(&story, |record| match record {
        Record::MessageQueued { message } => message.origin == Origin::LimitLifted,
        _ => false,
    });
    assert_eq!(resumed.len(), names.len(), "{}", story.told());
    let (first, last) = (resumed[0], resumed[resumed.len() - 1]);
    // Two within ten seconds make 150 s of thirty; nobody waits much longer than its jitter and that.
    assert!((1800..1900).contains(&first) && last <= 1800 + 120 + 150, "{resumed:?}");
    let ms = story.all(|record| matches!(record, Record::LimitLifted { .. }).then_some(()));
    let most = ms.iter().map(|(at, ())| {
        let within = |other: &&(Duration, ())| (*at..*at + Duration::from_secs(10)).contains(&other.0);
        ms.iter().filter(within).count()
    });
    assert_eq!(most.max(), Some(2), "{resumed:?}");
    assert!(names.iter().all(|name| story.starts(name) == 1));
}

#[test]
fn a4_programs_that_share_a_home_are_started_one_after_the_other_and_in_none_that_is_damaged() {
    one_after_the_other();
    in_none_that_is_damaged();
}

fn one_after_the_other() {
    // Twelve of one program in its usual home, two on an account with a home of its own, one of another program.
    let many: Vec<String> = (10..22).map(|number| format!("a{number}=talker")).collect();
    let agents = format!("{} b1=scribe b2=scribe other", many.join(" "));
    let text = format!(
        "# One after the other.\nagents: {agents}\nsequence: none\n\
         config accounts.one: provider = \"anthropic\"\nconfig accounts.one: kind = \"subscription\"\n\
         config accounts.one: config_home = \"homes/one\"\n\
         config accounts.usual: provider = \"anthropic\"\nconfig accounts.usual: kind = \"subscription\"\n\
         config accounts.usual: priority = 1\n\
         config backends.talker: access = {{ usual_home = \".talker\" }}\n\
         config agents.b1: accounts = [\"one\"]\nconfig agents.b2: accounts = [\"one\"]\n\n\
         0s account one answers good\n0s account usual answers good\n2m tmux dies\n10m end\n"
    );
    let story = play(&text);
    let starts = story.all(|record| match record {
        Record::Ordered { agent: Some(agent), order: Order::Start { .. }, .. } => Some(agent.to_string()),
        _ => None,
    });
    for home in ["a", "b"] {
        let at: Vec<Duration> = starts.iter().filter(|(_, agent)| agent.starts_with(home)).map(|(at, _)| *at).collect();
        assert_eq!(at.len(), if home == "a" { 24 } else { 4 }, "{}", story.told());
        let close = at.windows(2).find(|pair| pair[1] - pair[0] < Duration::from_secs(2));
        assert_eq!(close, None, "{home}\n{}", story.told());
        // It is a gap and no herd at the end of it: the first twelve take 22 s.
        assert!(home == "b" || at[11] - at[0] < Duration::from_secs(25), "{at:?}");
    }
    // Nobody waits for somebody else's home.
    let other = starts.iter().find(|(_, agent)| agent == "other").expect("it was started");
    assert!(other.0 < Duration::from_secs(1), "{starts:?}");
}

fn in_none_that_is_damaged() {
    let plan = Plan::new().agent("solo", "on *: say yes\n").agent("other", "on *: say yes\n");
    let plan = plan
        .set("backends.player.access.usual_home", ".player")
        .set("backends.player.access.files", vec!["login.json"]);
    let deck = plan.set("backends.player.access.usual_files", vec![".player.json", ".player.toml"]).laid_out();
    let home = deck.home.join(".player");
    std::fs::create_dir_all(&home).expect("a folder");
    let (login, state) = (home.join("login.json"), deck.home.join(".player.json"));
    std::fs::write(&login, "{\"token\": \"canary-4711\"}").expect("a file");
    std::fs::write(&state, "{}").expect("a file");
    std::fs::write(deck.home.join(".player.toml"), "a = 1\n").expect("a file");
    deck.start_engine();
    deck.prompted("solo", 1);
    let held = |agent: &str, count: usize| {
        deck.until("a hold", || {
            let causes = deck.all(|record| match record {
                Record::Held { agent: of, cause, .. } if of.as_str() == agent => Some(cause.clone()),
                _ => None,
            });
            causes.get(count - 1).cloned()
        })
    };
    let mut holds = 0;
    for (file, pieces, why) in [
        (&login, "{\"token\": \"canary-47", "no JSON at line 1, column 20"),
        (&state, "", "it is empty"),
        (&state, "{}{\"a\": 1}", "no JSON at line 1, column 3"),
        (&deck.home.join(".player.toml"), "a = 1\nb =", "it is no TOML"),
    ] {
        let whole = std::fs::read(file).expect("a file");
        std::fs::write(file, pieces).expect("a file");
        deck.kill("solo", Signal::KILL);
        holds += 1;
        let cause = held("solo", holds);
        let at = cause.find(".damaged-").expect("a copy's name");
        let begin = cause[..at].rfind(' ').expect("a blank") + 1;
        let copy = std::path::PathBuf::from(&cause[begin..at + ".damaged-".len() + 8]);
        assert_eq!(
            cause,
            format!("{} is damaged ({why}; a copy is kept as {}): put it right first", file.display(), copy.display())
        );
        assert!(!cause.contains("canary"), "{cause}");
        assert_eq!(std::fs::read(&copy).expect("a copy"), pieces.as_bytes());
        assert_eq!(std::fs::metadata(&copy).expect("a copy").mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(file).expect("a file"), pieces.as_bytes(), "it is not ours to put right");
        // Released too early it is held again, and the same damage is kept once.
        deck.tell(&Command::Release { agent: id("solo") });
        holds += 1;
        assert_eq!(held("solo", holds), cause);
        std::fs::write(file, whole).expect("a file");
        deck.tell(&Command::Release { agent: id("solo") });
        deck.prompted("solo", 1 + holds / 2);
    }
    let copies = std::fs::read_dir(&deck.home).expect("a folder").chain(std::fs::read_dir(&home).expect("a folder"));
    let copies = copies.flatten().filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-"));
    assert_eq!(copies.count(), 4);
    // Whoever ran on while it was damaged was left alone.
    assert_eq!(deck.submits("other").len(), 1);
    // One that is written at this very moment is not damaged.
    std::fs::write(&state, "{").expect("a file");
    deck.kill("solo", Signal::KILL);
    deck.until("its end", || (deck.exits("solo").len() == 5).then_some(()));
    std::fs::write(&state, "{}").expect("a file");
    deck.prompted("solo", 6);
    assert_eq!(deck.count(|record| matches!(record, Record::Held { .. })), holds);
}
