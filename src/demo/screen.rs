//! What stands on the screen, as rows of text for a given size. Pure: [`super::painter`] brings it to a terminal.
//!
//! The look is a contract with `backends/demo.toml`: docs/testing-demo-agent.md shows it.

use unicode_width::UnicodeWidthChar;

/// Lines of a prompt that are echoed before `… +N lines`.
const ECHO_LINES: usize = 6;
/// Characters of one echoed line; a prompt of one long line must not push everything else away.
const ECHO_CHARS: usize = 1000;
/// NO-BREAK SPACE: tells a composer from an echoed line and from a menu.
const PROMPT: &str = "❯\u{a0}";

/// A question that takes the composer's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    Permission,
    Trust,
}

/// Everything below the transcript.
#[derive(Debug, Default)]
pub(super) struct Scene<'a> {
    /// The spinner's line, or that of a retry.
    pub(super) status: Option<String>,
    /// Prompts that wait for the turn to end.
    pub(super) queued: usize,
    pub(super) dialog: Option<Dialog>,
    /// What the composer shows.
    pub(super) text: &'a str,
    pub(super) footer: String,
}

/// Rows to be drawn, and where the cursor stands among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) rows: Vec<String>,
    /// Row and column, from 0.
    pub(super) cursor: (usize, usize),
}

/// Lays a scene out; never more rows than `height`, nor any row wider than `width`.
pub(super) fn block(scene: &Scene<'_>, width: usize, height: usize) -> Block {
    let (width, height) = (width.max(1), height.max(1));
    match scene.dialog {
        Some(dialog) => asking(dialog, scene, width, height),
        None => composing(scene, width, height),
    }
}

/// The rows of one line, broken at the width, each further one indented by two.
pub(super) fn wrap(line: &str, width: usize) -> Vec<String> {
    let indent = if width > 4 { "  " } else { "" };
    let mut rows = Vec::new();
    let (mut row, mut used) = (String::new(), 0);
    for c in line.chars() {
        let (c, wide) = if c.width().unwrap_or(0) > width { ('?', 1) } else { (c, c.width().unwrap_or(0)) };
        if used + wide > width {
            rows.push(std::mem::replace(&mut row, indent.to_string()));
            used = indent.len();
        }
        row.push(c);
        used += wide;
    }
    rows.push(row);
    rows
}

/// A prompt as it is echoed.
pub(super) fn echo(prompt: &str) -> Vec<String> {
    let count = prompt.split('\n').count();
    let mut lines: Vec<String> = (prompt.split('\n').take(ECHO_LINES).enumerate())
        .map(|(n, line)| {
            let sign = if n == 0 { "> " } else { "  " };
            let cut = if line.chars().count() > ECHO_CHARS { "…" } else { "" };
            format!("{sign}{}{cut}", printable(&line.chars().take(ECHO_CHARS).collect::<String>()))
        })
        .collect();
    if count > ECHO_LINES {
        lines.push(format!("  … +{} lines", count - ECHO_LINES));
    }
    lines
}

/// An answer: `● ` before the first line, two blanks before the others.
pub(super) fn answer(text: &str) -> Vec<String> {
    let signs = std::iter::once("● ").chain(std::iter::repeat("  "));
    text.split('\n').zip(signs).map(|(line, sign)| format!("{sign}{}", printable(line))).collect()
}

/// Text that cannot act on a terminal: control characters become `·`, a tab four blanks.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() => shown.push('·'),
            c => shown.push(c),
        }
    }
    shown
}

fn asking(dialog: Dialog, scene: &Scene<'_>, width: usize, height: usize) -> Block {
    let question = match dialog {
        Dialog::Permission => "Do you want to run this command?",
        Dialog::Trust => "Do you trust the files in this folder?",
    };
    let lines = [question, "❯ 1. Yes", "  2. No", "Esc to cancel"];
    let mut rows: Vec<String> = scene.status.iter().map(|line| cut(line, width)).collect();
    rows.extend(lines.iter().map(|line| cut(line, width)));
    let rows = rows.split_off(rows.len().saturating_sub(height));
    Block { cursor: (rows.len() - 1, 0), rows }
}

fn composing(scene: &Scene<'_>, width: usize, height: usize) -> Block {
    let status = scene.status.as_ref().map(|line| cut(line, width));
    let queued = (scene.queued > 0).then(|| cut(&format!("  ⎿ {} queued", scene.queued), width));
    // What goes first when there is no room: the queue, the footer, the spinner, the lower rule, the upper rule.
    let mut room = height - 1;
    let mut grant = |wanted: bool| {
        let granted = wanted && room > 0;
        room -= usize::from(granted);
        granted
    };
    let upper = grant(true);
    let lower = grant(true);
    let status = status.filter(|_| grant(true));
    let footer = grant(true);
    let queued = queued.filter(|_| grant(true));
    let (text, above, column) = composer(scene.text, width, (room + 1).min((height / 2).max(1)));
    let rule = if above == 0 { String::new() } else { format!("─── ↑ {above} more ") };
    let mut rows = Vec::new();
    rows.extend(status);
    rows.extend(queued);
    if upper {
        rows.push(rule_of(&rule, width));
    }
    rows.extend(text);
    let cursor = (rows.len() - 1, column);
    if lower {
        rows.push(rule_of("", width));
    }
    if footer {
        rows.push(cut(&scene.footer, width));
    }
    Block { rows, cursor }
}

