//! A message that is being written, and the drafts that were put aside. A draft goes only when its message was accepted, or by hand.

use ratatui::crossterm::event::KeyEvent;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use crate::pilot::id::AgentId;
use crate::pilot::message::{TEXT_CAP, clean_text, is_hostile};

/// Bytes that can be written here: more than is delivered, so that a text that is too long can be made shorter.
const MOST: usize = 4 * TEXT_CAP;
/// Drafts kept, so that a day of refusals can't fill the memory; the oldest goes first.
const DRAFTS: usize = 50;

/// A message that is being written.
#[derive(Clone, Debug)]
pub struct Compose {
    /// Each of them gets it.
    pub to: Vec<AgentId>,
    editor: TextArea<'static>,
}

impl Compose {
    /// To these agents; the cursor stands behind the text.
    pub fn new(to: Vec<AgentId>, text: &str) -> Self {
        let mut editor = TextArea::from(text.split('\n'));
        editor.set_wrap_mode(WrapMode::WordOrGlyph);
        // The terminal's own cursor shows the place.
        editor.set_cursor_style(ratatui::style::Style::new());
        editor.set_cursor_line_style(ratatui::style::Style::new());
        editor.move_cursor(CursorMove::Bottom);
        editor.move_cursor(CursorMove::End);
        Compose { to, editor }
    }

    /// What is drawn.
    pub fn editor(&self) -> &TextArea<'static> {
        &self.editor
    }

    /// The text as it was typed.
    pub fn text(&self) -> String {
        self.editor.lines().join("\n")
    }

    /// Bytes of the text.
    pub fn bytes(&self) -> usize {
        let lines = self.editor.lines();
        lines.iter().map(String::len).sum::<usize>() + lines.len().saturating_sub(1)
    }

    /// Nothing that could be sent.
    pub fn is_blank(&self) -> bool {
        self.editor.lines().iter().all(|line| line.trim().is_empty())
    }

    /// The text as it would be delivered, or why it can't be.
    pub fn cleaned(&self) -> Result<String, String> {
        clean_text(&self.text())
    }

    /// A key that is no action edits the text.
    pub fn edit(&mut self, key: KeyEvent) {
        let before = self.bytes();
        self.editor.input(key);
        if before < self.bytes() && self.bytes() > MOST {
            self.editor.undo();
        }
    }

    /// Takes back the last change, or makes it again.
    pub fn undo(&mut self) {
        self.editor.undo();
    }

    /// Makes the change again that was taken back.
    pub fn redo(&mut self) {
        self.editor.redo();
    }

    /// Pasted text is text: CRLF and CR are line breaks, and what no message may hold stays out. Returns what the operator should
    /// know about it.
    pub fn paste(&mut self, text: &str) -> Option<String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let kept: String = text.chars().filter(|c| !is_hostile(*c)).collect();
        if self.bytes() + kept.len() > MOST {
            return Some(format!(
                "{} bytes were not pasted: at most {TEXT_CAP} are delivered; write them to a file and send its path",
                kept.len()
            ));
        }
        self.editor.insert_str(&kept);
        match text.chars().count() - kept.chars().count() {
            0 => None,
            dropped => Some(format!("{dropped} control characters were left out of what was pasted")),
        }
    }
}

/// Messages put aside, newest last.
#[derive(Debug, Default)]
pub struct Drafts(Vec<Compose>);

impl Drafts {
    /// Keeps one; an empty one is not kept.
    pub fn put(&mut self, draft: Compose) {
        if draft.is_blank() {
            return;
        }
        if self.0.len() >= DRAFTS {
            self.0.remove(0);
        }
        self.0.push(draft);
    }

    /// The last draft to exactly these agents, else the last one to some of them, else an empty one; from now on it is to these.
    pub fn take(&mut self, to: Vec<AgentId>) -> Compose {
        let same = self.0.iter().rposition(|draft| draft.to == to);
        let some = || self.0.iter().rposition(|draft| draft.to.iter().any(|agent| to.contains(agent)));
        match same.or_else(some) {
            Some(at) => Compose { to, ..self.0.remove(at) },
            None => Compose::new(to, ""),
        }
    }

    /// Is there one to this agent?
    pub fn has(&self, agent: &AgentId) -> bool {
        self.0.iter().any(|draft| draft.to.contains(agent))
    }
}
