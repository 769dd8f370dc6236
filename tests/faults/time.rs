//! Faults of clocks, and of what agents say about time.

use std::time::Duration;

use chrono_tz::Tz;
use flightdeck::pilot::id::Incarnation;
use flightdeck::pilot::limit::{reset_time, reset_time_in};
use flightdeck::pilot::marker::{Marker, parse};
use flightdeck::pilot::record::{HiccupNote, Illness, Record};
use flightdeck::pilot::time::{Now, Time};

use super::deck::id;
use super::plan::Plan;
use super::process::found;
use super::sim::{Story, play, scenario};

#[test]
fn c1_a_late_wake_is_waited_for_and_one_that_never_comes_is_healed_after_the_grace() {
    let deck = Plan::new()
        .agent("late", "on *: late 2s; wait 1s\non wake: say good morning; wait 60s\n")
        .agent("lost", "once lost on *: wait 1s\non *: say I was away; wait 60s\non wake: silence no-spinner\n")
        .set("stall.idle", "2s")
        .set("stall.grace", "5s")
        .up();
    deck.until("the late one's second wait", || {
        let seen = |record: &Record| matches!(record, Record::MarkerSeen { agent, .. } if *agent == id("late"));
        (deck.count(seen) >= 2).then_some(())
    });
    assert!(deck.screen("late").contains("● good morning"));
    deck.ready("lost", 2);
    let (at, illness) = found(&deck, "lost")[0];
    assert_eq!(illness, Illness::LateMarker);
    let until = deck.saw("its marker", |record| match record {
        Record::MarkerSeen { agent, until, .. } if *agent == id("lost") => Some(*until),
        _ => None,
    });
    assert!(at.since(until).as_millis() >= 5_000, "ended within the grace: {at}, it said {until}");
    deck.prompted("lost", 2);
    let starts = |agent| {
        deck.all(|record| match record {
            Record::Started { agent: who, incarnation, .. } if *who == id(agent) => Some(*incarnation),
            _ => None,
        })
    };
    assert_eq!((starts("late"), starts("lost").len()), (vec![Incarnation(1)], 2));
    assert_eq!((found(&deck, "late"), found(&deck, "lost").len()), (Vec::new(), 1));

    // With the graces that are shipped: never before T+180 s, and at T+240 s at the latest.
    let story = scenario("marker-restart-window");
    let ended = illnesses(&story);
    let [(at, Illness::LateMarker)] = ended.as_slice() else { panic!("{ended:?}\n{}", story.told()) };
    let markers = story.all(|record| match record {
        Record::MarkerSeen { until, .. } => Some(super::sim::since_begin(*until)),
        _ => None,
    });
    let (_, until) = markers.iter().rfind(|(seen, _)| seen < at).expect("a marker before it");
    let late = *at - *until;
    assert!((180..=240).contains(&late.as_secs()), "{late:?}\n{}", story.told());
}

/// Who was found ill, with what and when.
fn illnesses(story: &Story) -> Vec<(Duration, Illness)> {
    story.all(|record| match record {
        Record::Found { illness, .. } => Some(*illness),
        _ => None,
    })
}

fn hiccups(story: &Story) -> Vec<(Duration, HiccupNote)> {
    story.all(|record| match record {
        Record::Hiccuped { what } => Some(*what),
        _ => None,
    })
}

#[test]
fn c2_a_flawed_or_quoted_marker_is_none_and_its_flaw_is_told() {
    let flaws = [
        ("WAITING-UNTIL: 2026-11-21T05:00:00", "zone"),
        ("WAITING-UNTIL: 5 pm", ""),
        ("WAITING-UNTIL: 2026-02-30T05:00:00Z", ""),
        ("WAITING-UNTIL:", ""),
    ];
    for (line, word) in flaws {
        let Marker::Flawed(why) = parse(line) else { panic!("{line}: {:?}", parse(line)) };
        assert!(why.contains(word), "{line}: {why}");
    }
    for line in
        ["> WAITING-UNTIL: 2026-11-21T05:00:00Z", "I said WAITING-UNTIL: 2026-11-21T05:00:00Z", "waiting until five"]
    {
        assert_eq!(parse(line), Marker::None, "{line}");
    }
    assert!(matches!(parse("WAITING-UNTIL: 2026-11-21T05:00:00+01:00"), Marker::At(_)));
    let story = scenario("marker-flawed");
    let alerts = story.all(|record| match record {
        Record::MarkerSeen { flaw, .. } => flaw.clone(),
        Record::Alerted { what, .. } => Some(what.clone()),
        _ => None,
    });
    assert!(alerts.iter().any(|(_, told)| told.contains("zone")), "{alerts:?}\n{}", story.told());
    assert_eq!(illnesses(&story).iter().map(|(_, illness)| *illness).collect::<Vec<_>>(), [Illness::Stalled]);
}

