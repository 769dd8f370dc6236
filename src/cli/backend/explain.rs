//! `flightdeck backend explain`: what would be run, with what, and how it is spoken to and read. Runs nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::error::{CliError, Kind};
use crate::cli::exit::Exit;
use crate::cli::{Global, out, workspace};
use crate::config::Config;
use crate::config::accounts;
use crate::config::launch::{Holes, Paths, files, launch_argv, resume_argv};
use crate::config::model::{Agent, Backend};
use crate::edge::{channel, perform, runner};
use crate::pilot::id::AgentId;
use crate::pilot::launch;
use crate::words::{reading, text};

use super::known::Known;

/// Say what a backend would run, and how it is spoken to and read
///
/// With an agent, as for that agent; else with the holes of its table. Of variables only names are
/// told. Ends with 2 where there is no such backend or agent.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The backend, like claude
    backend: String,
    /// As for this agent of the workspace
    #[arg(long)]
    agent: Option<AgentId>,
}

/// All that is told of one backend.
#[derive(Debug, Serialize)]
struct Explained {
    backend: String,
    agent: Option<String>,
    fresh: Vec<String>,
    /// `None`: it takes up no conversation.
    resumed: Option<Vec<String>>,
    dir: Option<String>,
    /// Names alone, and why they are not known where they are not.
    environment: Result<Vec<String>, String>,
    files: Vec<String>,
    submits: Submits,
    channel: &'static str,
    permissions: Vec<String>,
    rules: BTreeMap<&'static str, usize>,
    tried: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Submits {
    key: String,
    gap_ms: u128,
    retries_ms: Vec<u128>,
    paste_piece: Option<(usize, usize)>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let known = Known::of(global)?;
    let backend = known.named(&args.backend)?;
    let explained = match &args.agent {
        None => of_table(backend),
        Some(id) => of_agent(agent(&known, backend, id)?, backend),
    };
    if global.json {
        out::json(&explained)?;
    } else {
        out::text(&shown(&explained))?;
    }
    Ok(Exit::Done)
}

fn agent<'a>(known: &'a Known, backend: &Backend, id: &AgentId) -> Result<(&'a Config, &'a Agent), CliError> {
    let config = known.config.as_ref().ok_or_else(|| CliError::new(Kind::Usage, "agents are those of a workspace"))?;
    let agent = config.agents.get(id).filter(|agent| agent.backend == backend.name);
    agent.map(|agent| (config, agent)).ok_or_else(|| {
        let names: Vec<String> = known.agents(&backend.name).iter().map(|agent| agent.id.to_string()).collect();
        let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
        CliError::new(Kind::Usage, format!("no agent {id} has the backend {}", backend.name))
            .hint(format!("agents with it: {names}"))
    })
}

fn of_table(backend: &Backend) -> Explained {
    Explained {
        fresh: backend.launch.clone(),
        resumed: backend.resume.clone(),
        environment: Err("it is an agent's: name one with --agent".to_string()),
        ..common(backend)
    }
}

fn of_agent((config, agent): (&Config, &Agent), backend: &Backend) -> Explained {
    let paths = Paths::of(&config.root, agent);
    let holes = Holes { conversation: "{conversation}", ..Holes::of(agent, &paths) };
    let fresh = launch_argv(backend, &holes);
    let first = accounts::ways(config, agent).0.into_iter().next();
    let account = first.and_then(|way| way.account);
    let mut spec = launch::spec(config, agent, account.as_ref(), fresh.clone(), "");
    let state = workspace::state_dir(&config.root);
    let spool = perform::spool_path(&state, &agent.id);
    // Only the names of these are told.
    spec.env.extend(channel::environment(&spool, std::path::Path::new("flightdeck")));
    let made = files(&config.root, agent, backend);
    Explained {
        agent: Some(agent.id.to_string()),
        fresh,
        resumed: resume_argv(backend, &holes),
        dir: Some(paths.dir.clone()),
        environment: runner::variables(&spec).map_err(|why| why.to_string()),
        files: made.iter().chain([&spool]).map(|file| file.display().to_string()).collect(),
        ..common(backend)
    }
}

fn common(backend: &Backend) -> Explained {
    let mut rules = BTreeMap::new();
    for rule in &backend.rules {
        *rules.entry(reading::word(rule.says)).or_insert(0) += 1;
    }
    Explained {
        backend: backend.name.clone(),
        agent: None,
        fresh: Vec::new(),
        resumed: None,
        dir: None,
        environment: Ok(Vec::new()),
        files: Vec::new(),
        submits: Submits {
            key: backend.submit_key.clone(),
            gap_ms: backend.submit_gap.as_millis(),
            retries_ms: backend.submit_retries.iter().map(std::time::Duration::as_millis).collect(),
            paste_piece: backend.paste_piece,
        },
        channel: backend.channel.word(),
        permissions: backend.permissions.keys().cloned().collect(),
        rules,
        tried: backend.tried.clone(),
    }
}

fn shown(told: &Explained) -> String {
    let argv = |argv: &[String]| serde_json::to_string(argv).unwrap_or_default();
    let submits = &told.submits;
    let pieces = submits.paste_piece.map_or("whole pastes".to_string(), |(characters, breaks)| {
        format!("pastes of at most {characters} characters and {breaks} line breaks")
    });
    let again: Vec<String> = submits.retries_ms.iter().map(|gap| format!("{gap} ms")).collect();
    let rules: Vec<String> = told.rules.iter().map(|(says, count)| format!("{count} {says}")).collect();
    let rows = [
        ("backend", told.backend.clone()),
        ("agent", told.agent.clone().unwrap_or_default()),
        ("fresh", argv(&told.fresh)),
        ("resumed", told.resumed.as_deref().map_or("never".to_string(), argv)),
        ("dir", told.dir.clone().unwrap_or_default()),
        (
            "environment",
            told.environment.as_ref().map_or_else(|why| format!("unknown: {why}"), |names| names.join(" ")),
        ),
        ("files", told.files.join(" ")),
        ("submits", format!("{pieces}, {} ms, {}; again after {}", submits.gap_ms, submits.key, again.join(", "))),
        ("channel", told.channel.to_string()),
        ("permissions", told.permissions.join(", ")),
        ("rules", rules.join(", ")),
        ("tried", told.tried.join(", ")),
    ];
    let filled = rows.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| format!("{name:<11}  {}\n", text::line(value))).collect()
}
