//! Handing work over: a pushed claim or verdict pings whom it concerns, once for ever. The ping is our own sentence with
//! a checked gate and a short sha; no byte of a subject is typed into an agent.

use std::collections::BTreeMap;

use crate::config::prompts;

use super::branch::{Branch, Ping};
use super::fact::{Commit, Handoff, Push};
use super::id::{AgentId, Sha};
use super::message::{Origin, Stage};
use super::phase;
use super::record::{BaselineWhy, Record};
use super::turn::Turn;

/// Handoffs of a loop that are shown as its evidence.
const CHAIN_SHOWN: usize = 8;

/// One commit to be named in a ping.
struct Item {
    prefix: String,
    gate: String,
    sha: Sha,
}

/// The watched branch was read and has moved, or was seen for the first time.
pub(super) fn push_seen(turn: &mut Turn<'_>, push: &Push) {
    if turn.state.branch.broken.is_some() {
        turn.record(Record::WatchMended);
    }
    let Some(remote) = turn.rules.project.remote.clone() else { return };
    let branch = turn.rules.project.branch.clone();
    let same = turn.state.branch.of.as_ref() == Some(&(remote.clone(), branch.clone()));
    let known = turn.state.branch.baseline.clone().filter(|_| same);
    let why = match known {
        None => BaselineWhy::FirstSight,
        Some(_) if push.rewritten => BaselineWhy::Rewritten,
        Some(_) => BaselineWhy::Pushed,
    };
    if known.as_ref() != Some(&push.new) {
        let sha = push.new.clone();
        turn.record(Record::Baseline { remote: remote.clone(), branch: branch.clone(), sha, why });
    }
    let ends = turn.state.sequence.current.as_ref().is_some_and(|phase| push.done.contains(phase))
        && !turn.state.sequence.stale_done;
    if why == BaselineWhy::Pushed && !turn.state.sequence.complete {
        // Work that ends the phase is handed to nobody: its loops are about to begin the next one.
        announce(turn, &remote, &branch, &push.commits, !ends);
        inboxes(turn, &remote, &branch, push);
    }
    match why {
        BaselineWhy::FirstSight => phase::first_sight(turn, &push.done),
        BaselineWhy::Pushed | BaselineWhy::Rewritten | BaselineWhy::PhaseChange => {
            phase::pushed_done(turn, &push.done);
        }
    }
}

/// The remote could not be read: no news is not "nothing new".
pub(super) fn watch_failed(turn: &mut Turn<'_>, why: String, count: u32) {
    // Three in a row are an episode; one is a network.
    if count >= 3 && turn.state.branch.broken.is_none() {
        turn.record(Record::WatchBroken { why });
    }
}

fn announce(turn: &mut Turn<'_>, remote: &str, branch: &str, commits: &[Commit], ping: bool) {
    let mut pings: BTreeMap<AgentId, Vec<Item>> = BTreeMap::new();
    for commit in commits {
        let Some(handoff) = &commit.handoff else { continue };
        let targets: Vec<AgentId> = turn
            .rules
            .agents
            .values()
            .filter(|agent| agent.pinged_by.contains(&handoff.prefix))
            .map(|agent| agent.id.clone())
            .filter(|id| !turn.state.branch.pinged.contains(&Branch::key(&commit.sha, &handoff.prefix, id)))
            .collect();
        if targets.is_empty() {
            continue;
        }
        if let Some(what) = forged(turn, commit, handoff) {
            turn.record(Record::Alerted { agent: None, what });
            continue;
        }
        let (sha, handoff) = (commit.sha.clone(), handoff.clone());
        let (prefix, gate) = (handoff.prefix.clone(), handoff.gate.clone());
        turn.record(Record::HandoffSeen {
            remote: remote.to_string(),
            branch: branch.to_string(),
            sha: sha.clone(),
            handoff,
            targets: targets.clone(),
            by: commit.by(),
        });
        for target in targets {
            let item = Item { prefix: prefix.clone(), gate: gate.clone(), sha: sha.clone() };
            pings.entry(target).or_default().push(item);
        }
    }
    for (target, items) in pings {
        if ping {
            hold_loops(turn, &target);
            send(turn, &target, &items);
        }
    }
}

