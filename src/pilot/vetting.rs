//! A look before each start at what the agent's program will go by. A repository may bring settings for it, with hooks, another
//! service's address, leave to do anything (fault X8): they are remembered, and others than before are told or waited for. And a
//! program must not begin in a home of which a file is damaged (fault A4): it would go on as if it was new.

use std::time::Duration;

use crate::config::model::ProjectSettings;

use super::account;
use super::effect::Effect;
use super::fact::{Setting, Vetted};
use super::id::AgentId;
use super::launch;
use super::record::Record;
use super::time::Time;
use super::turn::Turn;

/// A look that does not come back is asked for again after this.
const PATIENCE: Duration = Duration::from_secs(20);
/// What was seen so long ago may be otherwise by now.
const FRESH: Duration = Duration::from_secs(5);

/// Why the agent is not started in this very moment, and when to come back; `None`: nothing is in its way.
pub(super) fn waits(turn: &mut Turn<'_>, id: &AgentId, begun: &account::Start) -> Option<(Time, String)> {
    let name = &begun.agent.backend;
    if !turn.rules.backends.get(name).is_some_and(|backend| backend.access.is_vetted()) {
        return None;
    }
    let now = turn.now.steady;
    if let Some((_, vetted)) = turn.watch(id).vetted.take().filter(|(at, _)| now.since(*at) < FRESH) {
        return judge(turn, id, name, vetted)
            .then(|| (now + PATIENCE, "look again at what it would go by".to_string()));
    }
    let asked = turn.watch(id).vet_asked.filter(|asked| now.since(*asked) < PATIENCE);
    if asked.is_none() {
        let account = begun.way.account.as_ref();
        let spec = Box::new(launch::spec(turn.rules, &begun.agent, account, Vec::new(), ""));
        turn.watch(id).vet_asked = Some(now);
        turn.ask(Effect::Vet { agent: id.clone(), backend: name.clone(), spec });
    }
    Some((asked.unwrap_or(now) + PATIENCE, "look at what it would go by".to_string()))
}

/// What was seen.
pub(super) fn vetted(turn: &mut Turn<'_>, id: &AgentId, vetted: Vetted) {
    let now = turn.now.steady;
    let watch = turn.watch(id);
    watch.vet_asked = None;
    watch.vetted = Some((now, vetted));
}

/// Whether it is held for that.
fn judge(turn: &mut Turn<'_>, id: &AgentId, backend: &str, vetted: Vetted) -> bool {
    if let Some(damage) = vetted.damaged {
        let copy =
            damage.kept.map_or("no copy of it could be made".to_string(), |kept| format!("a copy is kept as {kept}"));
        let cause = format!("{} is damaged ({}; {copy}): put it right first", damage.file, damage.why);
        hold(turn, id, cause);
        return true;
    }
    let known = turn.agent(id).and_then(|agent| agent.settings.get(backend).cloned());
    if known.as_ref() == Some(&vetted.settings) {
        return false;
    }
    let changed = differing(known.as_deref().unwrap_or_default(), &vetted.settings);
    turn.record(Record::SettingsSeen { agent: id.clone(), backend: backend.to_string(), settings: vetted.settings });
    if changed.is_empty() {
        return false;
    }
    let strict = turn.rules.agents.get(id).is_some_and(|rules| rules.project_settings == ProjectSettings::Hold);
    let changed = changed.join(", ");
    match known {
        _ if strict => {
            let cause = format!("its folder brings settings that nobody has looked at: {changed}; look at them first");
            hold(turn, id, cause);
        }
        Some(_) => {
            let what =
                format!("its folder brings other settings than before: {changed}; it goes by them from this start on");
            turn.record(Record::Alerted { agent: Some(id.clone()), what });
        }
        // The first that are seen are those that its operator chose with the repository; the log shows them.
        None => {}
    }
    strict
}

fn hold(turn: &mut Turn<'_>, id: &AgentId, cause: String) {
    turn.record(Record::Held { agent: id.clone(), cause, evidence: Vec::new(), spent: false, until: None });
}

/// What is there now and was not so before, and what has gone.
fn differing(old: &[Setting], new: &[Setting]) -> Vec<String> {
    let changed = new.iter().filter(|setting| !old.contains(setting)).map(Setting::words);
    let gone = |setting: &&Setting| !new.iter().any(|other| other.file == setting.file);
    changed.chain(old.iter().filter(gone).map(|setting| format!("{} is gone", setting.file))).collect()
}
