//! The filled lines of a page as one text, a row each: a region is a part of it, and costs nothing to look at as long as no
//! line goes on in the next.

use std::borrow::Cow;
use std::ops::Range;

use super::line::Line;
use super::page::Width;
use super::wrap;

/// All filled lines of a page.
pub(super) struct Rows {
    text: String,
    rows: Vec<Row>,
}

/// One of them.
struct Row {
    /// The line's number on its page.
    line: usize,
    /// Its place in the text.
    place: Range<usize>,
    /// It goes on with what the row before began.
    goes_on: bool,
}

/// A part of a page with wrapped lines put together, and as it stands where that differs.
pub(super) struct Text<'p> {
    pub(super) whole: Cow<'p, str>,
    pub(super) raw: Option<&'p str>,
}

impl Rows {
    pub(super) fn of(lines: &[Line<'_>], width: Width) -> Self {
        let mut text = String::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
        let mut rows: Vec<Row> = Vec::with_capacity(lines.len());
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.is_filled()) {
            let goes_on = rows.last().is_some_and(|row| wrap::continues(&lines[row.line], &line.text, width));
            if !text.is_empty() {
                text.push('\n');
            }
            let start = text.len();
            text.push_str(&line.text);
            rows.push(Row { line: at, place: start..text.len(), goes_on });
        }
        Rows { text, rows }
    }

    /// The rows that stand in these lines.
    pub(super) fn within(&self, lines: &Range<usize>) -> Range<usize> {
        let place = |line: usize| self.rows.partition_point(|row| row.line < line);
        place(lines.start)..place(lines.end)
    }

    /// So many rows at the end.
    pub(super) fn last(&self, count: usize) -> Range<usize> {
        self.rows.len().saturating_sub(count)..self.rows.len()
    }

    /// These rows.
    pub(super) fn text(&self, rows: &Range<usize>, lines: &[Line<'_>], width: Width) -> Text<'_> {
        let Some(raw) = self.raw(rows) else { return Text { whole: Cow::Borrowed(""), raw: None } };
        if !self.rows[rows.start + 1..rows.end].iter().any(|row| row.goes_on) {
            return Text { whole: Cow::Borrowed(raw), raw: None };
        }
        let whole = wrap::joined(&self.lines(rows, lines), width).join("\n");
        Text { whole: Cow::Owned(whole), raw: Some(raw) }
    }

    /// The last line of these rows, put together where it was wrapped.
    pub(super) fn last_line(&self, rows: &Range<usize>, lines: &[Line<'_>], width: Width) -> Cow<'_, str> {
        match rows.clone().next_back() {
            None => Cow::Borrowed(""),
            Some(last) if !self.rows[last].goes_on || last == rows.start => {
                Cow::Borrowed(&self.text[self.rows[last].place.clone()])
            }
            Some(_) => {
                let lines = self.lines(rows, lines);
                let last = wrap::joined(&lines, width).pop();
                Cow::Owned(last.unwrap_or_default().into_owned())
            }
        }
    }

    fn raw(&self, rows: &Range<usize>) -> Option<&str> {
        let (first, last) = (self.rows.get(rows.start)?, self.rows[rows.clone()].last()?);
        Some(&self.text[first.place.start..last.place.end])
    }

    fn lines<'l, 'a>(&self, rows: &Range<usize>, lines: &'l [Line<'a>]) -> Vec<&'l Line<'a>> {
        self.rows[rows.clone()].iter().map(|row| &lines[row.line]).collect()
    }
}
