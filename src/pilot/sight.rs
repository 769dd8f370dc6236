//! Whether an agent's screens can be read at all. A newer version of its program may draw what no rule knows; then nothing that
//! is read from its screens is worth acting on, and the agent is observed only: no message is typed, nothing is healed and
//! no stall is seen. An update of a program must never end in agents that are killed.
//!
//! Judges by shares and never by one screen: a wedged agent shows a single picture that nobody knows, and is not spared.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::model::Backend;

use super::account;
use super::agent::{Life, Watch};
use super::delivery;
use super::heal;
use super::id::AgentId;
use super::record::{Actor, Record};
use super::time::Time;
use super::turn::Turn;

/// So many different screens count, the newest; a turn shows that many within a minute.
const WINDOW: usize = 20;
/// Of fewer no share is told: starts and menus show some that no rule needs to know.
const LEAST: u32 = 10;
/// Screens that were explained all the while for so long: it can be read again.
const AGAIN: Duration = Duration::from_secs(60);
/// One that is observed only is looked over after this even if nothing moves.
const LOOK_OVER: Duration = Duration::from_secs(300);

/// The newest different screens of one life, and whether a rule explained them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    screens: VecDeque<(u64, bool)>,
    explained_since: Option<Time>,
}

impl Sight {
    /// How many of the screens that count no rule explains, and how many count.
    pub fn share(&self) -> (u32, u32) {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (count(self.screens.iter().filter(|(_, explained)| !explained).count()), count(self.screens.len()))
    }

    fn take(&mut self, now: Time, calm: u64, explained: bool) {
        match explained {
            true => drop(self.explained_since.get_or_insert(now)),
            false => self.explained_since = None,
        }
        // The same picture again says nothing new.
        if self.screens.iter().any(|(known, _)| *known == calm) {
            return;
        }
        if self.screens.len() == WINDOW {
            self.screens.pop_front();
        }
        self.screens.push_back((calm, explained));
    }

    fn lost(&self) -> bool {
        let (unclear, screens) = self.share();
        screens >= LEAST && unclear * 2 > screens
    }
}

/// A screen came: `calm` tells it from others, whatever moves by itself.
pub(super) fn note(turn: &mut Turn<'_>, id: &AgentId, calm: u64, explained: bool) {
    let now = turn.now.steady;
    let sight = &mut turn.watch(id).sight;
    sight.take(now, calm, explained);
    let (lost, (unclear, screens)) = (sight.lost(), sight.share());
    let up = turn.agent(id).is_some_and(|agent| matches!(agent.life, Life::Up { .. }) && agent.sight_lost.is_none());
    if !lost || !up || !heal::minded(turn, id) {
        return;
    }
    let backend = account::backend(turn.state, turn.rules, id);
    let watch = turn.watch(id);
    let evidence = watch.reading.as_ref().map(|reading| reading.evidence.clone());
    let evidence = evidence.into_iter().chain(version(watch, backend)).collect();
    turn.record(Record::SightLost { agent: id.clone(), unclear, screens, evidence });
}

/// What is to be said of screens that no rule explains; `None`: there was none in this life.
pub(super) fn words(watch: &Watch, backend: Option<&Backend>) -> Option<String> {
    let (unclear, screens) = watch.sight.share();
    let version = version(watch, backend).map(|version| format!("; {version}")).unwrap_or_default();
    let told = format!(
        "no rule explains {unclear} of its last {screens} different screens, {} since its start{version}",
        watch.unclear
    );
    (watch.unclear > 0).then_some(told)
}

/// Which version it is, and whether that one was tried.
fn version(watch: &Watch, backend: Option<&Backend>) -> Option<String> {
    let version = watch.version.as_ref()?;
    let tried = backend.map_or(&[][..], |backend| &backend.tried);
    Some(match tried.contains(version) {
        true => format!("its program is version {version}"),
        false => format!("its program is version {version}, which was not tried with these rules"),
    })
}

/// `Some`: it is observed only, and when it is looked over again. Ends by itself when its screens are explained again.
pub(super) fn observed(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    turn.agent(id)?.sight_lost?;
    let now = turn.now.steady;
    let again = turn.watch(id).sight.explained_since.map(|since| since + AGAIN);
    if again.is_some_and(|again| now >= again) {
        regain(turn, id, Actor::Pilot);
        return None;
    }
    delivery::hold_back(turn, id, "no rule explains its screens, it is only observed");
    let words = "act on it again if its screens stay explained".to_string();
    Some(again.map_or((now + LOOK_OVER, "look at it again".to_string()), |again| (again, words)))
}

/// It is acted on again: its screens count anew, and so do all graces, since nobody judged it meanwhile.
pub(super) fn regain(turn: &mut Turn<'_>, id: &AgentId, by: Actor) {
    turn.record(Record::SightRegained { agent: id.clone(), by });
    let now = turn.now.steady;
    let watch = turn.watch(id);
    watch.sight = Sight::default();
    (watch.grace_from, watch.sample, watch.symptom) = (now, None, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(screens: impl IntoIterator<Item = (u64, bool)>) -> Sight {
        let mut sight = Sight::default();
        screens.into_iter().for_each(|(calm, explained)| sight.take(Time(0), calm, explained));
        sight
    }

    #[test]
    fn a_version_that_nobody_tried_is_told_with_what_is_unexplained() {
        let backend = crate::config::backend::built_in_named("codex").expect("it is built in");
        let mut watch = Watch { unclear: 3, sight: sight((0..4).map(|calm| (calm, calm > 1))), ..Watch::default() };
        let said = "no rule explains 2 of its last 4 different screens, 3 since its start";
        assert_eq!(words(&watch, Some(&backend)).as_deref(), Some(said));
        watch.version = Some("0.169.0".to_string());
        assert_eq!(words(&watch, Some(&backend)), Some(format!("{said}; its program is version 0.169.0")));
        watch.version = Some("9.9.9".to_string());
        let untried = format!("{said}; its program is version 9.9.9, which was not tried with these rules");
        assert_eq!(words(&watch, Some(&backend)), Some(untried));
        assert_eq!(words(&Watch { unclear: 0, ..watch }, Some(&backend)), None);
    }

    #[test]
    fn more_than_half_of_the_last_screens_and_at_least_ten_must_be_unexplained() {
        assert!(!sight((0..9).map(|calm| (calm, false))).lost());
        assert!(sight((0..10).map(|calm| (calm, false))).lost());
        assert!(!sight((0..20).map(|calm| (calm, calm % 2 == 0))).lost());
        assert!(sight((0..20).map(|calm| (calm, calm >= 11))).lost());
        // Old ones count no more.
        assert!(!sight((0..40).map(|calm| (calm, calm >= 20))).lost());
    }

    #[test]
    fn the_same_picture_again_and_again_is_one() {
        assert_eq!(sight((0..100).map(|_| (7, false))).share(), (1, 1));
    }
}
