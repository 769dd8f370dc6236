//! The judge: what was wished, what the records say, what the agents themselves took in -> every promise that was broken.
//!
//! Knows nothing of how messages are delivered and uses none of the product's logic: texts are compared as they are, numbers
//! are counted. What it is given was written down by others, each from its own side: the senders before they sent, the
//! engine before and after it acted, the agents when they took a prompt in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a sender was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It stands in the outbox under this number.
    Message(u64),
    Refused(String),
    /// Nothing: the engine was killed meanwhile, or was not there.
    None,
}

/// What somebody wanted said, written down before it was said.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) sender: String,
    pub(crate) agent: String,
    /// As it must arrive.
    pub(crate) text: String,
    pub(crate) answer: Answer,
    /// What a sender that waited was told at last, as the word of a stage.
    pub(crate) told: Option<String>,
}

/// What the records say became of a message in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open(String),
    Submitted,
    /// Typed, and the submit key did nothing; it was never taken in by us.
    Stuck,
    Uncertain(String),
    /// Refused, dropped or expired.
    Ended(String),
}

/// A message of the records.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) agent: String,
    pub(crate) text: String,
    pub(crate) fate: Fate,
    /// It was in doubt at some time, whatever it was called later.
    pub(crate) doubted: bool,
    /// It was told that it was taken in together with other words.
    pub(crate) mixed: bool,
    /// Said by the engine itself: a start prompt, a nudge, a handoff.
    pub(crate) by_engine: bool,
}

/// All that is to be judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) records: BTreeMap<u64, Recorded>,
    /// What each agent took in, in its order.
    pub(crate) effects: BTreeMap<String, Vec<String>>,
    /// What a person typed into a pane by hand and may have submitted: agent and text.
    pub(crate) by_hand: BTreeSet<(String, String)>,
    /// What became of each Enter, for each agent.
    pub(crate) enters: BTreeMap<String, Vec<String>>,
    /// Every byte that each agent received.
    pub(crate) bytes: BTreeMap<String, Vec<u8>>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    Lost,
    Doubled,
    Merged,
    Altered,
    /// Taken in although nobody wished it.
    Unwished,
    EmptySubmit,
    /// An Enter went into a dialog or into nothing.
    Misplaced,
    /// A sender was told something that the records don't say.
    Untrue,
    Unsettled,
    /// Of one sender to one agent, the later came first.
    Swapped,
    /// Something left a paste, or came into it.
    Broken,
}

/// A breach, and of what.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) breach: Breach,
    pub(crate) what: String,
}

/// The verdict, with the figures that are told.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    pub(crate) uncertain: Vec<String>,
    pub(crate) stuck: usize,
    pub(crate) submitted: usize,
    pub(crate) ended: usize,
    pub(crate) refused: usize,
    pub(crate) unanswered: usize,
    pub(crate) effects: usize,
}

impl Verdict {
    fn find(&mut self, breach: Breach, what: impl Into<String>) {
        self.findings.push(Finding { breach, what: what.into() });
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Verdict) -> Verdict {
        self.findings.extend(other.findings);
        self.uncertain.extend(other.uncertain);
        Verdict {
            findings: self.findings,
            uncertain: self.uncertain,
            stuck: self.stuck + other.stuck,
            submitted: self.submitted + other.submitted,
            ended: self.ended + other.ended,
            refused: self.refused + other.refused,
            unanswered: self.unanswered + other.unanswered,
            effects: self.effects + other.effects,
        }
    }

    pub(crate) fn count(&self, breach: &Breach) -> usize {
        self.findings.iter().filter(|finding| finding.breach == *breach).count()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { submitted, stuck, ended, refused, unanswered, effects, .. } = self;
        write!(f, "submitted {submitted}, stuck {stuck}, uncertain {}, ", self.uncertain.len())?;
        write!(f, "ended {ended}, refused {refused}, unanswered {unanswered}; effects {effects}; ")?;
        let all = [
            (Breach::Lost, "lost"),
            (Breach::Doubled, "doubled"),
            (Breach::Merged, "merged"),
            (Breach::Altered, "altered"),
            (Breach::Unwished, "unwished"),
            (Breach::EmptySubmit, "empty submits"),
            (Breach::Misplaced, "misplaced keys"),
            (Breach::Untrue, "untrue reports"),
            (Breach::Unsettled, "unsettled"),
            (Breach::Swapped, "swapped"),
            (Breach::Broken, "broken pastes"),
        ];
        let told: Vec<String> = all.iter().map(|(breach, name)| format!("{name} {}", self.count(breach))).collect();
        write!(f, "{}", told.join(", "))
    }
}

/// How many times something may have been taken in.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    sure: usize,
    maybe: usize,
}

