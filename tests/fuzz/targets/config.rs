//! `flightdeck.toml`, and behind lines `=== phases/NAME` and `=== prompts/NAME` the other files: either a configuration that keeps
//! its own rules, or problems with place and reason.

use std::path::PathBuf;
use std::time::Duration;

use flightdeck::config::parse::Machine;
use flightdeck::config::problem::PROBLEMS_CAP;
use flightdeck::config::prompts::{BUILT_IN, render_nudge, render_start};
use flightdeck::config::{Config, Problem, Sources, load};
use flightdeck::pilot::message::clean_text;

use super::{Target, about, check, outcome, outcome_unquoted};

pub(super) const TARGET: Target = Target { name: "config", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "version = 1\n",
    "[project]\n",
    "[agents.x]\n",
    "[backends.mine]\nlike = \"claude\"\n",
    "[[backends.mine.rules]]\n",
    "[mcp.files]\ncommand = \"x\"\n",
    "[accounts.max]\n",
    "[stall]\n",
    "[restart]\n",
    "[delivery]\n",
    "[handoff]\n",
    "[cockpit.keys]\n",
    "role = \"builder\"\n",
    "backend = \"demo\"\n",
    "dir = \"x\"\n",
    "idle = \"5m\"\n",
    "budget_short = \"3 in 10m\"\n",
    "schedule = \"0 3 * * 6\"\n",
    "regex = '(a*)*b'\n",
    "regex = '(?:a{1000}){1000}'\n",
    " = ",
    "\"\"\"",
    "'''",
    "{ a = 1 }",
    "[[",
    "1979-05-27T07:32:00Z",
    "inf",
    "nan",
    "0x7fffffffffffffff",
    "\\u0000",
    "\\U0010ffff",
    "../",
    "~/",
    "ext::sh",
    "=== phases/1a.md\n---\nid: 1a\ntitle: x\n---\nplan\n",
    "=== prompts/builder.md\nYou are {{ agent }}.\n",
    "{% for x in range(99999) %}{{ x }}{% endfor %}",
    "{{ \"x\" * 99999999 }}",
    "{{ range(9999999)|join }}",
    "{% include \"builder\" %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ agent|upper }}",
    "\n---\n",
];

fn seeds() -> Vec<Vec<u8>> {
    let cases = include_str!("../../config/cases.txt").lines().filter_map(|line| line.split_once(" => "));
    let agent = "[agents.builder]\nbackend = 'demo'\ndir = 'b'\n";
    let file = |(case, _): (&str, &str)| {
        let (table, snippet) = case.split_once(": ").unwrap_or(("top", case));
        let snippet = snippet.replace("\\n", "\n");
        match table {
            "top" | "agent" => format!("version = 1\n{agent}{snippet}\n").into_bytes(),
            _ => format!("version = 1\n[{table}]\n{snippet}\n{agent}").into_bytes(),
        }
    };
    let default = include_str!("../../../src/config/default.toml");
    let whole = format!(
        "{default}\n=== phases/1a.md\n---\nid: 1a\ntitle: One\n---\nplan\n=== prompts/builder.md\nYou are {{{{ agent }}}}.\n"
    );
    cases.map(file).chain([default.as_bytes().to_vec(), whole.into_bytes()]).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let sources = sources(input);
    match load(&sources) {
        Ok(config) => {
            sound(&config)?;
            strict(&sources)?;
            Ok(outcome(&format!("accepted {}", "x".repeat(config.agents.len().min(9)))))
        }
        Err(problems) => {
            told(&sources, &problems)?;
            let first =
                problems.first().map(|problem| format!("{} {}", problem.key, problem.expected)).unwrap_or_default();
            Ok(outcome_unquoted(&first) ^ u64::from(about(problems.len())))
        }
    }
}

fn sources(input: &[u8]) -> Sources {
    let mut files: Vec<(String, Vec<u8>)> = vec![(String::new(), Vec::new())];
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let named = line.strip_prefix(b"=== ").and_then(|name| std::str::from_utf8(name).ok());
        match named.map(str::trim).filter(|name| is_name(name)) {
            // A folder has each name once.
            Some(name) if files.iter().any(|(known, _)| known == name) => {}
            Some(name) => files.push((name.to_string(), Vec::new())),
            None => files.last_mut().expect("the main file").1.extend_from_slice(line),
        }
    }
    let below = |folder: &str| -> Vec<(String, Vec<u8>)> {
        files.iter().filter_map(|(name, text)| Some((name.strip_prefix(folder)?.to_string(), text.clone()))).collect()
    };
    let usual = ["1a", "1b", "2"]
        .map(|id| (format!("{id}.md"), format!("---\nid: {id}\ntitle: {id}\n---\nplan\n").into_bytes()));
    let (phases, mut prompts) = (below("phases/"), below("prompts/"));
    prompts.extend(BUILT_IN.iter().map(|(name, text)| (format!("{name}.md"), text.as_bytes().to_vec())));
    prompts.sort();
    prompts.dedup_by(|one, other| one.0 == other.0);
    Sources {
        root: PathBuf::from("/ws"),
        main: files[0].1.clone(),
        phases: if phases.is_empty() { usual.to_vec() } else { phases },
        prompts,
        machine: Machine { backend: None, found: vec!["claude".to_string()] },
    }
}

