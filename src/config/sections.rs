//! The tables with fixed names: what each key is called, its range and its default. `default.toml` says the same to
//! operators; a test compares the two.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::duration::{DAY, HOUR, MINUTE, SECOND};
use super::grammar;
use super::model::{Capture, Cockpit, Delivery, HandoffRules, OwnKeys, Project, Restart, Retention, Stall, ThemeName};
use super::problem::Spot;
use super::raw::{Report, Table, Written};
use super::values;

const TENTH: Duration = Duration::from_millis(100);

/// Prefixes are few; each costs a comparison per commit and a word in the prompts.
const PREFIXES_CAP: usize = 16;

/// `[project]`, but for its sequence.
pub fn project(table: &mut Table<'_>, root: &Path, report: &mut Report<'_>) -> Project {
    let name = table.get(report, "name", values::checked("1 to 64 printable characters without `#`", grammar::title));
    let remote = table.get(report, "remote", values::judged(grammar::remote));
    let branch = table.get(report, "branch", values::judged(grammar::branch));
    let state_dir = table.get(report, "state_dir", values::judged(grammar::inside));
    let orchestrator = table.get(report, "watch_orchestrator", values::flag);
    Project {
        name: name.map_or_else(|| named_after(root), |name| name.value),
        remote: remote.map(|remote| remote.value),
        branch: branch.map_or_else(|| "main".to_string(), |branch| branch.value),
        watch_interval: span(table, report, "watch_interval", (2 * SECOND, HOUR), 30 * SECOND),
        watch_orchestrator: orchestrator.is_none_or(|orchestrator| orchestrator.value),
        state_dir: state_dir.map_or_else(String::new, |dir| dir.value),
        done_push_wait: span(table, report, "done_push_wait", (SECOND, HOUR), 2 * MINUTE),
    }
}

/// `[stall]`
pub fn stall(mut table: Table<'_>, report: &mut Report<'_>) -> Stall {
    let stall = Stall {
        idle: span(&mut table, report, "idle", (SECOND, DAY), 300 * SECOND),
        grace: span(&mut table, report, "grace", (SECOND, DAY), 180 * SECOND),
        wait_cap: span(&mut table, report, "wait_cap", (SECOND, DAY), 10 * MINUTE),
        start_limit: span(&mut table, report, "start_limit", (SECOND, HOUR), 120 * SECOND),
        sample_gap: span(&mut table, report, "sample_gap", (TENTH, 10 * MINUTE), 10 * SECOND),
        quiet_child_cap: span(&mut table, report, "quiet_child_cap", (SECOND, DAY), HOUR),
    };
    let key = |name: &str| at(&table, name);
    if stall.grace > stall.wait_cap {
        report.refuse(&key("grace"), "a grace longer than wait_cap", "grace <= wait_cap");
    }
    if stall.sample_gap > stall.idle {
        report.refuse(&key("sample_gap"), "a gap longer than idle", "sample_gap <= idle");
    }
    if stall.quiet_child_cap < stall.idle {
        report.refuse(&key("quiet_child_cap"), "a cap shorter than idle", "quiet_child_cap >= idle");
    }
    table.close(report);
    stall
}

/// `[restart]`
pub fn restart(mut table: Table<'_>, report: &mut Report<'_>) -> Restart {
    let (stage_size, stage_gap) = rate(&mut table, report, "stage", (2, 5 * SECOND));
    let restart = Restart {
        delay: span(&mut table, report, "delay", (TENTH, HOUR), 5 * SECOND),
        delay_cap: span(&mut table, report, "delay_cap", (TENTH, DAY), 10 * MINUTE),
        reset_after: span(&mut table, report, "reset_after", (SECOND, 7 * DAY), 30 * MINUTE),
        budget_short: rate(&mut table, report, "budget_short", (3, 10 * MINUTE)),
        budget_long: rate(&mut table, report, "budget_long", (6, DAY)),
        mass_death: rate(&mut table, report, "mass_death", (5, 10 * SECOND)),
        mass_pause: span(&mut table, report, "mass_pause", (SECOND, HOUR), 60 * SECOND),
        stage_size,
        stage_gap,
        stop_grace: span(&mut table, report, "stop_grace", (TENTH, 10 * MINUTE), 10 * SECOND),
    };
    let key = |name: &str| at(&table, name);
    if restart.delay > restart.delay_cap {
        report.refuse(&key("delay"), "a delay longer than delay_cap", "delay <= delay_cap");
    }
    if restart.budget_short.1 > restart.budget_long.1 {
        report.refuse(&key("budget_short"), "a longer time than in budget_long", "the shorter of the two");
    }
    if restart.mass_death.0 < 2 {
        report.refuse(&key("mass_death"), "a mass of one", "a count of 2 or more");
    }
    table.close(report);
    restart
}

/// `[delivery]`
pub fn delivery(mut table: Table<'_>, report: &mut Report<'_>) -> Delivery {
    let queue = table.get(report, "queue", values::whole(1..=1000));
    let delivery = Delivery {
        ttl: span(&mut table, report, "ttl", (SECOND, 7 * DAY), DAY),
        queue: queue.map_or(50, |queue| wide(queue.value)),
        blocked_alert: span(&mut table, report, "blocked_alert", (SECOND, DAY), 10 * MINUTE),
    };
    table.close(report);
    delivery
}

