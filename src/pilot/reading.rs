//! What a screen says: one visible screen and a backend's rules -> one [`Reading`].
//!
//! Remembers nothing, acts on nothing, knows no backend by name. A screen is the last source of evidence, so whoever
//! reads must read twice before a state changes; a screen that no rule explains is [`Says::Unclear`] and never a reason
//! to act. Error texts count only as the last thing of the last turn: old ones stay on the screen for long, and answers
//! quote them (faults P6, A2). Dialogs count only where no composer is: they take its place.
//!
//! ```text
//! > prompt              user line       ┐ the echo of what the user said
//!   its second line                     ┘
//! ● I looked at it.                     ┐             ┐ a block: begins with a gutter sign
//! ✗ usage limit · resets 5pm            │ Turn        │ the last block: here an error counts
//! ✻ Cooked for 3s       chrome          ┘             ┘
//! ──────────────────                    above
//! ❯ draft               open            ┐ the composer
//! ──────────────────                    close
//!   ? for shortcuts                     Footer
//! ```

pub mod capture;
mod line;
mod page;
mod rows;
mod wrap;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use regex::Regex;
use unicode_width::UnicodeWidthChar;

use crate::config::fnv::fnv;
use crate::config::model::{Backend, Region, ScreenRule, ScreenSays};

use super::effect::Refusal;
use super::fact::Screen;
use super::message::is_hostile;
use super::time::Time;
pub use line::Known;
use page::Page;
use rows::Text;

/// The rule of backends for a model that the provider does not know or give.
const MODEL_REFUSED: &str = "model refused";

/// Longest evidence, in characters: one line of a wide terminal.
const EVIDENCE_CAP: usize = 200;
/// Makes one sign of the two beside it.
const JOINER: char = '\u{200d}';
/// Of a composer's text this much of the end must be seen, squeezed, where the beginning has scrolled away.
const TAIL_PROOF: usize = 24;
/// So many letters of a text, squeezed, are a part of it that stands in no other by chance.
const PART: usize = 12;
/// A text shorter than this on one line is never shown collapsed, by any backend seen.
const COLLAPSED_LEAST: usize = 100;

/// What a screen says of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// A rule matched, or the composer stands there and no rule says more: [`ScreenSays::Idle`].
    Clear(ScreenSays),
    /// No rule explains this screen.
    Unclear,
}

/// One screen, read. All strings are cleaned of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub says: Says,
    /// Name of the rule that matched.
    pub rule: Option<String>,
    /// The end of a limit, as written.
    pub until_text: Option<String>,
    /// The end of a limit, by the wall clock, where the program told it as a time.
    pub until: Option<Time>,
    /// The program goes on by itself a while after that.
    pub wakes: bool,
    /// `None`: a dialog, the start or the end of a program.
    pub composer: Option<Composer>,
    /// The final line of the last answer, without bullet and chrome; `None` while a turn runs or before an answer.
    pub final_line: Option<String>,
    /// The line that matched, or the last line of sense; at most 200 characters.
    pub evidence: String,
    /// Names of the notes that the screen tells beside that; none changes what it says.
    pub notes: Vec<String>,
}

/// What stands in the composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composer {
    /// Empty when only a hint in grey is there.
    pub text: String,
    /// A long paste is shown by a stand-in.
    pub collapsed: bool,
    /// It doesn't take plain text (vim normal, shell).
    pub other_mode: bool,
}

/// Reads a screen.
pub fn read(backend: &Backend, screen: &Screen) -> Reading {
    read_page(backend, screen, &Page::new(backend, screen))
}

/// A screen read with all that is wanted of it.
pub struct Read {
    pub reading: Reading,
    /// Its [`calm`] number.
    pub calm: u64,
    /// For reading the next picture of the same program.
    pub known: Known,
}

/// Reads a picture; with what is known of the one before in less time, and no otherwise.
pub fn read_on(backend: &Backend, screen: &Screen, before: Option<(&Screen, &Known)>) -> Read {
    let page = Page::after(backend, screen, before);
    let (reading, calm) = (read_page(backend, screen, &page), calm_page(backend, &page));
    Read { reading, calm, known: page.known() }
}

