//! A person at the panes: begins to type and goes away, reads back in copy mode, answers dialogs, clears what stands in a composer
//! and would not go. Looks before each key, as people do; is quick, as people are not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flightdeck::edge::clock;

use super::dice::Dice;
use super::fleet;

/// Between two acts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(120));
/// How long a draft stands, or the past is read.
const STAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(1500));

/// What stands in a composer for so long is nobody's who is just about to press Enter.
const RESTS_MS: i64 = 500;

/// What others tell the person, and what the person wrote down.
#[derive(Default)]
pub(crate) struct Desk {
    /// Agents for which something waits, with the engine's words; only in these does a person see to things.
    pub(crate) blocked: Mutex<BTreeMap<String, String>>,
    /// What was typed by hand and may have been submitted.
    pub(crate) by_hand: Mutex<BTreeSet<(String, String)>>,
    /// Until then (on the clock that never jumps) nobody enters or leaves copy mode: a control client of the engine may be introducing
    /// itself, and tmux up to 3.6 ends when it has to tell that one of a mode (tmux/tmux#4980). No message is ours to prove then.
    pub(crate) quiet_until: AtomicI64,
    /// Held while a person acts, so that no engine begins in the middle of it.
    pub(crate) acting: Mutex<()>,
    /// From now on only what is blocked is seen to.
    pub(crate) tidies: AtomicBool,
    pub(crate) over: AtomicBool,
    pub(crate) acts: Mutex<BTreeMap<&'static str, usize>>,
}

/// What the person left behind somewhere.
enum Left {
    Draft(String),
    CopyMode,
}

/// A person.
pub(crate) struct Operator {
    pub(crate) desk: Arc<Desk>,
    pub(crate) socket: PathBuf,
    pub(crate) agents: Arc<Vec<String>>,
    pub(crate) dice: Dice,
    /// By agent, and when it is put right.
    left: BTreeMap<String, (i64, Left)>,
    /// What stands in a composer where it should not, and since when.
    seen: BTreeMap<String, (i64, String)>,
    drafts: u64,
}