/// `[handoff]`
pub fn handoff(mut table: Table<'_>, report: &mut Report<'_>) -> HandoffRules {
    let expected = "a lower-case letter, then at most 31 of a-z, 0-9 and `-`";
    let prefix = values::checked(expected, grammar::prefix);
    let prefixes = match table.get(report, "prefixes", values::list("a list of words such as \"claim\"", prefix)) {
        None => ["claim", "review"].map(str::to_string).to_vec(),
        Some(written) => {
            let words: Vec<String> = written.value.iter().map(|word| word.get_ref().clone()).collect();
            let unique: std::collections::BTreeSet<&String> = words.iter().collect();
            if unique.len() < words.len() {
                report.refuse(&written, "a prefix that is there twice", "each once");
            }
            if words.len() > PREFIXES_CAP {
                report.refuse(&written, format!("{} prefixes", words.len()), format!("at most {PREFIXES_CAP}"));
            }
            words
        }
    };
    let authors = authors(table.table(report, "authors", "[handoff.authors]"), &prefixes, report);
    let (loop_budget, loop_window) = rate(&mut table, report, "loop_budget", (20, HOUR));
    table.close(report);
    HandoffRules { prefixes, authors, loop_budget, loop_window }
}

/// `[handoff.authors.*]`
fn authors(table: Table<'_>, prefixes: &[String], report: &mut Report<'_>) -> BTreeMap<String, Vec<String>> {
    let known: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let mut authors = BTreeMap::new();
    for (prefix, mut table) in table.named(report, "[handoff.authors.PREFIX]") {
        if !prefixes.contains(&prefix.value) {
            let wrong = values::unknown("prefix", &prefix.value, &known);
            report.refuse(&prefix, wrong.found, wrong.expected);
        }
        let mail = values::checked("a mail address", grammar::mail);
        let written =
            table.need(report, "mail", "a list of mail addresses", values::list("a list of mail addresses", mail));
        table.close(report);
        authors.insert(prefix.value, written.map(Written::plain).unwrap_or_default());
    }
    authors
}

/// `[capture]`
pub fn capture(mut table: Table<'_>, report: &mut Report<'_>) -> Capture {
    let history = table.get(report, "history", values::whole(100..=100_000));
    let last_lines = table.get(report, "last_lines", values::whole(1..=200));
    table.close(report);
    Capture {
        history: history.map_or(5000, |history| history.value),
        last_lines: last_lines.map_or(20, |lines| wide(lines.value)),
    }
}

/// `[retention]`
pub fn retention(mut table: Table<'_>, report: &mut Report<'_>) -> Retention {
    let log_files = table.get(report, "log_files", values::whole(1..=365));
    let records = span(&mut table, report, "records", (DAY, 3650 * DAY), 90 * DAY);
    table.close(report);
    Retention { log_files: log_files.map_or(7, |files| wide(files.value)), records }
}

/// `[cockpit]`
pub fn cockpit(mut table: Table<'_>, report: &mut Report<'_>) -> Cockpit {
    let themes = [
        ("dark", ThemeName::Dark),
        ("light", ThemeName::Light),
        ("contrast", ThemeName::Contrast),
        ("16", ThemeName::Sixteen),
    ];
    let theme = table.get(report, "theme", values::word("theme", &themes));
    let mouse = table.get(report, "mouse", values::flag);
    let clock = table.get(report, "clock", values::flag);
    let mut keys = std::collections::BTreeMap::new();
    for (name, value) in table.table(report, "keys", "[cockpit.keys]").unread() {
        match values::list("a list of keys such as [\"r\", \"ctrl-r\"]", values::string)(&value) {
            Ok(list) => {
                let spot = |span| Spot::of(report.text, span);
                let words = list.into_iter().map(|word| (word.get_ref().clone(), spot(word.span())));
                keys.insert(name.value, OwnKeys { at: spot(name.span), keys: words.collect() });
            }
            Err(wrong) => report.problems.extend(wrong.at(report.text, &name.key, value.span())),
        }
    }
    table.close(report);
    let on = |flag: Option<Written<bool>>| flag.is_none_or(|flag| flag.value);
    Cockpit { theme: theme.map_or(ThemeName::Dark, |theme| theme.value), mouse: on(mouse), clock: on(clock), keys }
}

fn span(
    table: &mut Table<'_>,
    report: &mut Report<'_>,
    name: &'static str,
    (from, to): (Duration, Duration),
    usual: Duration,
) -> Duration {
    table.get(report, name, values::span(from..=to)).map_or(usual, |span| span.value)
}

fn rate(table: &mut Table<'_>, report: &mut Report<'_>, name: &'static str, usual: (u32, Duration)) -> (u32, Duration) {
    table.get(report, name, values::rate(1..=1000, TENTH..=7 * DAY)).map_or(usual, |rate| rate.value)
}

/// The place for what is wrong between several keys: the key where it stands, else its table.
fn at(table: &Table<'_>, name: &str) -> Written<()> {
    Written { value: (), key: format!("{}.{name}", table.key), span: table.place_of(name) }
}

fn wide(number: u32) -> usize {
    usize::try_from(number).expect("32 bits fit on every machine with tmux")
}

/// The workspace's folder, where its name can be shown.
fn named_after(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
    name.and_then(|name| grammar::title(&name)).unwrap_or_else(|| "project".to_string())
}
