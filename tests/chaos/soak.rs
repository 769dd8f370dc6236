//! A fleet that goes on for hours in light chaos, with one engine that is measured: what grows, grows without end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flightdeck::edge::clock;

use super::checker::judge;
use super::fleet::{self, AGENTS};
use super::messages::{Run, number, senders, tell};
use super::weather::Weather;

/// Each of two senders says something this often.
const GAP: Duration = Duration::from_millis(700);
/// What is measured in the first part of a run is its warm-up.
const WARM_UP: usize = 4;
/// What the engine's memory may grow by in an hour, after the warm-up: in a month it is not as large as one agent.
const GROWTH_KB_AN_HOUR: f64 = 1024.0;
/// Below this many measurements a slope says nothing.
const ENOUGH: usize = 30;

/// One measurement of the engine and of what it started.
#[derive(Clone, Debug)]
struct Sample {
    at_s: u64,
    own_kb: u64,
    fds: usize,
    threads: u64,
    /// Processes of agents, and children of the engine.
    pids: usize,
    ptys: usize,
    tmux_kb: u64,
    log_kb: u64,
    records_kb: u64,
    spool_kb: u64,
    settled: usize,
}

#[test]
fn a_fleet_that_goes_on_takes_no_more_and_more_of_anything() {
    let span_s = span_s();
    let every_s = (span_s / 60).clamp(4, 60);
    let seed = number("FLIGHTDECK_CHAOS_SEED", 20_261_122);
    let deck = fleet::plan(seed, 30).up();
    fleet::names().iter().for_each(|agent| deck.ready(agent, 1));
    let mut run = Run::begin(&deck, u64::MAX, seed, GAP);
    let senders = senders(&run.post, 1, 2);
    let mut weather = Weather::over(&deck, Arc::clone(&run.desk), seed).spares_engine();
    let mut samples = Vec::new();
    let began = clock::monotonic_ms();
    tell("   min   own kB  fds threads pids ptys  tmux kB  log kB records kB spool kB settled");
    loop {
        weather.blow();
        run.look();
        let at_s = u64::try_from(clock::monotonic_ms() - began).expect("time goes on") / 1000;
        if at_s >= samples.len() as u64 * every_s {
            let server = deck.server().pid;
            let pids = deck.survivors().len();
            let sample = sample(&deck.state_dir(), weather.engine_pid(), server, (at_s, pids, run.ledger.settled()));
            tell(&sample.line());
            samples.push(sample);
        }
        if at_s >= span_s {
            break;
        }
    }
    run.stop();
    run.settle(&mut weather);
    senders.into_iter().for_each(|sender| sender.join().expect("it sent all of its own"));
    fleet::keep(&deck, seed);
    let (stops, deaths) = (weather.stops, weather.deaths);
    let verdict = judge(&run.case());
    tell(&format!("soak: {span_s} s, server stopped {stops} times, {deaths} panes ended\nsoak: {verdict}"));
    let findings: Vec<String> =
        verdict.findings.iter().map(|finding| format!("{:?}: {}", finding.breach, finding.what)).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    bounded(&samples);
}

/// For so many hours; in a run of all tests as long as it takes to see that this works.
fn span_s() -> u64 {
    let hours: f64 = std::env::var("FLIGHTDECK_SOAK_HOURS").map_or(0.0, |text| text.parse().expect("a number"));
    if hours > 0.0 { (hours * 3600.0) as u64 } else { 20 }
}

/// Nothing but what is written down on purpose grows.
fn bounded(samples: &[Sample]) {
    let warm = &samples[samples.len() / WARM_UP..];
    let (first, last) = (&warm[0], &warm[warm.len() - 1]);
    assert!(last.fds <= first.fds + 8, "file descriptors: {} to {}", first.fds, last.fds);
    assert!(last.threads <= first.threads + 4, "threads: {} to {}", first.threads, last.threads);
    // A pane for each agent, the anchor's, and one that is just being exchanged.
    assert!(warm.iter().all(|sample| sample.ptys <= AGENTS + 3), "ptys: {:?}", warm.iter().map(|s| s.ptys).max());
    assert!(last.pids <= AGENTS * 2 + 4, "processes: {}", last.pids);
    let slope = slope_an_hour(warm);
    tell(&format!("soak: memory {slope:.0} kB an hour after the warm-up"));
    if warm.len() >= ENOUGH {
        assert!(slope <= GROWTH_KB_AN_HOUR, "memory grows by {slope:.0} kB an hour");
    }
}

/// Least squares.
fn slope_an_hour(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let hours = |sample: &Sample| sample.at_s as f64 / 3600.0;
    let (x, y) = (
        samples.iter().map(hours).sum::<f64>() / count,
        samples.iter().map(|sample| sample.own_kb as f64).sum::<f64>() / count,
    );
    let over: f64 = samples.iter().map(|sample| (hours(sample) - x) * (sample.own_kb as f64 - y)).sum();
    let under: f64 = samples.iter().map(|sample| (hours(sample) - x).powi(2)).sum();
    if under == 0.0 { 0.0 } else { over / under }
}

fn sample(state_dir: &Path, engine: u32, server: u32, (at_s, agents, settled): (u64, usize, usize)) -> Sample {
    Sample {
        at_s,
        // Its own memory: of a build without optimisation some 30 MB of program come in little by little.
        own_kb: status(engine, "RssAnon:"),
        fds: entries(&format!("/proc/{engine}/fd")),
        threads: status(engine, "Threads:"),
        pids: agents + children(engine),
        ptys: terminals(server),
        tmux_kb: status(server, "VmRSS:"),
        log_kb: kilobytes(&state_dir.join("log")),
        records_kb: ["", "-wal"].iter().map(|end| kilobytes(&state_dir.join(format!("records.db{end}")))).sum(),
        spool_kb: kilobytes(&state_dir.join("spool")),
        settled,
    }
}

impl Sample {
    fn line(&self) -> String {
        let Sample { at_s, own_kb, fds, threads, pids, ptys, tmux_kb, log_kb, records_kb, spool_kb, settled } = self;
        let minutes = *at_s as f64 / 60.0;
        format!(
            "{minutes:>6.1} {own_kb:>8} {fds:>4} {threads:>7} {pids:>4} {ptys:>4} {tmux_kb:>8} {log_kb:>7} {records_kb:>10} {spool_kb:>8} {settled:>7}"
        )
    }
}

/// A number of `/proc/PID/status`; 0 where the process is gone.
fn status(pid: u32, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Processes whose parent this is.
fn children(parent: u32) -> usize {
    let pids = fs::read_dir("/proc").expect("a process table");
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| status(*pid, "PPid:") == u64::from(parent)).count()
}

/// Terminals that a tmux server keeps open.
fn terminals(server: u32) -> usize {
    let Ok(fds) = fs::read_dir(format!("/proc/{server}/fd")) else { return 0 };
    let ours = |path: &Path| path == Path::new("/dev/ptmx") || path == Path::new("/dev/pts/ptmx");
    fds.filter(|fd| fd.as_ref().is_ok_and(|fd| fs::read_link(fd.path()).is_ok_and(|path| ours(&path)))).count()
}

/// What a file or all below a folder takes on the disk; holes take nothing.
fn kilobytes(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else { return 0 };
    if !meta.is_dir() {
        return std::os::unix::fs::MetadataExt::blocks(&meta) / 2;
    }
    fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| kilobytes(&entry.path())).sum())
}
