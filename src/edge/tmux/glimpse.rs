//! What a pane shows with its colours, for somebody who looks on: the rows as tmux writes them, within bounds.
//!
//! Neutralises nothing: the text is outside text, and whoever shows it makes it harmless. The pilot never sees it.

use super::TmuxError;
use super::parser::Block;
use super::print;
use super::verb;
use crate::pilot::id::{AgentId, Incarnation};
use crate::pilot::view::PaneView;

/// Rows kept; more than any agent's window has.
const ROWS: usize = 500;
/// Bytes kept of one row: 1,000 columns, more than any window has, of 64 bytes; a cell with two true colours of its own
/// takes some 45.
const ROW_BYTES: usize = 64_000;
/// Bytes kept of all rows. 50 rows of 120 cells, each in true colours of its own, just fit. As a line of the link it may
/// double by escaping, which is far below what a client takes for a line (4 MiB); `frame::CAP` bounds the other direction.
const TEXT_BYTES: usize = 256 * 1024;

/// The replies to [`lines_for`] of one pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    facts: [u32; 8],
    text: String,
}

/// The lines that look at a pane; their replies are [`Glimpse::from_blocks`]'s.
pub fn lines_for(pane: &str) -> Result<[String; 5], TmuxError> {
    print::after(verb::facts(pane), verb::coloured(pane))
}

impl Glimpse {
    /// `None`: there is no such pane.
    pub fn from_blocks(facts: &Block, body: &Block) -> Option<Self> {
        let mut fields = facts.word().split(',');
        let exists = fields.next()?.starts_with('%') && body.ok;
        let numbers = [(); 8].map(|()| fields.next().and_then(|field| field.parse().ok()).unwrap_or(0));
        exists.then(|| Glimpse { facts: numbers, text: bounded(body) })
    }

    /// The picture for people.
    pub fn view(self, agent: &AgentId, incarnation: Incarnation) -> PaneView {
        let [width, height, x, y, shown, history, dead, in_mode] = self.facts;
        let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        PaneView {
            agent: agent.clone(),
            incarnation,
            size: (short(width), short(height)),
            cursor: (shown != 0).then(|| (short(x), short(y))),
            history,
            dead: dead != 0,
            in_mode: in_mode != 0,
            text: self.text,
        }
    }
}

/// The rows that fit, from the top; a row that is too long is left empty, since a cut one may end inside a sequence.
fn bounded(body: &Block) -> String {
    let mut text = String::with_capacity(body.body.len().min(TEXT_BYTES));
    for (at, row) in body.lines().take(ROWS).enumerate() {
        let row = if row.len() <= ROW_BYTES { String::from_utf8_lossy(row) } else { "".into() };
        if text.len() + row.len() >= TEXT_BYTES {
            break;
        }
        if at > 0 {
            text.push('\n');
        }
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(body: &[u8]) -> Block {
        Block { ok: true, ours: true, cut: false, asked: 0, body: body.to_vec() }
    }

    fn glimpse(facts: &str, body: &[u8]) -> Option<PaneView> {
        let glimpse = Glimpse::from_blocks(&block(format!("{facts}\n").as_bytes()), &block(body))?;
        Some(glimpse.view(&AgentId::parse("a").expect("a name"), Incarnation(3)))
    }

    #[test]
    fn facts_and_coloured_rows_become_a_pane() {
        let pane = glimpse("%3,120,40,7,2,1,99,0,1", b"\x1b[31mred  \n\x1b[39m\xff\xc3\xa9\n\n").expect("a pane");
        assert_eq!(pane.text, "\x1b[31mred  \n\x1b[39m\u{fffd}é\n");
        assert_eq!((pane.size, pane.cursor, pane.history), ((120, 40), Some((7, 2)), 99));
        assert_eq!((pane.dead, pane.in_mode, pane.incarnation), (false, true, Incarnation(3)));
    }

    #[test]
    fn a_hidden_cursor_is_none_and_a_missing_pane_is_no_picture() {
        assert_eq!(glimpse("%3,80,24,7,2,0,0,1,0", b"").expect("a pane").cursor, None);
        assert!(glimpse(",,,,,,,,", b"").is_none());
    }

    #[test]
    fn what_is_too_much_is_left_out_by_whole_rows() {
        let long = [vec![b'x'; ROW_BYTES + 1], b"\nshort\n".to_vec()].concat();
        assert_eq!(glimpse("%3,80,24,0,0,1,0,0,0", &long).expect("a pane").text, "\nshort");
        let row = [vec![b'x'; 60_000], b"\n".to_vec()].concat();
        let pane = glimpse("%3,80,24,0,0,1,0,0,0", &row.repeat(9)).expect("a pane");
        assert_eq!(pane.text.lines().map(str::len).collect::<Vec<_>>(), [60_000; 4]);
        let pane = glimpse("%3,80,24,0,0,1,0,0,0", &b"x\n".repeat(900)).expect("a pane");
        assert_eq!(pane.text.lines().count(), ROWS);
    }
}