/// The composer's last rows, how many are above them, and the cursor's column.
fn composer(text: &str, width: usize, height: usize) -> (Vec<String>, usize, usize) {
    let inner = width.saturating_sub(2).max(1);
    let (head, indent) = if width > 2 { (PROMPT, "  ") } else { (&PROMPT[..'❯'.len_utf8()], "") };
    let mut rows: Vec<String> = text.split('\n').flat_map(|line| pieces(&printable(line), inner)).collect();
    let last = rows.last().map_or(0, |row| columns(row));
    let above = rows.len().saturating_sub(height);
    let mut rows = rows.split_off(above);
    for (n, row) in rows.iter_mut().enumerate() {
        let sign = if n == 0 && above == 0 { head } else { indent };
        *row = if width > 2 || row.is_empty() { format!("{sign}{row}") } else { row.clone() };
    }
    (rows, above, (last + indent.len()).min(width - 1))
}

/// A line broken at the width, without indents.
fn pieces(line: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for c in line.chars() {
        let (c, wide) = if c.width().unwrap_or(0) > width { ('?', 1) } else { (c, c.width().unwrap_or(0)) };
        if used + wide > width {
            rows.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(row) = rows.last_mut() {
            row.push(c);
        }
    }
    rows
}

fn rule_of(head: &str, width: usize) -> String {
    let head = cut(head, width);
    let rest = width - columns(&head);
    format!("{head}{}", "─".repeat(rest))
}

fn cut(line: &str, width: usize) -> String {
    pieces(line, width).swap_remove(0)
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scene(text: &str) -> Scene<'_> {
        let status = Some("✻ Thinking… (3s · 12 tokens)".to_string());
        Scene { status, queued: 0, dialog: None, text, footer: "  ? for shortcuts · 12 tokens".to_string() }
    }

    #[test]
    fn the_look_is_the_agreed_one() {
        let block = block(&scene("two\nlines"), 30, 24);
        let rule = "─".repeat(30);
        let rows = [
            "✻ Thinking… (3s · 12 tokens)",
            rule.as_str(),
            "❯\u{a0}two",
            "  lines",
            rule.as_str(),
            "  ? for shortcuts · 12 tokens",
        ];
        assert_eq!(block.rows, rows);
        assert_eq!(block.cursor, (3, 7));
        let asked = super::block(&Scene { dialog: Some(Dialog::Permission), ..Scene::default() }, 80, 24);
        assert_eq!(asked.rows, ["Do you want to run this command?", "❯ 1. Yes", "  2. No", "Esc to cancel"]);
    }

    #[test]
    fn long_prompts_are_echoed_in_part() {
        let prompt = (1..=9).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(echo(&prompt), ["> 1", "  2", "  3", "  4", "  5", "  6", "  … +3 lines"]);
        assert_eq!(echo("a\x1b[2Jb\tc"), ["> a·[2Jb    c"]);
        assert_eq!(answer("one\ntwo"), ["● one", "  two"]);
    }

    #[test]
    fn a_text_taller_than_the_box_says_how_much_is_hidden() {
        let text = (1..=40).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let block = block(&scene(&text), 20, 12);
        assert!(block.rows[1].starts_with("─── ↑ 34 more ─"), "{:?}", block.rows);
        assert_eq!(block.rows[block.cursor.0], "  40");
        assert!(!block.rows.iter().any(|row| row.starts_with('❯')));
    }

    proptest! {
        #[test]
        fn every_size_from_one_cell_up_is_kept(
            text in "(\\PC|日|👩‍👩‍👧|\n|\t){0,300}",
            width in 1_usize..200,
            height in 1_usize..60,
            queued in 0_usize..3,
            dialog in proptest::option::of(Just(Dialog::Trust)),
        ) {
            let scene = Scene { queued, dialog, ..scene(&text) };
            let block = block(&scene, width, height);
            prop_assert!(!block.rows.is_empty() && block.rows.len() <= height);
            prop_assert!(block.cursor.0 < block.rows.len() && block.cursor.1 < width);
            for row in &block.rows {
                prop_assert!(columns(row) <= width, "{row:?} in {width}");
            }
            for row in wrap(&printable(&text), width) {
                prop_assert!(columns(&row) <= width, "{row:?} in {width}");
            }
        }
    }
}
