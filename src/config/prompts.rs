//! What flightdeck says to agents: minijinja templates with a closed list of holes. A template that names anything else
//! is a problem with its place when it is loaded, not a surprise in front of an agent; every text that comes out is
//! clean. When and to whom something is said is decided elsewhere.
//!
//! Holes of every template: `project`, `workspace`, `remote`, `branch`, `sequence` (list of phase ids), `agent`, `role`,
//! `dir`, `other_agent` (the Builder's Adversary and the reverse), `other_agents` (list), `inbox_file`, `claim_prefix`,
//! `review_prefix`, `prefixes` (list), `wait_cap_minutes`. Optional ones are `""` where there is nothing to say, so that
//! `{% if remote %}` works.
//!
//! All but `ping` and `inbox` also have `phase_id`, `phase_title`, `plan_path`, `status_file`, `backlog_file`,
//! `review_file`, `journal_file`: `""` while no phase is active. `ping` has `commits` (each with `prefix`, `gate`,
//! `sha`) and `more` (how many it does not name); `inbox` has `entries` (how many are new).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use minijinja::{Environment, UndefinedBehavior, Value};

use crate::pilot::id::{AgentId, PhaseId};
use crate::pilot::message::clean_text;

use super::model::{Agent, Config, Prompts, Role};
use super::nearest::nearest;
use super::problem::{Problem, quoted};
use super::text::Text;
use super::values::one_of;

/// Steps one rendering may take; the longest built-in text takes some hundreds.
const FUEL: u64 = 100_000;

/// Longest ping, in characters: what every agent program takes as one paste, without folding it away.
const PING_CAP: usize = 700;

/// Characters of a ping spent on naming commits; the rest of them are counted.
const NAMED_CAP: usize = 400;

/// The texts that are there without a file in the workspace, in the order in which `init` writes them.
pub const BUILT_IN: [(&str, &str); 9] = [
    ("preamble", include_str!("../../prompts/preamble.md")),
    ("builder", include_str!("../../prompts/builder.md")),
    ("adversary", include_str!("../../prompts/adversary.md")),
    ("orchestrator", include_str!("../../prompts/orchestrator.md")),
    ("upgrader", include_str!("../../prompts/upgrader.md")),
    ("ping", include_str!("../../prompts/ping.md")),
    ("inbox", include_str!("../../prompts/inbox.md")),
    ("nudge", include_str!("../../prompts/nudge.md")),
    ("resume", include_str!("../../prompts/resume.md")),
];

/// Templates that make one short line each.
const LINES: [&str; 4] = ["ping", "inbox", "nudge", "resume"];

/// A commit in a ping: its prefix, its gate and its short sha.
pub type Named<'a> = (&'a str, &'a str, &'a str);

type Holes = BTreeMap<&'static str, Value>;

/// Compiles the built-in templates and those of the workspace over them.
pub fn compile(files: &[(String, Vec<u8>)], problems: &mut Vec<Problem>) -> Prompts {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.set_fuel(Some(FUEL));
    for (name, text) in BUILT_IN {
        env.add_template(name, text).expect("a built-in template compiles: a test loads them all");
    }
    let before = problems.len();
    let mut texts = Vec::new();
    for (name, bytes) in files {
        match Text::decode(&format!("prompts/{name}"), bytes) {
            Ok(text) => {
                let stem = name.trim_end_matches(".md").to_string();
                match env.add_template_owned(stem.clone(), text.text.clone()) {
                    Ok(()) => texts.push((stem, text)),
                    Err(error) => problems.push(template_problem(&text, &error)),
                }
            }
            Err(problem) => problems.push(*problem),
        }
    }
    problems.extend(texts.iter().flat_map(|(stem, text)| unknown_holes(&env, stem, text)));
    // What names unknown holes can't be rendered; that has been told.
    if problems.len() == before {
        problems.extend(texts.iter().filter_map(|(stem, text)| trial(&env, stem, text)));
    }
    Prompts { env }
}

/// Whether a template is a start prompt: not the preamble before it, and none of the lines in between.
pub fn starts_agents(stem: &str) -> bool {
    stem != "preamble" && !LINES.contains(&stem)
}