/// A file's name as it may be: others are refused before they are read.
fn is_name(name: &str) -> bool {
    let stem = ["phases/", "prompts/"].iter().find_map(|folder| name.strip_prefix(folder)?.strip_suffix(".md"));
    stem.is_some_and(|stem| !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)))
}

/// Each problem is one line with a reason, and with a place within its file.
fn told(sources: &Sources, problems: &[Problem]) -> Result<(), String> {
    check(!problems.is_empty() && problems.len() <= PROBLEMS_CAP + 1, || format!("{} problems", problems.len()))?;
    for problem in problems {
        let line = problem.to_string();
        check(!line.chars().any(char::is_control), || format!("a problem of more than a line: {line:?}"))?;
        check(!problem.found.is_empty(), || format!("a problem without a reason: {line}"))?;
        let more = problem.found.starts_with("and ") || problem.found.contains("more");
        let whole = problem.found.contains("UTF-16") || problem.file != "flightdeck.toml" || more;
        let Some(spot) = &problem.at else {
            check(whole, || format!("a problem without a place: {line}"))?;
            continue;
        };
        let text = match problem.file.split_once('/') {
            Some(("phases", name)) => sources.phases.iter().find(|(file, _)| file == name).map(|(_, text)| text),
            Some(("prompts", name)) => sources.prompts.iter().find(|(file, _)| file == name).map(|(_, text)| text),
            Some(_) | None => Some(&sources.main),
        };
        let lines = text.map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count()) + 1;
        let within = (1..=lines).contains(&spot.place.line) && spot.place.column >= 1;
        check(within, || format!("a place outside of {lines} lines: {line}"))?;
    }
    Ok(())
}

/// What is accepted keeps the rules that every other part relies on.
fn sound(config: &Config) -> Result<(), String> {
    check(!config.agents.is_empty(), || "nobody is in it".to_string())?;
    let day = Duration::from_hours(24);
    check((Duration::from_secs(1)..=day).contains(&config.stall.idle), || "stall.idle is out of range".to_string())?;
    check((1..=1000).contains(&config.delivery.queue), || "delivery.queue is out of range".to_string())?;
    check(config.stall.grace <= config.stall.wait_cap, || "stall.grace is beyond wait_cap".to_string())?;
    check(config.restart.delay <= config.restart.delay_cap, || "restart.delay is beyond delay_cap".to_string())?;
    let remote = config.project.remote.as_deref().unwrap_or("/");
    check(!remote.starts_with(['-', '#']) && !remote.contains("::"), || format!("the remote {remote:?}"))?;
    for phase in &config.sequence {
        check(config.phases.contains_key(phase), || format!("the sequence names {phase}, which is not there"))?;
    }
    for agent in config.agents.values() {
        let dir = agent.dir.to_string_lossy();
        check(agent.dir.is_absolute() && !dir.contains(['#', '\n', '\0']), || format!("the folder {dir:?}"))?;
        check(config.backends.contains_key(&agent.backend), || format!("no backend {}", agent.backend))?;
        for text in [render_start(config, &agent.id, config.sequence.first()), render_nudge(config, &agent.id, None)] {
            let clean = text.as_ref().map_or(Ok(String::new()), |text| clean_text(text));
            check(clean.is_ok(), || format!("a prompt that can't be pasted: {clean:?}"))?;
        }
    }
    Ok(())
}

/// The same file with a table that nobody knows is refused for that, and with a comment more it is the same.
fn strict(sources: &Sources) -> Result<(), String> {
    let with = |more: &str| Sources { main: [&sources.main[..], more.as_bytes()].concat(), ..sources.clone() };
    let problems = load(&with("\n[nobody_knows_this]\n")).err().unwrap_or_default();
    let named = problems.iter().any(|problem| problem.key == "nobody_knows_this" && problem.at.is_some());
    check(named, || "an unknown table is accepted".to_string())?;
    check(load(&with("\n# the end\n")).is_ok(), || "a comment makes it wrong".to_string())
}