impl Desk {
    /// Everybody goes home.
    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Operator {
    pub(crate) fn new(desk: Arc<Desk>, socket: PathBuf, agents: Arc<Vec<String>>, seed: u64) -> Operator {
        let dice = Dice::new(seed ^ 0x0b5e);
        Operator { desk, socket, agents, dice, left: BTreeMap::new(), seen: BTreeMap::new(), drafts: 0 }
    }

    /// Goes on until it is over, and then puts right what was left behind.
    pub(crate) fn work(mut self) {
        while !self.desk.over.load(Ordering::Relaxed) {
            self.unless_quiet(Operator::put_right);
            self.attend();
            let tidies = self.desk.tidies.load(Ordering::Relaxed);
            if !tidies && self.left.len() < 3 {
                self.unless_quiet(Operator::meddle);
            }
            clock::block(self.dice.between(PAUSE));
        }
    }

    /// What may enter or leave a mode, and no engine begins meanwhile.
    fn unless_quiet(&mut self, act: fn(&mut Operator)) {
        let desk = Arc::clone(&self.desk);
        let _acting = desk.acting.lock().expect("no panic");
        if clock::monotonic_ms() >= desk.quiet_until.load(Ordering::Relaxed) {
            act(self);
        }
    }

    /// One act of somebody who has no message in mind.
    fn meddle(&mut self) {
        let agent = self.dice.pick(&self.agents).clone();
        if self.left.contains_key(&agent) {
            return;
        }
        let until = clock::monotonic_ms() + i64::try_from(self.dice.between(STAYS).as_millis()).expect("short");
        match self.dice.below(100) {
            0..2 if self.composer(&agent).as_deref() == Some("") => {
                self.drafts += 1;
                let text = format!("by hand .h{}.", self.drafts);
                self.desk.by_hand.lock().expect("no panic").insert((agent.clone(), text.clone()));
                // Whoever sees the composer fill up does not begin to type: the cursor stands behind its sign, at this very moment.
                let there = "#{&&:#{==:#{cursor_x},2},#{!=:#{pane_in_mode},1}}";
                let types = format!("send-keys -t '{}' -l '{text}'", target(&agent));
                self.tmux(&["if-shell", "-F", "-t", &target(&agent), there, &types]);
                self.left.insert(agent, (until, Left::Draft(text)));
                self.count("drafts");
            }
            2..12 => {
                self.tmux(&["copy-mode", "-t", &target(&agent)]);
                self.left.insert(agent, (until, Left::CopyMode));
                self.count("copy-mode");
            }
            _ => {}
        }
    }

    /// Ends what was begun long enough ago.
    fn put_right(&mut self) {
        let now = clock::monotonic_ms();
        let tidies = self.desk.tidies.load(Ordering::Relaxed);
        let due: Vec<String> =
            self.left.iter().filter(|(_, (at, _))| *at <= now || tidies).map(|(agent, _)| agent.clone()).collect();
        for agent in due {
            match self.left.remove(&agent).expect("it is there").1 {
                Left::CopyMode => {
                    // The pane may have died, and its mode with it.
                    self.tmux(&["send-keys", "-t", &target(&agent), "-X", "cancel"]);
                }
                Left::Draft(text) if self.composer(&agent).as_deref() == Some(&text) => {
                    let key = if self.dice.chance(300) { "Enter" } else { "C-u" };
                    self.tmux(&["send-keys", "-t", &target(&agent), key]);
                }
                Left::Draft(_) => {}
            }
        }
    }

    /// Sees to one agent for which something waits.
    fn attend(&mut self) {
        let blocked = self.desk.blocked.lock().expect("no panic").clone();
        self.seen.retain(|agent, _| blocked.contains_key(agent));
        for (agent, why) in blocked {
            if self.left.contains_key(&agent) {
                continue;
            }
            if why.contains("dialog") {
                if self.asks(&agent) {
                    let key = if self.dice.chance(500) { "1" } else { "2" };
                    // The picture may be older than the last answer: then the key stands in the composer, before what comes next.
                    self.desk.by_hand.lock().expect("no panic").insert((agent.clone(), key.to_string()));
                    self.tmux(&["send-keys", "-t", &target(&agent), key]);
                    self.count("dialogs");
                }
            } else if why.contains("composer") || why.contains("words") || why.contains("draft") {
                self.clear(&agent);
            }
        }
    }

    /// Clears a composer in which the same stood for a while.
    fn clear(&mut self, agent: &str) {
        let Some(text) = self.composer(agent).filter(|text| !text.is_empty()) else {
            self.seen.remove(agent);
            return;
        };
        let now = clock::monotonic_ms();
        let first = self.seen.get(agent).filter(|(_, before)| *before == text).map(|(at, _)| *at);
        if first.is_some_and(|at| now - at >= RESTS_MS) {
            self.tmux(&["send-keys", "-t", &target(agent), "C-c"]);
            self.seen.remove(agent);
            self.count("cleared");
        } else if first.is_none() {
            self.seen.insert(agent.to_string(), (now, text));
        }
    }

    /// Whether a question stands on the screen.
    fn asks(&self, agent: &str) -> bool {
        let screen = self.tmux(&["capture-pane", "-p", "-t", &target(agent)]);
        screen.lines().any(|line| line.starts_with("Do you want to run this command?"))
            && screen.lines().rev().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("Esc to cancel"))
    }

    /// What stands in a composer, as far as it is shown; `None`: there is none.
    fn composer(&self, agent: &str) -> Option<String> {
        let screen = self.tmux(&["capture-pane", "-p", "-t", &target(agent)]);
        let lines: Vec<&str> = screen.lines().collect();
        let last = lines.iter().rposition(|line| line.starts_with("────"))?;
        let upper = lines[..last].iter().rposition(|line| line.starts_with("───"))?;
        let shown = lines[upper + 1..last].join("\n");
        let scrolled = lines[upper].contains('↑');
        let text = shown.strip_prefix('❯').map_or(shown.as_str(), |rest| rest.trim_start_matches('\u{a0}'));
        let text = text.trim_end().to_string();
        if scrolled && text.is_empty() { Some("…".to_string()) } else { Some(text) }
    }

    fn tmux(&self, args: &[&str]) -> String {
        fleet::tmux(&self.socket, args)
    }

    fn count(&self, act: &'static str) {
        *self.desk.acts.lock().expect("no panic").entry(act).or_default() += 1;
    }
}

fn target(agent: &str) -> String {
    format!("={agent}:")
}
