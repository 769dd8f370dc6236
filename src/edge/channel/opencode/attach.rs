//! An agent that attaches to a server which others use too. Its conversation is begun there before its screen program is: so
//! it is known whose is whose, whatever is begun on that server later.

use std::path::Path;

use serde_json::json;

use super::{access, handover};
use crate::config::launch::{CONVERSATION, SERVER};
use crate::edge::channel::fill;
use crate::edge::files::FileError;
use crate::pilot::effect::LaunchSpec;
use crate::pilot::id::{AgentId, Incarnation};

/// Notes how the server is reached, as that service told at its own start.
pub(in crate::edge::channel) fn equip(
    agents: &Path,
    agent: &AgentId,
    incarnation: Incarnation,
    launch: &mut LaunchSpec,
) -> Result<(), FileError> {
    let Some(attach) = &launch.attach else { return Ok(()) };
    let about = (launch.resumes.clone(), attach.model.as_str(), launch.cwd.as_path());
    let access = access::share(agents, (agent, &attach.server), incarnation, about)?;
    fill(&mut launch.argv, SERVER, &format!("http://127.0.0.1:{}", access.port));
    Ok(())
}

/// Finds its conversation on the server, or begins one with its name as the title.
pub(in crate::edge::channel) async fn begin(
    agents: &Path,
    agent: &AgentId,
    incarnation: Incarnation,
    launch: &mut LaunchSpec,
) -> Result<(), String> {
    let path = access::path(agents, agent);
    let access = access::read(&path, incarnation).ok_or("how its server is reached was not noted")?;
    if let Some(old) = &access.session {
        if handover::look_up(&access, old).await?.is_some() {
            return Ok(());
        }
        // Deleted by somebody: a new one is the only way on.
        tracing::warn!(%agent, conversation = %old, "its conversation is gone from its server: a new one begins");
    }
    let id = handover::begin(&access, &json!({ "title": agent.as_str() })).await?;
    let old = access.session.as_deref().unwrap_or(CONVERSATION);
    fill(&mut launch.argv, old, &id);
    access::update(&path, incarnation, |access| access.session = Some(id)).map_err(|error| error.to_string())
}