fn read_page(backend: &Backend, screen: &Screen, page: &Page<'_>) -> Reading {
    let mut parts = Parts { page, texts: Vec::new() };
    let mut reading = by_rules(backend, page, &mut parts);
    let told = backend.notes.iter().filter(|note| note.regex.is_match(&parts.text(note.region, false).whole));
    reading.notes = told.map(|note| note.name.clone()).collect();
    // A killed program leaves its last picture: an idle composer means nothing then, an error still does.
    let ending = matches!(reading.says, Says::Clear(says) if is_ending(says));
    if screen.mode.dead && !ending {
        let evidence = "the pane is dead".to_string();
        return Reading { evidence, ..Reading::of(Says::Clear(ScreenSays::Exited), page) };
    }
    Reading { composer: reading.composer.filter(|_| !screen.mode.dead), ..reading }
}

/// What the words of an error mean that ended a turn, by the same rules as if they stood on the screen.
pub fn of_error(backend: &Backend, error: &str) -> Reading {
    let line = if error.starts_with(page::is_sign) { error.to_string() } else { format!("● {error}") };
    let screen = Screen { lines: line.lines().map(str::to_string).collect(), ..Screen::default() };
    let page = Page::new(backend, &screen);
    by_rules(backend, &page, &mut Parts { page: &page, texts: Vec::new() })
}

fn by_rules<'a>(backend: &Backend, page: &'a Page<'a>, parts: &mut Parts<'a>) -> Reading {
    let composer = page.composer_text();
    for rule in &backend.rules {
        if rule.says == ScreenSays::Dialog && composer.is_some() {
            continue;
        }
        let Some(hit) = parts.find(rule, is_ending(rule.says)) else { continue };
        let composer = composer.filter(|_| rule.says != ScreenSays::Exited);
        let mut reading = Reading {
            rule: Some(rule.name.clone()),
            wakes: rule.wakes,
            composer,
            ..Reading::of(Says::Clear(rule.says), page)
        };
        reading.until_text = hit.until.map(|until| zoned(backend, parts, until));
        reading.evidence = clean(&hit.line);
        return reading;
    }
    let says = if composer.is_some() { Says::Clear(ScreenSays::Idle) } else { Says::Unclear };
    Reading { composer, ..Reading::of(says, page) }
}

/// The end of a limit is often told twice, and only once with its time zone: that one is worth more.
fn zoned(backend: &Backend, parts: &mut Parts<'_>, until: String) -> String {
    let limits = backend.rules.iter().filter(|rule| rule.says == ScreenSays::Limited);
    let mut others = limits.filter_map(|rule| parts.find(rule, false)?.until);
    let better = if until.contains('(') { None } else { others.find(|other| other.contains('(')) };
    clean(&better.unwrap_or(until))
}

/// A number that is equal for two screens that differ only in what moves without progress (spinner, clock, token
/// counters), in the composer, below it, or in empty lines.
pub fn calm(backend: &Backend, screen: &Screen) -> u64 {
    calm_page(backend, &Page::new(backend, screen))
}

fn calm_page(backend: &Backend, page: &Page<'_>) -> u64 {
    let mut calm = DefaultHasher::new();
    let lines = page.above_composer().iter().map(|line| line.calm(backend));
    lines.filter(|line| *line != 0).for_each(|line| calm.write_u64(line));
    calm.finish()
}

/// Whether `text`, and nothing else, stands in the composer: whole; or its end, where it is taller than the box; or a
/// stand-in for a text that may be shown so. Blanks and line breaks don't count: the box wraps.
pub fn composer_holds(backend: &Backend, screen: &Screen, text: &str) -> bool {
    let Some(composer) = Page::new(backend, screen).composer_text() else { return false };
    let holds = |shown: &str, wanted: &str| {
        let whole = shown == wanted || (shown.chars().count() >= TAIL_PROOF && wanted.ends_with(shown));
        whole && !wanted.is_empty() && !shown.is_empty()
    };
    let (shown, wanted) = (squeezed(&composer.text), squeezed(text));
    if shown.is_empty() || wanted.is_empty() {
        return false;
    }
    if holds(&shown, &wanted) || holds(&lettered(&shown), &lettered(&wanted)) {
        return true;
    }
    let long = text.contains('\n') || text.chars().count() >= COLLAPSED_LEAST;
    let stands_in = backend.composer.collapsed.as_ref().filter(|_| composer.collapsed && long);
    stands_in.is_some_and(|collapsed| collapsed_holds(collapsed, &composer.text, &wanted))
}

