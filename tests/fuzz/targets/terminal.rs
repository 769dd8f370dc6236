//! Outside text on its way to the operator's terminal: as lines, and as a pane's cells with the bytes that draw them. The first two
//! bytes are the size.

use flightdeck::cockpit::cells;
use flightdeck::edge::tmux::glimpse::Glimpse;
use flightdeck::edge::tmux::parser::Block;
use flightdeck::words::text::{ascii, block, clip, is_unseen, line, wrap};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use super::{Target, about, check, chosen, outcome};
use crate::corpus::recorded;
use crate::escapes::{ESCAPES, flood};

pub(super) const TARGET: Target = Target { name: "terminal", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "\u{1b}[31m",
    "\u{1b}[38;2;1;2;3m",
    "\u{1b}[38;5;999m",
    "\u{1b}[4:3m",
    "\u{1b}[?1049h",
    "\u{1b}[2J",
    "\u{1b}[9999;9999H",
    "\u{1b}[99999999999999999999C",
    "\u{1b}[9999@",
    "\u{1b}[9999P",
    "\u{1b}[9999L",
    "\u{1b}[2;5r",
    "\u{1b}c",
    "\u{1b}M",
    "\u{1b}7",
    "\u{1b}8",
    "\u{1b}]52;c;b3duZWQ=\u{7}",
    "\u{1b}]8;;http://e\u{1b}\\",
    "\u{1b}Ptmux;",
    "\u{1b}\\",
    "\u{1b}(0",
    "\u{e}",
    "\u{f}",
    "\u{8}",
    "\r",
    "日",
    "👨\u{200d}👩\u{200d}👧",
    "🏳\u{fe0f}\u{200d}🌈",
    "🇩🇪",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "عربى",
    "\u{200b}",
    "\u{e0041}",
    "\u{fffd}",
];

/// More than a glimpse of a pane holds is cut before it is shown.
const SHOWN: usize = 64 * 1024;
/// Bytes of a letter with what belongs to it.
const LETTER: usize = 200;

fn seeds() -> Vec<Vec<u8>> {
    let sized = |size: [u8; 2], text: &[u8]| [&size, text].concat();
    let escapes = ESCAPES.iter().map(|text| sized([40, 3], text.as_bytes()));
    let screens = recorded("screens").into_iter().step_by(9).map(|screen| sized([80, 24], &screen));
    escapes.chain(screens).chain([sized([5, 2], flood().as_bytes())]).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let (columns, rest) = chosen(input, 200);
    let (rows, rest) = chosen(rest, 60);
    let text = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]);
    worded(&text)?;
    let body = Block { ok: true, ours: true, cut: false, asked: 0, body: rest.to_vec() };
    let facts = Block { body: b"%1,80,24,0,0,1,0,0,0\n".to_vec(), ..body.clone() };
    check(Glimpse::from_blocks(&facts, &body).is_some(), || "no glimpse".to_string())?;
    let size = (u16::try_from(columns).unwrap_or(1), u16::try_from(rows).unwrap_or(1));
    let drawn = cells::read(&text, size);
    check((drawn.area.width, drawn.area.height) == size, || "cells of another size".to_string())?;
    let history: Vec<String> = text.split('\n').take(50).map(str::to_string).collect();
    let separate = cells::separate(&history);
    check(separate.len() == history.len(), || "rows were lost or made".to_string())?;
    cells::read(&separate.join("\n"), size);
    let wide = drawn.content().iter().filter(|cell| cell.symbol().len() > 1).count();
    let styles = drawn.content().iter().filter(|cell| cell.modifier.bits() > 0).count();
    let bytes = written(&drawn)?;
    Ok(outcome(&format!("{:?} {:?} {:?}", about_word(wide), about_word(styles), about_word(bytes))))
}

/// Text as lines and blocks of words.
fn worded(text: &str) -> Result<(), String> {
    let acts = |c: char| c.is_control() || is_unseen(c) && !matches!(c, '\u{200c}' | '\u{200d}');
    let (shown, many) = (line(text), block(text));
    check(!shown.chars().any(acts), || format!("a line that acts: {:?}", shown.chars().find(|c| acts(*c))))?;
    check(!many.chars().any(|c| c != '\n' && acts(c)), || "a block that acts".to_string())?;
    check(line(&shown) == shown, || "made harmless twice it is another line".to_string())?;
    let head: String = shown.chars().take(400).collect();
    for columns in [0, 1, 2, 9, 80] {
        check(clip(&head, columns).width() <= columns, || format!("clipped to more than {columns} columns"))?;
        let rows = wrap(&head, columns);
        check(!rows.iter().any(|row| row.contains('\n')), || "a row of two lines".to_string())?;
        // A letter of two columns has no room in one.
        let fits = columns < 2 || rows.iter().all(|row| row.width() <= columns);
        check(fits, || format!("wrapped to more than {columns} columns"))?;
    }
    check(ascii(&shown).is_ascii(), || "not ASCII".to_string())
}

/// The bytes that draw the cells: only the sequences of the drawing itself, whatever the cells hold.
fn written(cells: &Buffer) -> Result<usize, String> {
    for cell in cells.content() {
        let bad = cell.symbol().chars().find(|c| c.is_control());
        check(bad.is_none(), || format!("{bad:?} in a cell"))?;
        check(cell.symbol().len() <= LETTER, || "a letter without end".to_string())?;
    }
    let mut bytes = Vec::new();
    let empty = Buffer::empty(cells.area);
    CrosstermBackend::new(&mut bytes).draw(empty.diff_iter(cells)).map_err(|why| why.to_string())?;
    let text = String::from_utf8(bytes).map_err(|why| why.to_string())?;
    let mut pieces = text.split('\u{1b}');
    check(!pieces.next().unwrap_or_default().chars().any(char::is_control), || "a control character".to_string())?;
    for piece in pieces {
        let ours = piece
            .strip_prefix('[')
            .map(|piece| piece.trim_start_matches(|c: char| c.is_ascii_digit() || ";:".contains(c)));
        check(ours.is_some_and(|rest| rest.starts_with(['m', 'H'])), || format!("a sequence in it: {piece:.20?}"))?;
        check(!piece.chars().any(char::is_control), || "a control character behind a sequence".to_string())?;
    }
    Ok(text.len())
}

fn about_word(count: usize) -> String {
    "x".repeat(usize::try_from(about(count)).unwrap_or(0))
}
