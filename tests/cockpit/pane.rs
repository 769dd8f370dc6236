//! What an agent's pane shows: the built-in demo agent's screen, as text for the pilot and with colours for who peeks.

use std::sync::Arc;

use flightdeck::pilot::fact::{PaneMode, Screen};
use flightdeck::pilot::id::{AgentId, Incarnation};
use flightdeck::pilot::view::PaneView;

/// Columns and rows of every agent's window.
const SIZE: (u16, u16) = (72, 20);

/// One agent's pane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pane {
    /// Lines above the composer.
    pub(crate) said: Vec<String>,
    /// A line that says that it works.
    pub(crate) busy: Option<String>,
    /// A dialog in place of the composer.
    pub(crate) dialog: Option<String>,
    pub(crate) composer: String,
}

impl Pane {
    /// One that has just started.
    pub(crate) fn fresh(agent: &AgentId) -> Self {
        Pane { said: vec![format!(" demo agent · {agent}"), String::new()], ..Pane::default() }
    }

    /// It took in a prompt and works on it.
    pub(crate) fn submit(&mut self) {
        let text = std::mem::take(&mut self.composer);
        self.said.extend(text.lines().map(|line| format!("> {line}")));
        self.said.push(String::new());
        self.busy = Some("✳ Thinking… (3s · 12 tokens)".to_string());
    }

    /// It said something and rests.
    pub(crate) fn say(&mut self, line: &str) {
        self.busy = None;
        self.dialog = None;
        self.said.push(line.to_string());
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = self.said.clone();
        lines.extend(self.busy.clone());
        if let Some(question) = &self.dialog {
            lines.extend(["─".repeat(60), question.clone()]);
            lines.extend(["   rm -rf target", "❯ 1. Yes", "  2. No", "Esc to cancel"].map(str::to_string));
        } else {
            let typed = self.composer.replace('\n', " ");
            let words = if typed.is_empty() { "❯".to_string() } else { format!("❯\u{a0}{typed}") };
            let rule = "─".repeat(60);
            lines.extend([String::new(), rule.clone(), words, rule, "  ? for shortcuts · 12 tokens".to_string()]);
        }
        let cut = lines.len().saturating_sub(usize::from(SIZE.1));
        lines.split_off(cut)
    }

    /// As the pilot sees it.
    pub(crate) fn screen(&self) -> Arc<Screen> {
        Arc::new(Screen {
            lines: self.lines(),
            cursor: (0, 0),
            mode: PaneMode::default(),
            columns: SIZE.0,
            ..Screen::default()
        })
    }

    /// As who peeks sees it: green answers, a bold red dialog, dim rules, a line of wide and combining letters.
    pub(crate) fn view(&self, agent: &AgentId, incarnation: Incarnation) -> PaneView {
        let mut rows: Vec<String> = self.lines().iter().map(|line| tinted(line)).collect();
        rows.truncate(usize::from(SIZE.1) - 1);
        rows.push(
            "日本語 wide, e\u{301} combined, 🚀 \u{1b}[38;2;255;110;199mand\u{1b}[0m \u{1b}[4mmore\u{1b}[0m".into(),
        );
        let cursor = rows.iter().position(|row| row.contains('❯'));
        PaneView {
            agent: agent.clone(),
            incarnation,
            size: SIZE,
            cursor: cursor.map(|row| (2, u16::try_from(row).expect("few rows"))),
            history: 120,
            dead: false,
            in_mode: false,
            text: rows.join("\n"),
        }
    }
}

fn tinted(line: &str) -> String {
    let colour = match line.chars().next() {
        Some('●') => "32",
        Some('✗') => "31",
        Some('✳') => "33;3",
        Some('─') => "2",
        Some('D') => "1;31",
        _ => return line.to_string(),
    };
    format!("\u{1b}[{colour}m{line}\u{1b}[0m")
}