/// The text as it is typed: where the program would take it for more than words, with a blank before and after it.
pub fn as_typed<'t>(backend: &Backend, text: &'t str) -> Cow<'t, str> {
    match backend.composer.risky.as_ref().is_some_and(|risky| risky.is_match(text)) {
        true => Cow::Owned(format!(" {text} ")),
        false => Cow::Borrowed(text),
    }
}

/// Whether the composer is there, and positively without any part of this text: empty, or with words of somebody else.
pub fn composer_lacks(backend: &Backend, screen: &Screen, text: &str) -> bool {
    let Some(composer) = Page::new(backend, screen).composer_text() else { return false };
    let (shown, wanted) = (lettered(&squeezed(&composer.text)), lettered(&squeezed(text)));
    let wanted: Vec<char> = wanted.chars().collect();
    // Signs alone can't be told from others, and what stands for a text may stand for ours.
    let told = composer.text.is_empty() || (!shown.is_empty() && !wanted.is_empty() && !composer.collapsed);
    told && !wanted.chunks(PART).any(|part| shown.contains(&part.iter().collect::<String>()))
}

/// Whether a text may be pasted now. `Busy` comes last: everything else is in order then, and who delivers into running
/// turns may go on.
pub fn may_type(backend: &Backend, screen: &Screen) -> Result<(), Refusal> {
    let mode = screen.mode;
    if mode.dead {
        return Err(Refusal::PaneDead);
    }
    if mode.in_mode {
        return Err(Refusal::InMode);
    }
    if mode.input_off {
        return Err(Refusal::InputOff);
    }
    if mode.synchronized {
        return Err(Refusal::Synchronized);
    }
    let reading = read(backend, screen);
    match reading.composer {
        None => Err(Refusal::NoComposer),
        Some(composer) if composer.other_mode => Err(Refusal::NoComposer),
        Some(composer) if !composer.text.is_empty() => Err(Refusal::Draft),
        Some(_) => match reading.says {
            Says::Clear(ScreenSays::Busy | ScreenSays::Retrying) => Err(Refusal::Busy),
            Says::Clear(_) | Says::Unclear => Ok(()),
        },
    }
}

/// The last line that tells a person something, for status displays; cleaned, at most 200 characters.
pub fn last_line_of_sense(backend: &Backend, screen: &Screen) -> String {
    clean(Page::new(backend, screen).last_line_of_sense())
}

/// Whether the text stands echoed as the user's last words: a prompt that was taken in.
pub fn echoes(backend: &Backend, screen: &Screen, text: &str) -> bool {
    let Some(echo) = Page::new(backend, screen).last_echo() else { return false };
    let (echo, wanted) = (squeezed(&echo), squeezed(text));
    let head: String = wanted.chars().take(TAIL_PROOF).collect();
    !head.is_empty() && (echo.starts_with(&head) || (echo == wanted))
}

/// A number that is equal only for the very same lines: for a last look before an act.
pub fn raw(screen: &Screen) -> u64 {
    fnv(screen.lines.iter().flat_map(|line| line.bytes().chain([b'\n'])))
}

/// A text without blanks and line breaks, for comparing what a terminal wrapped.
pub fn squeeze(text: &str) -> String {
    squeezed(text)
}

impl Reading {
    /// What the screen says, if any rule explains it.
    pub fn said(&self) -> Option<ScreenSays> {
        match self.says {
            Says::Clear(said) => Some(said),
            Says::Unclear => None,
        }
    }

    /// It says that the account is not let in; a model that is refused is no fault of the account.
    pub fn shut_out(&self) -> bool {
        self.said() == Some(ScreenSays::AuthFailed) && self.rule.as_deref() != Some(MODEL_REFUSED)
    }

    /// It says that a turn runs.
    pub fn busy(&self) -> bool {
        self.says == Says::Clear(ScreenSays::Busy)
    }

    /// It says that the agent waits for input.
    pub fn idle(&self) -> bool {
        self.says == Says::Clear(ScreenSays::Idle)
    }