#[test]
fn c3_a_marker_far_ahead_is_capped_and_flagged_and_one_that_is_past_has_its_whole_grace() {
    let story = scenario("marker-capped");
    let markers = story.all(|record| match record {
        Record::MarkerSeen { until, flaw, .. } => Some((*until, flaw.clone())),
        _ => None,
    });
    let (seen, (until, flaw)) = &markers[0];
    assert!(flaw.is_some(), "{markers:?}");
    assert_eq!((super::sim::since_begin(*until) - *seen).as_secs(), 600, "{markers:?}");
    for far in ["2026-11-21T10:00:00Z", "2099-01-01T00:00:00Z"] {
        let text = format!("# Capped.\nagents: builder\n\n0s builder next: works 10s, marks {far}\n20m end\n");
        let ended = illnesses(&play(&text));
        assert!(
            matches!(ended.as_slice(), [(at, Illness::LateMarker)] if (780..=850).contains(&at.as_secs())),
            "{ended:?}"
        );
    }
    let past = illnesses(&scenario("marker-seen-late"));
    assert!(matches!(past.as_slice(), [(at, Illness::LateMarker)] if (190..=260).contains(&at.as_secs())), "{past:?}");
}

#[test]
fn c5_a_clock_that_jumps_and_a_machine_that_sleeps_cost_nobody_its_life() {
    for (name, expected) in [
        ("clock-forward", HiccupNote::ClockMoved { ms: 3_600_000 }),
        ("clock-back", HiccupNote::ClockMoved { ms: -86_400_000 }),
        ("machine-sleeps", HiccupNote::Slept { ms: 8 * 3_600_000 }),
    ] {
        let story = scenario(name);
        let told = hiccups(&story);
        assert_eq!(told.iter().map(|(_, what)| what).collect::<Vec<_>>(), [&expected], "{name}\n{}", story.told());
        let grace = told[0].0 + Duration::from_secs(180);
        let ended = illnesses(&story);
        assert!(ended.iter().all(|(at, _)| *at >= grace), "{name}: {ended:?} after {told:?}");
        // Whatever the clock said, the records stand in the order in which things happened.
        let seqs = story.seqs();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{name}");
    }
    // Both, again and again, while everybody works as usual: nobody is ended.
    let mut text = "# Nobody is ended.\nagents: builder adversary\n\n".to_string();
    for hour in (1..24).step_by(3) {
        text += &format!("{hour}h clock forward 1h\n{}h clock back 1d\n{}h machine sleeps 20m\n", hour + 1, hour + 2);
    }
    let story = play(&(text + "25h end\n"));
    assert_eq!((illnesses(&story), hiccups(&story).len()), (Vec::new(), 24), "{}", story.told());
    assert_eq!((story.starts("builder"), story.starts("adversary")), (1, 1));
}

#[test]
fn c6_a_reset_in_the_missing_or_the_double_hour_is_understood_and_later_rather_than_earlier() {
    let wall = |text: &str| serde_json::from_str::<Time>(&format!("{text:?}")).expect("a time");
    for (now, text, expected) in [
        // Summer time begins in Berlin at 2 on 29 March 2026: there is no 2:30.
        ("2026-03-28T23:00:00Z", "2:30am (Europe/Berlin)", "2026-03-29T01:30:00.000Z"),
        // It ends at 3 on 25 October 2026: there are two 2:30, and the later one counts.
        ("2026-10-24T22:00:00Z", "2:30am (Europe/Berlin)", "2026-10-25T01:30:00.000Z"),
        ("2026-03-08T05:00:00Z", "2:30am (America/New_York)", "2026-03-08T07:30:00.000Z"),
        ("2026-11-01T04:00:00Z", "1:30am (America/New_York)", "2026-11-01T06:30:00.000Z"),
        ("2026-11-21T12:00:00Z", "5:10pm (Europe/Paris)", "2026-11-21T16:10:00.000Z"),
    ] {
        let got = reset_time(text, Now::at(wall(now))).map(|time| time.to_string());
        assert_eq!(got.as_deref(), Some(expected), "{text} at {now}");
    }
    // Without a zone it is that of whoever reads; one that nobody knows is no time.
    let tokyo: Tz = "Asia/Tokyo".parse().expect("a zone");
    let now = Now::at(wall("2026-11-21T12:00:00Z"));
    assert_eq!(
        reset_time_in("10pm", now, tokyo).map(|time| time.to_string()).as_deref(),
        Some("2026-11-21T13:00:00.000Z")
    );
    assert_eq!(reset_time("2:30am (Mars/Olympus)", now), None);
}

