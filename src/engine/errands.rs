//! Sends effects on their way, each in a task of its own, so that agents never wait for each other; what came of it
//! comes back as an event.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::config::sequence::set_sequence;
use crate::edge::perform::Hands;
use crate::edge::premises::Ground;
use crate::edge::{channel, files, process, proving, runner, vetting};
use crate::pilot::effect::{Effect, Outcome, OwnFile};
use crate::pilot::event::Event;
use crate::pilot::id::{EffectId, PhaseId};

use super::desk::Desk;

/// Carries out one effect that needs the world.
pub(super) fn run(desk: &mut Desk, effect: Effect) {
    let hands = desk.hands.clone();
    match effect {
        Effect::Start { id, agent, incarnation, spec } => {
            desk.supply.begins(&agent, incarnation);
            let reports = desk.supply.spool();
            let server = desk.state.server.clone();
            let mut spec = spec;
            // The demo agent lives in our own program, which need not be in anybody's PATH.
            if let Some(word) = spec.argv.first_mut().filter(|word| *word == "flightdeck") {
                *word = hands.program.to_string_lossy().into_owned();
            }
            let spool = crate::edge::perform::spool_path(&hands.state_dir, &agent);
            spec.env.extend(channel::environment(&spool, &hands.program));
            tokio::task::spawn_local(async move {
                if let Some(reports) = reports
                    && let Err(error) = reports.fresh(&agent, incarnation).await
                {
                    tracing::warn!(%agent, %error, "its event channel can't be emptied");
                }
                let outcome = hands.start(&agent, incarnation, server, spec).await;
                hands.tell(id, outcome).await;
            });
        }
        Effect::Stop { id, agent, place, process, grace, unless_moved } => {
            let incarnation = desk.state.agents.get(&agent).map(|agent| agent.incarnation).unwrap_or_default();
            tokio::task::spawn_local(async move {
                let outcome = hands.stop(&agent, incarnation, (place, process), grace, unless_moved).await;
                hands.tell(id, outcome).await;
            });
        }
        Effect::Paste { id, place, message, text, backend, .. } => {
            tokio::task::spawn_local(async move {
                let outcome = hands.paste(&backend, &place, message, &text).await;
                hands.tell(id, outcome).await;
            });
        }
        post @ Effect::Post { .. } => hand_over(hands, post),
        Effect::Submit { id, agent, place, text, backend, .. } => {
            let reports = desk.supply.spool();
            tokio::task::spawn_local(async move {
                if let Some(reports) = reports {
                    reports.stir(&agent).await;
                }
                let outcome = hands.submit(&backend, &place, &text).await;
                hands.tell(id, outcome).await;
            });
        }
        Effect::Look { agent, incarnation, place, process } => {
            tokio::task::spawn_local(async move {
                let look = hands.look(&agent, incarnation, &place, process).await;
                let _ = hands.events.send(Event::Looked { agent, incarnation, look }).await;
            });
        }
        Effect::Search { agent, process_names, dir } => {
            tokio::task::spawn_local(async move {
                let found = process::search(&process_names, &dir, &hands.nonce);
                let _ = hands.events.send(Event::Searched { agent, found }).await;
            });
        }
        Effect::Probe { account, backend, spec, known, .. } => {
            tokio::task::spawn_local(async move {
                let probed = proving::probe(&hands, &account, *spec, known.as_deref()).await;
                let _ = hands.events.send(Event::Probed { account, backend, probed }).await;
            });
        }
        seek @ Effect::Seek { .. } => sought(hands, seek),
        vet @ Effect::Vet { .. } => vetted(hands, vet),
        Effect::Survey => desk.supply.survey(),
        Effect::Write { id, what } => write(desk, id, what),
        // The desk and the loop keep these for themselves.
        Effect::StartServer { .. } | Effect::Reply { .. } | Effect::Reload { .. } | Effect::Quit { .. } => {}
    }
}

/// Looks for a conversation where a program that starts so has its home.
fn sought(hands: Hands, seek: Effect) {
    let Effect::Seek { agent, account, conversation, backend, at, spec } = seek else { return };
    let access = hands.rules.backends.get(&backend).map(|backend| &backend.access);
    let found = access.map_or(Err("its backend is gone".to_string()), |access| runner::finds(&spec, access, &at));
    tokio::task::spawn_local(async move {
        let _ = hands.events.send(Event::Sought { agent, account, conversation, found }).await;
    });
}

/// In a thread of its own: files of somebody's are read.
fn vetted(hands: Hands, vet: Effect) {
    let Effect::Vet { agent, backend, spec } = vet else { return };
    let Some(access) = hands.rules.backends.get(&backend).map(|backend| backend.access.clone()) else { return };
    tokio::task::spawn_local(async move {
        let looked = tokio::task::spawn_blocking(move || vetting::vet(&spec, &access)).await;
        // What could not be looked at is asked for again.
        if let Ok(vetted) = looked {
            let _ = hands.events.send(Event::Vetted { agent, vetted }).await;
        }
    });
}

fn hand_over(hands: Hands, post: Effect) {
    let Effect::Post { id, agent, incarnation, message, text } = post else { return };
    tokio::task::spawn_local(async move {
        let outcome = hands.post(&agent, incarnation, message, &text).await;
        hands.tell(id, outcome).await;
    });
}

/// In a thread of its own: what is to outlast a power cut waits for the disk, and nobody waits for that.
fn write(desk: &Desk, id: EffectId, what: OwnFile) {
    let (root, hands, ground) = (desk.root.clone(), desk.hands.clone(), desk.supply.ground());
    tokio::task::spawn_local(async move {
        let written = tokio::task::spawn_blocking(move || own_file(&root, &ground, &what)).await;
        let outcome = match written {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(why)) => Outcome::Failed { why },
            Err(ended) => Outcome::Unknown { why: ended.to_string() },
        };
        hands.tell(id, outcome).await;
    });
}

fn own_file(root: &Path, ground: &Mutex<Ground>, what: &OwnFile) -> Result<(), String> {
    let complete = root.join("SEQUENCE-COMPLETE");
    match what {
        OwnFile::SequenceComplete { phases } => {
            let names: Vec<&str> = phases.iter().map(PhaseId::as_str).collect();
            let text = format!("all phases are done: {}\n", names.join(" "));
            files::write_atomic(&complete, text.as_bytes(), files::PUBLIC).map_err(|error| error.to_string())
        }
        OwnFile::NoSequenceComplete => match std::fs::remove_file(&complete) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("{}: {error}", complete.display())),
        },
        OwnFile::Sequence { phases } => {
            let path = root.join(crate::config::parse::MAIN);
            // As large as the largest configuration that is read.
            let bytes = files::read_bounded(&path, 1024 * 1024).map_err(|error| error.to_string())?;
            let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
            let text = set_sequence(&text, phases)?;
            let write = || files::write_atomic(&path, text.as_bytes(), files::PUBLIC);
            let mut ground = ground.lock().unwrap_or_else(PoisonError::into_inner);
            ground.write(crate::config::parse::MAIN, write).map_err(|error| error.to_string())
        }
    }
}
