//! Points on the way of an action at which a test ends us, as `kill -9` would, by their names. They are there in debug
//! builds alone: a release knows no such thing, not even the names.
//!
//! `FLIGHTDECK_FAILPOINT="start.effect:2 stop.order.after:1"` ends this process when it comes to the one for the second time
//! or to the other for the first, and adds which it was to the file `FLIGHTDECK_FAILPOINT_HIT`; each point that it comes to
//! is added to the file `FLIGHTDECK_FAILPOINTS`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::pilot::effect::Effect;
use crate::pilot::event::Event;
use crate::pilot::fact::{Report, Stamp};
use crate::pilot::id::EffectId;
use crate::pilot::message::{Origin, Stage};
use crate::pilot::record::{Order, Record};

/// Where an action stands, seen from the log.
#[derive(Clone, Copy)]
pub enum When {
    /// Decided, and nowhere written.
    Before,
    /// Written; what follows from it has not left.
    After,
}

/// How often each point was come to.
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
/// What was ordered by which number.
static ORDERS: Mutex<BTreeMap<EffectId, &'static str>> = Mutex::new(BTreeMap::new());

/// We are at this point.
pub fn reached(name: &str) {
    add("FLIGHTDECK_FAILPOINTS", name);
    let Ok(wanted) = std::env::var("FLIGHTDECK_FAILPOINT") else { return };
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let times = seen.entry(name.to_string()).or_default();
    *times += 1;
    let here = format!("{name}:{times}");
    if wanted.split(' ').any(|point| point == here) {
        add("FLIGHTDECK_FAILPOINT_HIT", &here);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Adds a line to the file that this variable names.
fn add(variable: &str, line: &str) {
    let Some(path) = std::env::var_os(variable) else { return };
    if let Ok(mut file) = std::fs::File::options().append(true).create(true).open(path) {
        // In one piece, since threads come to points of their own; whoever asked for the file misses a line that fails.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// The records of a round are about to be written, or have just been.
pub fn records(when: When, records: &[(Stamp, Record)]) {
    for (_, record) in records {
        if let Some(step) = step(record) {
            let side = match when {
                When::Before => "before",
                When::After => "after",
            };
            reached(&format!("{step}.{side}"));
        }
        // Nothing else comes of it; an engine that goes on for days would remember each.
        if let (When::After, Record::Done { id } | Record::Failed { id, .. }) = (when, record) {
            ORDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

/// What came of an order is known, and nothing was made of it yet.
pub fn evidence(events: &[Event]) {
    for event in events {
        match event {
            Event::EffectFinished { id, .. } => {
                let order = ORDERS.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
                reached(&format!("{}.evidence", order.unwrap_or("other")));
            }
            Event::Reported { report: Report::PromptSubmitted { .. }, .. } => reached("proof.evidence"),
            Event::PushSeen(_) => reached("handoff.evidence"),
            Event::StatusRead { .. } => reached("phase.evidence"),
            Event::PaneDied { .. } => reached("death.evidence"),
            Event::ConfigLoaded => reached("reload.evidence"),
            _ => {}
        }
    }
}

/// An effect has had its way, and nobody knows yet.
pub fn effect(id: EffectId) {
    let order = ORDERS.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
    reached(&format!("{}.effect", order.unwrap_or("other")));
}

/// An effect is about to leave.
pub fn leaves(effect: &Effect) {
    if let Effect::Reload { .. } = effect {
        reached("reload.order");
    }
}

/// The steps that matter, by what was written of them.
fn step(record: &Record) -> Option<String> {
    let order = |id| ORDERS.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied().unwrap_or("other");
    Some(match record {
        Record::Ordered { id, order, .. } => {
            let name = name(order);
            ORDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, name);
            format!("{name}.order")
        }
        Record::Done { id } | Record::Failed { id, .. } => format!("{}.done", order(id)),
        Record::Stopped { .. } => "stop.done".to_string(),
        Record::Exited { .. } => "death.done".to_string(),
        Record::MessageQueued { message } => match message.origin {
            Origin::Handoff { .. } => "ping.queued".to_string(),
            _ => "message.queued".to_string(),
        },
        Record::MessageMoved { stage: Stage::Submitted { .. }, .. } => "proof.done".to_string(),
        Record::HandoffSeen { .. } => "handoff.done".to_string(),
        Record::PhaseDone { .. } => "phase.left".to_string(),
        Record::PhaseEntered { .. } => "phase.entered".to_string(),
        Record::ConfigLoaded { .. } => "reload.done".to_string(),
        _ => return None,
    })
}

fn name(order: &Order) -> &'static str {
    match order {
        Order::StartServer => "server",
        Order::Start { .. } => "start",
        Order::Stop { .. } => "stop",
        Order::Paste { .. } => "paste",
        Order::Submit { .. } => "submit",
        Order::Post { .. } => "post",
        Order::Write { .. } => "write",
    }
}