/// Judges.
pub(crate) fn judge(case: &Case) -> Verdict {
    let mut verdict = Verdict { effects: case.effects.values().map(Vec::len).sum(), ..Verdict::default() };
    let mut spans: BTreeMap<(&str, &str), Span> = BTreeMap::new();
    for (number, record) in &case.records {
        weigh(*number, record, &mut spans, &mut verdict);
    }
    for (agent, text) in &case.by_hand {
        spans.entry((agent, text)).or_default().maybe += 1;
    }
    answers(case, &mut verdict);
    effects(case, &spans, &mut verdict);
    orders(case, &mut verdict);
    keys(case, &mut verdict);
    verdict
}

/// What the records claim of one message.
fn weigh<'a>(number: u64, record: &'a Recorded, spans: &mut BTreeMap<(&'a str, &'a str), Span>, verdict: &mut Verdict) {
    let span = spans.entry((&record.agent, &record.text)).or_default();
    match &record.fate {
        // Somebody's keys came between; how often it stands in what was taken in is counted there.
        Fate::Submitted if record.mixed => verdict.uncertain.push(format!("m{number} for {}: mixed", record.agent)),
        Fate::Submitted => {
            span.sure += 1;
            verdict.submitted += 1;
        }
        Fate::Uncertain(why) => {
            span.maybe += 1;
            verdict.uncertain.push(format!("m{number} for {}: {why}: {}", record.agent, short(&record.text)));
        }
        Fate::Ended(_) if record.doubted => {
            span.maybe += 1;
            verdict.uncertain.push(format!("m{number} for {}: dropped in doubt", record.agent));
        }
        Fate::Ended(_) => verdict.ended += 1,
        Fate::Stuck => verdict.stuck += 1,
        Fate::Open(stage) => {
            span.maybe += 1;
            verdict.find(Breach::Unsettled, format!("m{number} for {}: {stage}", record.agent));
        }
    }
}

/// Whatever a sender was told is in the records; whatever the records have of senders was wished.
fn answers(case: &Case, verdict: &mut Verdict) {
    let mut claimed: BTreeSet<u64> = BTreeSet::new();
    let mut silent: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for wish in &case.wishes {
        match &wish.answer {
            Answer::Message(number) => {
                if !claimed.insert(*number) {
                    verdict.find(Breach::Untrue, format!("m{number} was given to two senders"));
                }
                told(case, wish, *number, verdict);
            }
            Answer::Refused(_) => verdict.refused += 1,
            Answer::None => {
                verdict.unanswered += 1;
                *silent.entry((&wish.agent, &wish.text)).or_default() += 1;
            }
        }
    }
    for (number, record) in case.records.iter().filter(|(number, _)| !claimed.contains(number)) {
        if record.by_engine {
            continue;
        }
        match silent.get_mut(&(record.agent.as_str(), record.text.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            _ => verdict.find(Breach::Unwished, format!("m{number} for {}: {}", record.agent, short(&record.text))),
        }
    }
}

fn told(case: &Case, wish: &Wish, number: u64, verdict: &mut Verdict) {
    let Some(record) = case.records.get(&number) else {
        let what = format!("{} was told m{number}, of which there is no record", wish.sender);
        return verdict.find(Breach::Lost, what);
    };
    if record.agent != wish.agent || (record.text != wish.text && !record.by_engine) {
        let what = format!("m{number} is recorded as {}, wished {}", short(&record.text), short(&wish.text));
        verdict.find(Breach::Altered, what);
    }
    let word = match &record.fate {
        Fate::Submitted => "submitted",
        Fate::Stuck => "typed-not-submitted",
        Fate::Uncertain(_) => "uncertain",
        Fate::Ended(_) | Fate::Open(_) => return,
    };
    if let Some(told) = wish.told.as_ref().filter(|told| *told != word) {
        verdict.find(Breach::Untrue, format!("{} was told that m{number} is {told}; it is {word}", wish.sender));
    }
}

/// What the agents took in is what the records say, as often as they say it, and nothing else.
fn effects(case: &Case, spans: &BTreeMap<(&str, &str), Span>, verdict: &mut Verdict) {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (agent, texts) in &case.effects {
        for text in texts {
            *counts.entry((agent, text)).or_default() += 1;
        }
    }
    for ((agent, text), span) in spans {
        let count = counts.remove(&(*agent, *text)).unwrap_or(0);
        let what = || format!("{agent} took it in {count} times, told {span:?}: {}", short(text));
        if count < span.sure {
            verdict.find(Breach::Lost, what());
        }
        if count > span.sure + span.maybe {
            verdict.find(Breach::Doubled, what());
        }
    }
    let mut mixed: Vec<&Recorded> = case.records.values().filter(|record| record.mixed).collect();
    for (agent, text) in counts.into_keys() {
        if let Some(at) = mixed.iter().position(|record| mix(case, record, agent, text)) {
            mixed.swap_remove(at);
            continue;
        }
        let parts = known_parts(case, spans, agent, text);
        let breach = match parts.len() {
            _ if text.trim().is_empty() => Breach::EmptySubmit,
            0 => Breach::Unwished,
            1 => Breach::Altered,
            _ => Breach::Merged,
        };
        let told = parts.first().map(|part| other(part, text)).unwrap_or_default();
        verdict.find(breach, format!("{agent} took in what nobody wished so: {}{told}", short(text)));
    }
    for record in mixed {
        verdict.find(Breach::Lost, format!("told as mixed, and in nothing that was taken in: {}", short(&record.text)));
    }
}

/// Whether a text is a message that was told to be mixed, with nothing but a person's own words around it.
fn mix(case: &Case, record: &Recorded, agent: &str, text: &str) -> bool {
    let Some((before, after)) = text.split_once(&record.text).filter(|_| record.agent == agent) else { return false };
    let by_hand = |words: &str| words.is_empty() || case.by_hand.contains(&(agent.to_string(), words.to_string()));
    by_hand(before) && by_hand(after)
}

/// The wishes of which something is in a text: a whole one, or the mark that each has at its end.
fn known_parts<'c>(
    case: &'c Case,
    spans: &BTreeMap<(&'c str, &'c str), Span>,
    agent: &str,
    text: &str,
) -> Vec<&'c str> {
    let known = spans.keys().filter(|(who, _)| *who == agent).map(|(_, text)| *text);
    let wished = case.wishes.iter().filter(|wish| wish.agent == agent).map(|wish| wish.text.as_str());
    let all: BTreeSet<&str> = known.chain(wished).collect();
    all.into_iter().filter(|part| text.contains(*part) || mark(part).is_some_and(|mark| text.contains(mark))).collect()
}

