//! Plain tables for a terminal and for pipes: columns aligned by the width that a terminal gives each character.
//!
//! No borders, no colours, no wrapping. Cells are outside text and go through the encoder here, so that no caller can
//! forget it.

use crate::words::text;
use unicode_width::UnicodeWidthStr;

/// Between two columns.
const GAP: &str = "  ";

/// Rows under a header.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads and no rows yet.
    pub fn new(heads: &[&str]) -> Self {
        Table { rows: vec![heads.iter().map(|head| text::line(head)).collect()] }
    }

    /// One more row. Cells beyond the last head are shown below no head; missing ones are empty.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| text::line(cell.as_ref())).collect());
    }

    /// The table as lines, each ended by a line break. `columns`: cut longer lines to this; `None`: as long as it takes.
    pub fn render(&self, columns: Option<usize>) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            let line = row_line(row, &widths);
            out.push_str(&columns.map_or_else(|| line.clone(), |columns| text::clip(&line, columns)));
            out.push('\n');
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        (0..count)
            .map(|column| {
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect()
    }
}

fn row_line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width - cell.width()));
        line.push_str(GAP);
    }
    line.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_letters_are() {
        let mut table = Table::new(&["AGENT", "STATE", "NEXT"]);
        table.row(["builder", "working", ""]);
        table.row(["日本語", "held", "released by\u{1b}[31m hand"]);
        let seen = table.render(None);
        assert_eq!(seen, "AGENT    STATE    NEXT\nbuilder  working\n日本語   held     released by[31m hand\n");
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_lines() {
        let mut table = Table::new(&["AGENT", "WHY"]);
        table.row(["builder", "idle for five minutes"]);
        assert_eq!(table.render(Some(16)), "AGENT    WHY\nbuilder  idle f…\n");
    }
}