/// Who signs a handoff must be one of those who may, where that is said (fault G15). Both names count: with `--author` alone one of
/// them is still the forger's own.
fn forged(turn: &Turn<'_>, commit: &Commit, handoff: &Handoff) -> Option<String> {
    let Handoff { prefix, gate } = handoff;
    let may = turn.rules.handoff.authors.get(prefix)?;
    let is_let = |mail: &String| may.contains(mail);
    if is_let(&commit.author.mail) && is_let(&commit.committer.mail) {
        return None;
    }
    let (by, sha) = (commit.by(), commit.sha.short());
    Some(format!(
        "{prefix}({gate}) {sha} is by {by}, who may not hand that over (`handoff.authors`): nobody was told of it"
    ))
}

fn send(turn: &mut Turn<'_>, target: &AgentId, items: &[Item]) {
    let commits = items.iter().map(|item| item.sha.clone()).collect();
    let named: Vec<(&str, &str, &str)> =
        items.iter().map(|item| (item.prefix.as_str(), item.gate.as_str(), item.sha.short())).collect();
    let text = prompts::render_ping(turn.rules, target, &named);
    say(turn, target, Origin::Handoff { commits }, text);
}

fn say(turn: &mut Turn<'_>, target: &AgentId, origin: Origin, text: Result<String, String>) {
    match text {
        Ok(text) => {
            make_room(turn, target);
            turn.queue(target, origin, &text, false);
        }
        Err(why) => {
            let what = format!("a ping could not be made: {why}");
            turn.record(Record::Alerted { agent: Some(target.clone()), what });
        }
    }
}

/// For an agent that takes nothing in, the oldest ping gives way to the newest: whoever pulls sees them all.
fn make_room(turn: &mut Turn<'_>, target: &AgentId) {
    if turn.state.waiting(target).count() < turn.rules.delivery.queue {
        return;
    }
    let oldest = turn.state.waiting(target).find(|posted| {
        matches!(posted.stage, Stage::Queued { .. })
            && matches!(posted.message.origin, Origin::Handoff { .. } | Origin::Inbox { .. })
    });
    if let Some(message) = oldest.map(|posted| posted.message.id) {
        let why = "too many messages wait for it".to_string();
        turn.move_message(message, target, Stage::Expired { why });
    }
}

/// Agents that ping each other without end are held, with the count as the reason and the chain of handoffs as its evidence (fault
/// M12). What they were to be told waits with them.
fn hold_loops(turn: &mut Turn<'_>, target: &AgentId) {
    let rules = &turn.rules.handoff;
    let now = turn.now.steady;
    let pings = turn.state.branch.pings.get(target);
    let recent = pings.map_or(0, |pings| pings.iter().filter(|ping| now.since(ping.at) <= rules.loop_window).count());
    if recent <= rules.loop_budget as usize {
        return;
    }
    if turn.agent(target).is_some_and(|agent| agent.held.is_none()) {
        let cause = format!(
            "handoff loop: {recent} handoffs to it within {}, the budget is {}",
            humantime::format_duration(rules.loop_window),
            rules.loop_budget
        );
        let evidence = chain(turn);
        turn.record(Record::Held { agent: target.clone(), cause, evidence, spent: false, until: None });
    }
}

/// The last handoffs of the loop window, whoever they went to: each mostly answers the one before it.
fn chain(turn: &Turn<'_>) -> Vec<String> {
    let (now, window) = (turn.now.steady, turn.rules.handoff.loop_window);
    let all = turn.state.branch.pings.iter().flat_map(|(to, pings)| pings.iter().map(move |ping| (ping, to)));
    let mut recent: Vec<(&Ping, &AgentId)> = all.filter(|(ping, _)| now.since(ping.at) <= window).collect();
    recent.sort_by_key(|(ping, _)| ping.at);
    let shown = recent.split_off(recent.len().saturating_sub(CHAIN_SHOWN));
    shown.into_iter().map(|(ping, to)| format!("{} to {to}", ping.what)).collect()
}

fn inboxes(turn: &mut Turn<'_>, remote: &str, branch: &str, push: &Push) {
    for (agent, entries) in &push.inbox {
        let seen = turn.state.branch.pinged.contains(&Branch::key(&push.new, "inbox", agent));
        if seen || !turn.rules.agents.contains_key(agent) {
            continue;
        }
        turn.record(Record::InboxSeen {
            remote: remote.to_string(),
            branch: branch.to_string(),
            sha: push.new.clone(),
            agent: agent.clone(),
            entries: *entries,
        });
        let text = prompts::render_inbox(turn.rules, agent, *entries);
        say(turn, agent, Origin::Inbox { at: push.new.clone() }, text);
    }
}