/// Where what was taken in is another text than what was wished, with what stands there.
fn other(wished: &str, taken: &str) -> String {
    let same = wished.chars().zip(taken.chars()).take_while(|(one, other)| one == other).count();
    let from = |text: &str| -> String { text.chars().skip(same.saturating_sub(10)).take(30).collect() };
    format!("; the same for {same} letters, then {:?} for {:?}", from(taken), from(wished))
}

/// `.w17.`
fn mark(text: &str) -> Option<&str> {
    let at = text.rfind(".w")?;
    let end = text[at + 2..].find('.')?;
    Some(&text[at..=at + 2 + end])
}

/// What one sender said to one agent is taken in in its order.
fn orders(case: &Case, verdict: &mut Verdict) {
    let mut at: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (agent, texts) in &case.effects {
        for (index, text) in texts.iter().enumerate() {
            at.entry((agent, text)).or_insert(index);
        }
    }
    let mut last: BTreeMap<(&str, &str), (usize, &str)> = BTreeMap::new();
    for wish in case.wishes.iter().filter(|wish| matches!(wish.answer, Answer::Message(_))) {
        let Some(index) = at.get(&(wish.agent.as_str(), wish.text.as_str())) else { continue };
        let before = last.insert((&wish.sender, &wish.agent), (*index, &wish.text));
        if let Some((earlier, text)) = before.filter(|(earlier, _)| earlier > index) {
            let what = format!("{} to {}: {} at {earlier}, then", wish.sender, wish.agent, short(text));
            verdict.find(Breach::Swapped, format!("{what} {} at {index}", short(&wish.text)));
        }
    }
}

/// No Enter went astray, and nothing left a paste.
fn keys(case: &Case, verdict: &mut Verdict) {
    for (agent, enters) in &case.enters {
        for enter in enters {
            match enter.as_str() {
                "blank" => verdict.find(Breach::EmptySubmit, format!("an Enter on {agent}'s empty composer")),
                "elsewhere" => verdict.find(Breach::Misplaced, format!("an Enter beside {agent}'s composer")),
                _ => {}
            }
        }
    }
    for (agent, bytes) in &case.bytes {
        if let Some(at) = escaped(bytes) {
            let around = &bytes[at.saturating_sub(20)..bytes.len().min(at + 20)];
            verdict.find(Breach::Broken, format!("{agent} at byte {at}: {}", around.escape_ascii()));
        }
    }
}

/// Where a byte stands that is neither text nor one of the few keys that were pressed: a paste holds text and line breaks
/// alone, and around pastes there is what people type.
fn escaped(bytes: &[u8]) -> Option<usize> {
    const OPEN: &[u8] = b"\x1b[200~";
    const CLOSE: &[u8] = b"\x1b[201~";
    let mut inside = false;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match (inside, rest[0]) {
            (false, 0x1b) if rest.starts_with(OPEN) => (inside, at) = (true, at + OPEN.len()),
            (true, 0x1b) if rest.starts_with(CLOSE) => (inside, at) = (false, at + CLOSE.len()),
            // A life that ended within a paste leaves it open; the next life's first one begins it anew.
            (true, 0x1b) if rest.starts_with(OPEN) => at += OPEN.len(),
            (true, b'\n' | b'\r' | b'\t') => at += 1,
            // Enter; and what clears a composer.
            (false, b'\r' | 0x03 | 0x15) => at += 1,
            (_, 0..=0x1f | 0x7f) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// A text for messages: its beginning and its end.
pub(crate) fn short(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 100 {
        return format!("{text:?}");
    }
    let (head, tail): (String, String) = (chars[..50].iter().collect(), chars[chars.len() - 40..].iter().collect());
    format!("{head:?} … {tail:?} ({} bytes)", text.len())
}