    fn of(says: Says, page: &Page<'_>) -> Self {
        let ended = match says {
            Says::Clear(ScreenSays::Busy | ScreenSays::Retrying | ScreenSays::Dialog | ScreenSays::Exited)
            | Says::Unclear => false,
            Says::Clear(_) => true,
        };
        Reading {
            says,
            rule: None,
            until_text: None,
            until: None,
            wakes: false,
            composer: None,
            final_line: if ended { page.final_line().map(|line| whole_or_cut(&line)) } else { None },
            evidence: clean(page.last_line_of_sense()),
            notes: Vec::new(),
        }
    }
}

struct Hit {
    line: String,
    until: Option<String>,
}

/// The texts that rules are tried on: a few regions for many rules.
struct Parts<'a> {
    page: &'a Page<'a>,
    texts: Vec<(Region, bool, Text<'a>)>,
}

impl<'a> Parts<'a> {
    fn find(&mut self, rule: &ScreenRule, last_block: bool) -> Option<Hit> {
        let text = self.text(rule.region, last_block);
        hit(rule, &text.whole).or_else(|| hit(rule, text.raw?))
    }

    fn text(&mut self, region: Region, last_block: bool) -> &Text<'a> {
        // Only a turn has blocks.
        let last_block = last_block && region == Region::Turn;
        let known = self.texts.iter().position(|(of, block, _)| *of == region && *block == last_block);
        let at = known.unwrap_or_else(|| {
            self.texts.push((region, last_block, self.page.text(region, last_block)));
            self.texts.len() - 1
        });
        &self.texts[at].2
    }
}

fn hit(rule: &ScreenRule, text: &str) -> Option<Hit> {
    // Most rules don't match, and a look alone takes no memory.
    if !rule.regex.is_match(text) {
        return None;
    }
    let captures = rule.regex.captures(text)?;
    let start = captures.get_match().start();
    let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
    // A pattern that begins with line breaks matches before the line that it is about.
    let line = text[begin..].lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let until = captures.name("until").map(|until| until.as_str().trim().to_string()).filter(|until| !until.is_empty());
    Some(Hit { line: line.to_string(), until })
}

/// Readings that only the last block of a turn can give: whatever the agent said after it, it goes on.
fn is_ending(says: ScreenSays) -> bool {
    match says {
        ScreenSays::Limited
        | ScreenSays::Poisoned
        | ScreenSays::Fatal
        | ScreenSays::Retrying
        | ScreenSays::AuthFailed => true,
        ScreenSays::Idle | ScreenSays::Busy | ScreenSays::Dialog | ScreenSays::Exited => false,
    }
}

/// What is left beside the stand-ins must come from the text, in its order.
fn collapsed_holds(collapsed: &Regex, shown: &str, wanted: &str) -> bool {
    let mut rest = wanted;
    for part in collapsed.split(shown) {
        let part = squeezed(part);
        let Some(at) = rest.find(&part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// A cell of a terminal holds only so many bytes (21 in tmux 3.3a), so of signs that are joined to one, and of a letter with
/// marks above and below it, the first must do.
fn squeezed(text: &str) -> String {
    let mut joined = false;
    let counts = |c: &char| {
        // A row may end between two signs that are joined.
        if c.is_whitespace() {
            return false;
        }
        let follows = std::mem::replace(&mut joined, *c == JOINER);
        let unseen = (follows && !c.is_alphanumeric()) || (!c.is_ascii() && c.width() == Some(0));
        !unseen && !is_hostile(*c)
    };
    text.chars().filter(counts).collect()
}

/// A squeezed text without signs as wide as two letters: a row that ends between signs which are joined takes the joiner, and
/// there are more of them then. Not for a text of nothing else.
fn lettered(squeezed: &str) -> String {
    squeezed.chars().filter(|c| c.is_ascii() || c.is_alphanumeric() || c.width() != Some(2)).collect()
}

/// A line that is cut says so, since its beginning alone may be a marker where the whole is none.
fn whole_or_cut(line: &str) -> String {
    let mut cut = clean(line);
    if cut != line.trim() && squeezed(line).len() > squeezed(&cut).len() {
        cut.push('…');
    }
    cut
}

fn clean(text: &str) -> String {
    let text = text.trim();
    let fine = |c: char| c == ' ' || !(c.is_whitespace() || is_hostile(c));
    let plain = || text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if text.len() <= EVIDENCE_CAP && (plain() || text.chars().all(fine)) {
        return text.to_string();
    }
    let text: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hostile(*c)).collect();
    text.trim().chars().take(EVIDENCE_CAP).collect()
}
