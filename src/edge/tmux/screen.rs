//! What a pane shows, as text that no reader can be hurt by: visible lines without escape sequences, control characters
//! and invisible direction marks, within bounds.
//!
//! Keeps no colours: the readings need none, and `capture-pane -e` costs four times as much.

use super::client::{TmuxClient, TmuxError};
use super::parser::Block;
use super::print;
use super::verb;
use crate::pilot::fact::{PaneMode, Screen};

/// Rows and columns kept of a screen; more than any agent's window has.
const ROWS: usize = 500;
const COLUMNS: usize = 1_000;
/// Characters kept of a title.
const TITLE: usize = 200;
/// The numbers before it, with the pane's id.
const FLAGS: usize = 8;
/// Lines of history that can be asked for: what our tmux keeps.
pub(super) const HISTORY: usize = 10_000;

/// The replies to [`lines_for`] of one pane, not yet made into a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    flags: String,
    body: Vec<u8>,
}

/// The lines that look at a pane; their replies are [`Picture::from_blocks`]'s.
pub fn lines_for(pane: &str) -> Result<[String; 5], TmuxError> {
    print::after(verb::flags(pane), verb::screen(pane))
}

impl Picture {
    /// `None`: there is no such pane.
    pub fn from_blocks(flags: &Block, body: Block) -> Option<Self> {
        let flags = flags.word();
        let exists = flags.starts_with('%') && body.ok;
        exists.then(|| Picture { flags: flags.chars().map(still).collect(), body: body.body })
    }

    /// The cleaned screen.
    pub fn screen(&self) -> Screen {
        let mut fields = self.flags.splitn(FLAGS + 1, ',').skip(1);
        let mut number = || fields.next().and_then(|field| field.parse::<u16>().ok()).unwrap_or(0);
        let cursor = (number(), number());
        let mode = PaneMode {
            dead: number() != 0,
            in_mode: number() != 0,
            input_off: number() != 0,
            synchronized: number() != 0,
        };
        let columns = number();
        let title = fields.next().unwrap_or_default();
        let title = title.chars().filter(|c| is_visible(*c)).take(TITLE).collect::<String>().trim().to_string();
        Screen { lines: clean_lines(&self.body, ROWS), cursor, mode, columns, title, solid: Vec::new() }
    }
}

/// A title's spinner stands still here: that it turns is no news ten times a second.
fn still(c: char) -> char {
    match c {
        '\u{2800}'..='\u{28ff}' => '⠿',
        '◐' | '◑' | '◒' | '◓' => '◐',
        other => other,
    }
}

/// Looks at one pane. `None`: there is no such pane.
pub async fn capture(client: &TmuxClient, pane: &str) -> Result<Option<Screen>, TmuxError> {
    Ok(capture_in_order(client, pane).await?.map(|(_, screen)| screen))
}

/// The same with a number that is higher for each later picture of this client.
pub async fn capture_in_order(client: &TmuxClient, pane: &str) -> Result<Option<(u64, Screen)>, TmuxError> {
    let blocks = client.run(lines_for(pane)?.to_vec()).await?;
    let [flags, printed @ ..] = <[Block; 5]>::try_from(blocks).map_err(|blocks| odd(&blocks))?;
    let body = print::body(&mut printed.into_iter()).unwrap_or_default();
    let taken = body.asked;
    Ok(Picture::from_blocks(&flags, body).map(|picture| (taken, picture.screen())))
}

/// The last `lines` lines of history and screen, oldest first, wrapped lines joined.
pub async fn history(client: &TmuxClient, pane: &str, lines: usize) -> Result<Vec<String>, TmuxError> {
    let wanted = lines.min(HISTORY);
    let block = print::ask(client, verb::history(pane, wanted)).await?;
    let mut all = clean_lines(&block.body, HISTORY + ROWS);
    while all.last().is_some_and(String::is_empty) {
        all.pop();
    }
    Ok(all.split_off(all.len().saturating_sub(wanted)))
}

/// Replies that do not fit the question.
pub(super) fn odd(blocks: &[Block]) -> TmuxError {
    TmuxError::Odd(format!("{} replies, first {:?}", blocks.len(), blocks.first().map_or("", Block::word)))
}

pub(super) fn clean_lines(body: &[u8], most: usize) -> Vec<String> {
    let whole = body.strip_suffix(b"\n").unwrap_or(body);
    if body.is_empty() {
        return Vec::new();
    }
    whole.split(|byte| *byte == b'\n').take(most).map(clean).collect()
}

fn clean(line: &[u8]) -> String {
    let mut text = match std::str::from_utf8(line) {
        // The usual line needs one copy and no second look.
        Ok(plain) if line.len() <= COLUMNS && line.iter().all(|byte| (b' '..=b'~').contains(byte)) => plain.to_string(),
        _ => String::from_utf8_lossy(line).chars().filter(|c| is_visible(*c)).take(COLUMNS).collect(),
    };
    text.truncate(text.trim_end().len());
    text
}

/// Neither a control character nor one that turns the direction of the text around it (fault U3).
fn is_visible(c: char) -> bool {
    let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !bidi
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(flags: &str, body: &[u8]) -> Option<Picture> {
        let block = |body: &[u8]| Block { ok: true, ours: true, cut: false, asked: 0, body: body.to_vec() };
        Picture::from_blocks(&block(format!("{flags}\n").as_bytes()), block(body))
    }

    #[test]
    fn flags_and_lines_become_a_screen() {
        let screen =
            picture("%3,7,1,0,1,0,1,80", b"one  \n\xc3\xa9\xff\x1b[31m\xe2\x80\xaetwo\n\n").expect("a pane").screen();
        assert_eq!(screen.lines, ["one", "é\u{fffd}[31mtwo", ""]);
        assert_eq!((screen.cursor, screen.columns), ((7, 1), 80));
        assert_eq!(screen.title, "");
        assert_eq!(screen.mode, PaneMode { dead: false, in_mode: true, input_off: false, synchronized: true });
    }

    #[test]
    fn a_title_may_hold_commas_and_its_spinner_stands_still() {
        let titled = |title: &str| picture(&format!("%3,7,1,0,0,0,0,80,{title}"), b"one\n").expect("a pane");
        assert_eq!(titled("⠹ a, b\u{202e} \u{7}c ").screen().title, "⠿ a, b c");
        assert_eq!(titled("⠹ dir"), titled("⠼ dir"));
        assert_ne!(titled("⠹ dir"), titled("dir"));
        assert_eq!(titled("dir").screen().columns, 80);
        assert_eq!(titled(&"x".repeat(1_000)).screen().title.len(), TITLE);
    }

    #[test]
    fn a_pane_that_is_not_there_is_no_empty_screen() {
        assert!(picture(",,,,,,", b"").is_none());
    }

    proptest! {
        #[test]
        fn no_screen_holds_control_characters_or_exceeds_its_bounds(body: Vec<u8>) {
            let screen = picture("%0,0,0,0,0,0,0", &body).expect("a pane").screen();
            prop_assert!(screen.lines.len() <= ROWS);
            for line in &screen.lines {
                prop_assert!(line.chars().all(is_visible) && line.chars().count() <= COLUMNS);
                prop_assert_eq!(line.trim_end(), line);
            }
        }
    }
}
