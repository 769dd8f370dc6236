//! What lies in the workspace itself: plans and status files, found by the configuration as it is now. Reads only.

use std::path::{Path, PathBuf};

use crate::config::model::Role;
use crate::config::{self, Config};
use crate::edge::workspace;
use crate::pilot::id::PhaseId;
use crate::words::text;

/// Something to be looked up in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All phases that have a plan.
    Plans,
    /// The plan of this phase.
    Plan(PhaseId),
    /// The status file of this phase.
    Status(PhaseId),
}

/// What was found; what was not, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Phases that have a plan, with their titles.
    Plans(Result<Vec<(PhaseId, String)>, String>),
    /// A file that is there.
    File(Result<PathBuf, String>),
}

/// Looks in the workspace `root`.
pub fn look(root: &Path, wanted: &Wanted) -> Ground {
    let config = read(root);
    match wanted {
        Wanted::Plans => Ground::Plans(
            config.map(|config| config.phases.values().map(|phase| (phase.id.clone(), phase.title.clone())).collect()),
        ),
        Wanted::Plan(phase) => Ground::File(config.and_then(|config| plan(&config, phase)).and_then(there)),
        Wanted::Status(phase) => Ground::File(config.and_then(|config| status(&config, phase)).and_then(there)),
    }
}

fn read(root: &Path) -> Result<Config, String> {
    let sources = workspace::read(root).map_err(|problems| refused(problems.len()))?;
    config::load(&sources).map_err(|problems| refused(problems.len()))
}

fn refused(problems: usize) -> String {
    format!("the configuration has problems ({problems}); `flightdeck check` shows each with its place")
}

fn plan(config: &Config, phase: &PhaseId) -> Result<PathBuf, String> {
    let known = config.phases.get(phase).ok_or_else(|| {
        let folder = config.root.join("phases");
        format!("phase {phase} has no plan: looked for {phase}.md in {}", shown(&folder))
    })?;
    Ok(config.root.join(&known.plan))
}

fn status(config: &Config, phase: &PhaseId) -> Result<PathBuf, String> {
    let builder = config.agents.values().find(|agent| agent.role == Role::Builder);
    let builder = builder.ok_or_else(|| "no agent is a builder, and its clone has the status files".to_string())?;
    Ok(builder.dir.join(&config.project.state_dir).join(format!("STATUS-{phase}.md")))
}

fn there(path: PathBuf) -> Result<PathBuf, String> {
    if path.is_file() { Ok(path) } else { Err(format!("there is no {}", shown(&path))) }
}

fn shown(path: &Path) -> String {
    text::line(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cockpit::update::stand::phase;

    #[test]
    fn plans_and_status_files_are_found_where_the_configuration_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("deck");
        crate::edge::scaffold::init(&root).expect("a workspace");
        let root = root.canonicalize().expect("it exists");
        let Ground::Plans(Ok(plans)) = look(&root, &Wanted::Plans) else { panic!("plans") };
        let known = plans.first().expect("the demo's phases").0.clone();
        let Ground::File(Ok(plan)) = look(&root, &Wanted::Plan(known.clone())) else { panic!("a plan") };
        assert!(plan.starts_with(root.join("phases")));
        let Ground::File(Err(why)) = look(&root, &Wanted::Plan(phase("zz"))) else { panic!("no plan") };
        assert!(why.contains("looked for zz.md in") && why.contains("/deck/phases"), "{why}");
        let Ground::File(Err(why)) = look(&root, &Wanted::Status(known.clone())) else { panic!("no status") };
        assert!(why.contains(&format!("STATUS-{known}.md")), "{why}");
        std::fs::write(root.join("flightdeck.toml"), "nonsense").expect("written");
        let Ground::Plans(Err(why)) = look(&root, &Wanted::Plans) else { panic!("refused") };
        assert!(why.contains("flightdeck check"), "{why}");
    }
}
