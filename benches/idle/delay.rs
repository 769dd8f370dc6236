//! How soon flightdeck notices and acts: from what happened in the world to the record's arrival at a client of the link.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};

use flightdeck::edge::link::Follow;
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Order, Record};

use crate::fleet::{Fleet, Member, git, next};
use crate::now_ms;
use crate::samples::Samples;

/// A turn longer than a state has to stand before the next is recorded; its last act leaves a time on the disk.
const PROBE: &str = "on *: think 1500ms; append turns x\n";
/// The same while it prints a line each 100 ms.
const PRINTING_PROBE: &str = "on *: print 10 lines per second for 2s; append turns x\n";
const QUIET: &str = "on *: think 100ms; say you said: {prompt}\n";
const PRINTING: &str = "on *: print 10 lines per second for 1h\n";
/// What does not come within this is no figure but a fault.
const PATIENCE: Duration = Duration::from_secs(20);

/// A turn begins and ends in one pane: in a quiet fleet, then while ten others print, then in a pane that prints itself,
/// then with its output taken by somebody else.
pub(crate) fn status(runs: usize) -> Vec<Samples> {
    let mut all = Vec::new();
    let crowd = |script| (0..10).map(move |n| Member::new(format!("m{n:03}"), script));
    let silent = |script| Member { reports: false, ..Member::new("probe", script) };
    for (label, script, others) in [
        ("in a quiet fleet", PROBE, QUIET),
        ("while 10 others print", PROBE, PRINTING),
        ("in a pane that prints, of a quiet fleet", PRINTING_PROBE, QUIET),
    ] {
        let mut fleet = Fleet::new(crowd(others).chain([silent(script)]).collect(), false);
        fleet.start_engine();
        fleet.settle(Duration::from_secs(3));
        all.extend(turns(&mut fleet, label, runs));
        if others == QUIET && script == PROBE {
            fleet.stop_engine();
            take_output(&fleet);
            fleet.start_engine();
            fleet.settle(Duration::from_secs(3));
            all.extend(turns(&mut fleet, "on the fall-back (its output is taken by somebody else)", runs));
        }
    }
    all
}

/// The agent is killed; its restart begins.
pub(crate) fn death(runs: usize) -> Vec<Samples> {
    let mut noticed = Samples::new("kill -9 of an agent → `exited` recorded");
    let mut ordered = Samples::new("kill -9 of an agent → its restart ordered, without the back-off");
    let mut fleet = Fleet::new(vec![Member::new("victim", QUIET), Member::new("other", QUIET)], false);
    fleet.start_engine();
    for _ in 0..runs {
        fleet.settle(Duration::from_millis(1500));
        let victim = fleet.homes[&fleet.members[0].id()].process.pid;
        let mut follow = caught_up(&fleet);
        let pid = rustix::process::Pid::from_raw(victim as i32).expect("a pid");
        let began = now_ms();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
        until(&mut follow, |_, record| matches!(record, Record::Exited { .. }).then_some(()));
        noticed.push(now_ms() - began);
        let back_off = until(&mut follow, |stamp, record| match record {
            Record::BackedOff { until, .. } => Some(until.since(stamp.at)),
            _ => None,
        });
        until(&mut follow, |_, record| {
            matches!(record, Record::Ordered { order: Order::Start { .. }, .. }).then_some(())
        });
        ordered.push(now_ms() - began - back_off.as_secs_f64() * 1e3);
    }
    vec![noticed, ordered]
}