/// The start prompt: the preamble, then the role's prompt.
pub fn render_start(config: &Config, agent: &AgentId, phase: Option<&PhaseId>) -> Result<String, String> {
    let member = member(config, agent)?;
    let holes = in_phase(config, holes(config, member), phase)?;
    start_text(&config.prompts.env, &member.prompt, &holes).map_err(|why| why.text())
}

/// New claims or reviews are on the branch; parents before children.
pub fn render_ping(config: &Config, agent: &AgentId, commits: &[Named<'_>]) -> Result<String, String> {
    let mut holes = holes(config, member(config, agent)?);
    if commits.is_empty() {
        return Err("a ping without a commit".to_string());
    }
    for (prefix, gate, sha) in commits {
        let known = config.handoff.prefixes.iter().any(|known| known == prefix);
        if !known || !is_gate(gate) || !is_short_sha(sha) {
            return Err(format!("{} is no commit that may be named", quoted(&format!("{prefix}({gate}) {sha}"))));
        }
    }
    name_commits(&mut holes, commits);
    line_text(&config.prompts.env, "ping", &holes).map_err(|why| why.text())
}

/// New entries in the agent's INBOX file are on the branch.
pub fn render_inbox(config: &Config, agent: &AgentId, entries: u32) -> Result<String, String> {
    let mut holes = holes(config, member(config, agent)?);
    holes.insert("entries", Value::from(entries));
    line_text(&config.prompts.env, "inbox", &holes).map_err(|why| why.text())
}

/// The operator's `ping`: go on.
pub fn render_nudge(config: &Config, agent: &AgentId, phase: Option<&PhaseId>) -> Result<String, String> {
    let holes = in_phase(config, holes(config, member(config, agent)?), phase)?;
    line_text(&config.prompts.env, "nudge", &holes).map_err(|why| why.text())
}

/// The usage limit is over: go on.
pub fn render_resume_after_limit(config: &Config, agent: &AgentId, phase: Option<&PhaseId>) -> Result<String, String> {
    let holes = in_phase(config, holes(config, member(config, agent)?), phase)?;
    line_text(&config.prompts.env, "resume", &holes).map_err(|why| why.text())
}

/// The id in `claim(<id>): …`, by the grammar of `pilot::subject`: asked once more before it is typed into an agent.
fn is_gate(text: &str) -> bool {
    let good = text.len() <= 32 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    good && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_short_sha(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

fn member<'c>(config: &'c Config, agent: &AgentId) -> Result<&'c Agent, String> {
    config.agents.get(agent).ok_or_else(|| format!("there is no agent {agent}"))
}

fn holes(config: &Config, member: &Agent) -> Holes {
    let others = config.agents.values().filter(|other| other.id != member.id);
    let ids: Vec<String> = others.map(|other| other.id.to_string()).collect();
    let minutes = config.stall.wait_cap.as_secs().div_ceil(60);
    let folder = &config.project.state_dir;
    let text = |text: &str| Value::from(text);
    BTreeMap::from([
        ("project", text(&config.project.name)),
        ("workspace", text(&config.root.to_string_lossy())),
        ("remote", text(config.project.remote.as_deref().unwrap_or_default())),
        ("branch", text(&config.project.branch)),
        ("sequence", config.sequence.iter().map(PhaseId::to_string).collect()),
        ("agent", text(member.id.as_str())),
        ("role", text(member.role.word())),
        ("dir", text(&member.dir.to_string_lossy())),
        ("other_agent", text(counterpart(config, member.role).map_or("", |other| other.id.as_str()))),
        ("other_agents", ids.into_iter().collect()),
        ("inbox_file", text(&in_folder(folder, &format!("INBOX-{}.md", member.id)))),
        ("claim_prefix", text(prefix_for(config, Role::Adversary, "claim"))),
        ("review_prefix", text(prefix_for(config, Role::Builder, "review"))),
        ("prefixes", config.handoff.prefixes.iter().cloned().collect()),
        ("wait_cap_minutes", Value::from(minutes)),
    ])
}

fn in_phase(config: &Config, mut holes: Holes, phase: Option<&PhaseId>) -> Result<Holes, String> {
    let Some(id) = phase else {
        holes.extend(PHASE_HOLES.map(|name| (name, Value::from(""))));
        return Ok(holes);
    };
    let phase = config.phases.get(id).ok_or_else(|| format!("there is no phase {id} in phases/"))?;
    let file = |kind: &str| Value::from(in_folder(&config.project.state_dir, &format!("{kind}-{id}.md")));
    holes.extend([
        ("phase_id", Value::from(id.as_str())),
        ("phase_title", Value::from(phase.title.as_str())),
        ("plan_path", Value::from(config.root.join(&phase.plan).to_string_lossy().into_owned())),
        ("status_file", file("STATUS")),
        ("backlog_file", file("BACKLOG")),
        ("review_file", file("REVIEW")),
        ("journal_file", file("JOURNAL")),
    ]);
    Ok(holes)
}

const PHASE_HOLES: [&str; 7] =
    ["phase_id", "phase_title", "plan_path", "status_file", "backlog_file", "review_file", "journal_file"];

fn in_folder(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_string() } else { format!("{folder}/{file}") }
}