#[test]
fn c7_an_engine_that_comes_late_ends_nobody_on_old_evidence() {
    // The last one's wake is long due when the engine comes back, and comes a minute after it: what starved the one starved
    // the other.
    for (late, wakes) in [("90s", "170s"), ("10m", "170s"), ("10m", "630s")] {
        let text = format!(
            "# No verdict on stale evidence.\nagents: builder\n\n\
             0s builder next: works 30s, waits 5m and wakes {wakes} late\n5m engine is late by {late}\n20m end\n"
        );
        let story = play(&text);
        assert_eq!(illnesses(&story), [], "{late}\n{}", story.told());
        assert_eq!((story.starts("builder"), hiccups(&story).len()), (1, 1), "{late}");
        assert!(matches!(hiccups(&story)[0].1, HiccupNote::Late { ms } if ms >= 89_000), "{:?}", hiccups(&story));
    }
}

#[test]
fn c9_dates_go_on_over_leap_days_ends_of_years_and_2038() {
    let wall = |text: &str| serde_json::from_str::<Time>(&format!("{text:?}")).expect("a time");
    for (text, midnight) in [
        ("2028-02-28T23:59:59.999Z", "2028-02-29T00:00:00.000Z"),
        ("2028-02-29T12:00:00.000Z", "2028-03-01T00:00:00.000Z"),
        ("2027-12-31T23:59:59.000Z", "2028-01-01T00:00:00.000Z"),
        ("2038-01-19T03:14:08.000Z", "2038-01-20T00:00:00.000Z"),
        ("2100-02-28T00:00:00.000Z", "2100-03-01T00:00:00.000Z"),
    ] {
        let time = wall(text);
        assert_eq!((time.to_string(), time.next_midnight().to_string()), (text.to_string(), midnight.to_string()));
        assert_eq!(time.next_midnight().midnight(), time.next_midnight());
        assert!(matches!(parse(&format!("WAITING-UNTIL: {text}")), Marker::At(at) if at == time), "{text}");
    }
    // A time beyond all calendars breaks nothing.
    assert!(!Time(i64::MAX).to_string().is_empty() && !Time(i64::MIN).to_string().is_empty());
    assert_eq!(Time(i64::MIN).since(Time(i64::MAX)), Duration::ZERO);
}

#[test]
fn c10_after_a_long_sleep_nothing_is_made_up_for_in_a_heap() {
    let text = |sleep: &str| {
        format!(
            "# One round.\nagents: builder adversary upgrader\nsequence: none\n\
             config agents.upgrader: schedule = \"*/5 * * * *\"\n\n\
             0s upgrader always: works 10s, says all is up to date\n2m machine sleeps {sleep}\n10h end\n"
        )
    };
    let runs = |story: &Story, from: u64, to: u64| {
        let runs = story.all(|record| matches!(record, Record::JobStarted { .. }).then_some(()));
        runs.iter().filter(|(at, ())| (from..to).contains(&at.as_secs())).count()
    };
    let slept = play(&text("8h"));
    // 96 times were missed, and are not made up for: after it wakes it runs at its own next times, 8:05 and 8:10.
    let woke = 8 * 3600 + 120;
    assert_eq!((runs(&slept, 0, woke + 170), runs(&slept, woke, woke + 500)), (0, 2), "{}", slept.told());
    assert!(runs(&slept, 0, u64::MAX) <= 27, "{}", slept.told());
    assert!(slept.steps() < play(&text("1s")).steps(), "a sleep is no work");
}