/// A claim is pushed from one clone; the other agent is pinged.
pub(crate) fn handoff(runs: usize) -> Vec<Samples> {
    let mut typed = Samples::new("`git push` of a claim begins → ping typed (local bare remote)");
    let mut sent = Samples::new("`git push` of a claim begins → ping submitted, with its evidence");
    let mut alone = Samples::new("of that, `git push` itself");
    let loops = ["builder", "adversary"].map(|name| Member {
        role: if name == "builder" { "builder" } else { "adversary" },
        ..Member::new(name, QUIET)
    });
    let mut fleet = Fleet::new(loops.to_vec(), true);
    fleet.start_engine();
    fleet.settle(Duration::from_secs(3));
    let clone = fleet.root().join("clones/builder");
    for run in 0..runs {
        let mut follow = caught_up(&fleet);
        git(&clone, &["commit", "--quiet", "--allow-empty", "--message", &format!("claim(g{run}): ready")]);
        let began = now_ms();
        git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
        alone.push(now_ms() - began);
        let mut reached = |wanted: fn(&Stage) -> bool| {
            until(&mut follow, |_, record| match record {
                Record::MessageMoved { stage, .. } if wanted(stage) => Some(()),
                _ => None,
            });
            now_ms() - began
        };
        typed.push(reached(|stage| matches!(stage, Stage::Typed { .. })));
        sent.push(reached(|stage| matches!(stage, Stage::Submitted { .. })));
        fleet.settle(Duration::from_millis(1200));
    }
    vec![typed, sent, alone]
}

fn turns(fleet: &mut Fleet, label: &str, runs: usize) -> [Samples; 2] {
    let mut begins = Samples::new(format!("turn begins {label} → `working` recorded"));
    let mut ends = Samples::new(format!("turn ends {label} → no longer `working`"));
    let probe = fleet.members.last().expect("the probe is the last one").id();
    let pane = fleet.homes[&probe].place.pane.clone();
    for _ in 0..runs {
        clock::block(Duration::from_millis(1300));
        let mut follow = caught_up(fleet);
        tmux(fleet, &["send-keys", "-l", "-t", &pane, "go"]);
        clock::block(Duration::from_millis(200));
        tmux(fleet, &["send-keys", "-t", &pane, "Enter"]);
        let changed = |follow: &mut Follow, working: bool| {
            until(follow, |_, record| match record {
                Record::StateChanged { agent, state, .. } if *agent == probe => {
                    (matches!(state, AgentState::Working) == working).then_some(())
                }
                _ => None,
            });
            now_ms()
        };
        let seen = changed(&mut follow, true);
        begins.push(seen - last_submit(&fleet.file(&format!("{probe}.log"))));
        let seen = changed(&mut follow, false);
        ends.push(seen - written(&fleet.root().join("clones").join(probe.as_str()).join("turns")));
    }
    [begins, ends]
}

/// A follower to which everything so far has been told.
fn caught_up(fleet: &Fleet) -> Follow {
    let mut follow = fleet.follow();
    while next(&mut follow, Duration::from_millis(50)).is_some() {}
    follow
}

fn until<T>(follow: &mut Follow, mut wanted: impl FnMut(&Stamp, &Record) -> Option<T>) -> T {
    let began = clock::monotonic_ms();
    loop {
        assert!(clock::monotonic_ms() - began < PATIENCE.as_millis() as i64, "it did not come within {PATIENCE:?}");
        if let Some((stamp, record)) = next(follow, Duration::from_millis(500))
            && let Some(found) = wanted(&stamp, &record)
        {
            return found;
        }
    }
}

/// When the agent took its last prompt, by its own clock.
fn last_submit(log: &Path) -> f64 {
    let text = fs::read_to_string(log).expect("the agent keeps its log");
    let line: serde_json::Value = serde_json::from_str(text.lines().last().expect("a prompt")).expect("JSON");
    let at = line["at"].as_str().expect("a time");
    chrono::DateTime::parse_from_rfc3339(at).expect("a time").timestamp_millis() as f64
}

/// When a file was last written; the kernel's coarse clock is up to 4 ms behind.
fn written(file: &Path) -> f64 {
    let modified = file.metadata().and_then(|meta| meta.modified()).expect("the turn has left its mark");
    modified.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3
}

/// Occupies the only pipe of the probe's pane.
fn take_output(fleet: &Fleet) {
    let probe = fleet.members.last().expect("the probe is the last one").id();
    tmux(fleet, &["pipe-pane", "-t", &fleet.homes[&probe].place.pane, "cat >/dev/null"]);
}

fn tmux(fleet: &Fleet, args: &[&str]) {
    let mut command = spawn::blocking("tmux");
    command.arg("-S").arg(fleet.socket()).arg("-N").args(args).stdout(Stdio::null());
    assert!(command.status().expect("tmux runs").success(), "tmux {args:?}");
}