fn counterpart(config: &Config, role: Role) -> Option<&Agent> {
    let wanted = match role {
        Role::Builder => Role::Adversary,
        Role::Adversary => Role::Builder,
        Role::Orchestrator | Role::Upgrader | Role::Other => return None,
    };
    config.agents.values().find(|agent| agent.role == wanted)
}

/// The prefix that reaches an agent of this role.
fn prefix_for<'c>(config: &'c Config, role: Role, usual: &'c str) -> &'c str {
    let pinged = config.agents.values().filter(|agent| agent.role == role);
    pinged.flat_map(|agent| &agent.pinged_by).next().map_or(usual, String::as_str)
}

fn name_commits(holes: &mut Holes, commits: &[Named<'_>]) {
    let mut spent = 0;
    let fit = commits.iter().take_while(|(prefix, gate, sha)| {
        spent += prefix.len() + gate.len() + sha.len() + 5;
        spent <= NAMED_CAP
    });
    let named: Vec<Value> = fit
        .map(|(prefix, gate, sha)| Value::from_iter([("prefix", *prefix), ("gate", *gate), ("sha", *sha)]))
        .collect();
    holes.insert("more", Value::from(commits.len() - named.len()));
    holes.insert("commits", Value::from(named));
}

/// Why nothing came out of a template.
enum Unsaid {
    Template(minijinja::Error),
    /// It came out, and may not be said.
    Text(String),
}

impl Unsaid {
    fn text(self) -> String {
        match self {
            Unsaid::Template(error) => {
                let place = error.line().map_or_else(String::new, |line| format!(":{line}"));
                format!("prompts/{}.md{place}: {}", error.name().unwrap_or("?"), sentence(&error))
            }
            Unsaid::Text(why) => why,
        }
    }
}

fn start_text(env: &Environment<'_>, prompt: &str, holes: &Holes) -> Result<String, Unsaid> {
    let render = |name: &str| env.get_template(name)?.render(holes);
    let preamble = render("preamble").map_err(Unsaid::Template)?;
    let prompt = render(prompt).map_err(Unsaid::Template)?;
    clean_text(format!("{}\n\n{}", preamble.trim(), prompt.trim()).trim()).map_err(Unsaid::Text)
}

fn line_text(env: &Environment<'_>, name: &str, holes: &Holes) -> Result<String, Unsaid> {
    let text = env.get_template(name).and_then(|template| template.render(holes)).map_err(Unsaid::Template)?;
    let text = clean_text(text.trim()).map_err(Unsaid::Text)?;
    let length = text.chars().count();
    if text.contains('\n') {
        return Err(Unsaid::Text(format!("{name} makes more than one line")));
    }
    if length > PING_CAP {
        return Err(Unsaid::Text(format!("{name} makes {length} characters, at most {PING_CAP} arrive in one piece")));
    }
    Ok(text)
}

/// Names in a template that no hole has: also those in branches that no trial would reach.
fn unknown_holes(env: &Environment<'_>, stem: &str, text: &Text) -> Vec<Problem> {
    let Ok(template) = env.get_template(stem) else { return Vec::new() };
    let sample = sample_holes(stem, Role::Builder, true);
    let globals: BTreeSet<&str> = env.globals().map(|(name, _)| name).collect();
    let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    names.retain(|name| !sample.contains_key(name.as_str()) && !globals.contains(name.as_str()));
    names.sort();
    let known: Vec<&str> = sample.keys().copied().collect();
    let told = |name: String| {
        Problem::at(text, place_of(&text.text, &name), "", format!("unknown hole {}", quoted(&name)))
            .expected(one_of(&known))
            .nearest(nearest(&name, known.iter().copied()))
    };
    names.into_iter().map(told).collect()
}

/// Renders a template for every role, with and without a phase; the first thing that goes wrong.
fn trial(env: &Environment<'_>, stem: &str, text: &Text) -> Option<Problem> {
    for role in [Role::Builder, Role::Adversary, Role::Orchestrator, Role::Upgrader, Role::Other] {
        for phase in [true, false] {
            let holes = sample_holes(stem, role, phase);
            let said = if LINES.contains(&stem) { line_text(env, stem, &holes) } else { start_text(env, stem, &holes) };
            match said {
                Ok(_) => {}
                // The fault may lie in a template that this one includes, or in the preamble before it.
                Err(Unsaid::Template(error)) if error.name().is_some_and(|name| name != stem) => {
                    return Some(Problem::of(&text.name, Unsaid::Template(error).text()));
                }
                Err(Unsaid::Template(error)) => return Some(template_problem(text, &error)),
                Err(Unsaid::Text(why)) => return Some(Problem::of(&text.name, why)),
            }
        }
    }
    None
}

fn sample_holes(stem: &str, role: Role, phase: bool) -> Holes {
    let list = |items: [&str; 2]| -> Value { items.into_iter().collect() };
    let mut holes: Holes = BTreeMap::from([
        ("project", Value::from("sample")),
        ("workspace", Value::from("/srv/sample")),
        ("remote", Value::from(if phase { "git@example.org:you/sample.git" } else { "" })),
        ("branch", Value::from("main")),
        ("sequence", list(["1a", "1b"])),
        ("agent", Value::from("sample")),
        ("role", Value::from(role.word())),
        ("dir", Value::from("/srv/sample/clone")),
        ("other_agent", Value::from(if phase { "other" } else { "" })),
        ("other_agents", if phase { list(["other", "third"]) } else { Value::from(Vec::<Value>::new()) }),
        ("inbox_file", Value::from("INBOX-sample.md")),
        ("claim_prefix", Value::from("claim")),
        ("review_prefix", Value::from("review")),
        ("prefixes", list(["claim", "review"])),
        ("wait_cap_minutes", Value::from(10)),
    ]);
    match stem {
        "ping" => {
            let commits = [("claim", "1a", "0123456789"), ("claim", "1b", "9876543210")];
            name_commits(&mut holes, &commits[..if phase { 2 } else { 1 }]);
        }
        "inbox" => {
            holes.insert("entries", Value::from(if phase { 2 } else { 1 }));
        }
        _ => holes.extend(PHASE_HOLES.map(|name| (name, Value::from(if phase { "1a" } else { "" })))),
    }
    holes
}

fn template_problem(text: &Text, error: &minijinja::Error) -> Problem {
    let line = error.line().map_or(0..0, |line| {
        let line = text.line(line);
        let indent = text.text[line.clone()].len() - text.text[line.clone()].trim_start().len();
        line.start + indent..line.end
    });
    // Ranges are bytes of the template as it was given; the check is against a library that thinks otherwise.
    let exact = error.range().filter(|range| text.text.get(range.clone()).is_some() && !range.is_empty());
    Problem::at(text, exact.unwrap_or(line), "", sentence(error))
}

fn sentence(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    let detail = error.detail().map_or(String::new(), |detail| format!(": {detail}"));
    format!("{kind}{detail}").lines().collect::<Vec<_>>().join(" ")
}

/// Where a template first uses a name: the whole word inside `{{ }}` or `{% %}`.
fn place_of(text: &str, name: &str) -> Range<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| word(c) || c == '.') && !after.is_some_and(word)
    };
    let open = |at: usize| {
        let before = &text[..at];
        let opened = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        opened > closed
    };
    let found = text.match_indices(name).map(|(at, _)| at).find(|at| whole(*at) && open(*at));
    found.map_or(0..0, |at| at..at + name.len())
}
