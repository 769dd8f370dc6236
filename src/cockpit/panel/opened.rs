//! A record or a message, opened: all that the log has about it, over the main screen.

use ratatui::layout::Rect;
use serde_json::Value;

use crate::cockpit::action::Action;
use crate::cockpit::archive::{Entry, Letter, News, Question, Vicinity, evidence};
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Theme;
use crate::edge::store::Row;
use crate::pilot::id::MessageId;
use crate::pilot::message::Origin;
use crate::pilot::record::Record;
use crate::words::sentence::sentence;
use crate::words::{message, when};

use super::sheet::{Sheet, Tone};
use super::{copied, outbox, tone};

/// Fields of a record that are told; more than the largest record has.
const MOST_FIELDS: usize = 400;

/// What is open.
#[derive(Debug)]
pub struct Opened {
    pub title: String,
    /// What was asked of the log; its answer is shown.
    question: Question,
    pub sheet: Sheet,
    pub scroll: usize,
}

/// Opens it; the log's answer fills it.
pub(super) fn open(model: &mut Model, question: Question) -> Vec<Errand> {
    let title = match &question {
        Question::Record { seq } => format!("record {}", grouped(*seq)),
        Question::Letter { message } => format!("message {message}"),
        // Nobody opens these.
        Question::Rows { .. }
        | Question::Entries { .. }
        | Question::Decisions { .. }
        | Question::Past(_)
        | Question::Moment(_)
        | Question::Ground(_)
        | Question::Scrollback(_) => String::new(),
    };
    let mut sheet = Sheet::default();
    sheet.say("reading the log …", Tone::Dim);
    model.mode = Mode::Record(Opened { title, question: question.clone(), sheet, scroll: 0 });
    vec![Errand::Look(question)]
}

impl Opened {
    /// Columns and rows of its text on this screen: as many rows as it has, if there is room.
    pub(crate) fn place(&self, size: (u16, u16), theme: &Theme) -> Rect {
        let width = size.0.saturating_sub(6).min(96);
        // The frame, and below it the key bar.
        let room = size.1.saturating_sub(3);
        let rows = u16::try_from(self.sheet.rows(width, theme).len()).unwrap_or(u16::MAX);
        Rect::new(0, 0, width, rows.max(6).min(room))
    }
}

/// An action while it is open.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Errand> {
    let Mode::Record(opened) = &mut model.mode else { return Vec::new() };
    match action {
        Action::Copy => {
            let text = opened.sheet.plain();
            return copied(model, Some(text));
        }
        Action::Retry | Action::Drop => {
            if let Question::Letter { message } = opened.question {
                outbox::ask(model, Some(message), action);
            }
        }
        Action::Back => model.mode = Mode::Browse,
        other => {
            let place = opened.place(model.size, &model.theme);
            if let Some(scroll) = opened.sheet.go(opened.scroll, other, place, &model.theme) {
                opened.scroll = scroll;
            }
        }
    }
    Vec::new()
}

/// News of an open message: it is read anew.
pub(super) fn heard(model: &Model, record: &Record) -> Vec<Errand> {
    match (&model.mode, record) {
        (Mode::Record(opened), Record::MessageMoved { message, .. })
            if opened.question == (Question::Letter { message: *message }) =>
        {
            vec![Errand::Look(opened.question.clone())]
        }
        _ => Vec::new(),
    }
}

/// The log's answer about a record.
pub(super) fn found_record(model: &mut Model, question: &Question, vicinity: Result<Box<Vicinity>, String>) {
    let sheet = match vicinity {
        Ok(vicinity) => of_record(&vicinity),
        Err(why) => unread(&why),
    };
    fill(model, question, sheet);
}

/// The log's answer about a message.
pub(super) fn found_letter(model: &mut Model, question: &Question, letter: Result<Box<Letter>, String>) {
    let Question::Letter { message } = question else { return };
    let sheet = match letter {
        Ok(letter) => of_letter(model, *message, &letter),
        Err(why) => unread(&why),
    };
    fill(model, question, sheet);
}

fn fill(model: &mut Model, question: &Question, sheet: Sheet) {
    if let Mode::Record(opened) = &mut model.mode
        && opened.question == *question
    {
        opened.sheet = sheet;
        model.dirty = true;
    }
}

fn unread(why: &str) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.say(&format!("the log can't be read: {why}"), Tone::Bad);
    sheet
}

fn of_record(vicinity: &Vicinity) -> Sheet {
    let mut sheet = Sheet::default();
    let Some(row) = &vicinity.row else {
        sheet.say("this record is not in the log any more: old ones that only told what was are dropped", Tone::Dim);
        return sheet;
    };
    let record = row.record();
    match &record {
        Ok(record) => {
            let news = News::of(record);
            sheet.point(&format!("{} ", news.sign()), &sentence(record), tone(news));
        }
        Err(why) => sheet.say(&format!("this record can't be read: {why}"), Tone::Bad),
    }
    sheet.say(&format!("{} UTC, number {}", when::stamp(row.stamp.at), grouped(row.stamp.seq)), Tone::Dim);
    let mut lines = record.as_ref().map(evidence).unwrap_or_default();
    let told = record.as_ref().map(sentence).unwrap_or_default();
    if lines.iter().all(|line| told.contains(line.as_str())) {
        lines.clear();
    }
    if !lines.is_empty() {
        sheet.heading("evidence");
        lines.iter().for_each(|line| sheet.point("  │ ", line, Tone::Text));
    }
    sheet.heading("fields");
    fields(&mut sheet, row);
    neighbours(&mut sheet, row, vicinity);
    sheet
}

fn fields(sheet: &mut Sheet, row: &Row) {
    match serde_json::from_str::<Value>(&row.json) {
        Ok(value) => {
            let mut told = Vec::new();
            flatten("", &value, &mut told);
            told.sort_by_key(|(name, _)| name != "kind");
            for (name, words) in told {
                sheet.field(&name, &words);
            }
        }
        Err(_) => sheet.point("  ", &row.json, Tone::Text),
    }
}

/// `place.session  $3`: every value with the path to it.
fn flatten(path: &str, value: &Value, told: &mut Vec<(String, String)>) {
    if told.len() >= MOST_FIELDS {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, told)),
        Value::Array(values) if values.is_empty() => told.push((path.to_string(), "none".to_string())),
        Value::Array(values) => {
            (1..).zip(values).for_each(|(number, value)| flatten(&below(&number.to_string()), value, told));
        }
        Value::Null => told.push((path.to_string(), "-".to_string())),
        Value::String(text) => told.push((path.to_string(), text.clone())),
        Value::Bool(_) | Value::Number(_) => told.push((path.to_string(), value.to_string())),
    }
}

fn neighbours(sheet: &mut Sheet, row: &Row, vicinity: &Vicinity) {
    let whose = row.agent.as_ref().map_or("around it".to_string(), |agent| format!("around it, of {agent}"));
    sheet.heading(&whose);
    for entry in &vicinity.before {
        neighbour(sheet, entry, "  ");
    }
    sheet.point(&format!("▸ {} ", when::clock(row.stamp.at)), "this record", Tone::Strong);
    for entry in &vicinity.after {
        neighbour(sheet, entry, "  ");
    }
}

fn neighbour(sheet: &mut Sheet, entry: &Entry, indent: &str) {
    let lead = format!("{indent}{} {} ", when::clock(entry.stamp.at), entry.news.sign());
    sheet.point(&lead, &entry.words, tone(entry.news));
}

fn of_letter(model: &Model, id: MessageId, letter: &Letter) -> Sheet {
    let mut sheet = Sheet::default();
    let present = model.view.iter().flat_map(|view| &view.outbox).find(|sent| sent.id == id);
    let stage = present.map(|sent| &sent.stage).or(letter.moves.last().map(|(_, stage)| stage));
    if let Some(stage) = stage {
        let (sign, tone) = outbox::sign(stage);
        sheet.point(&format!("{sign} "), &message::told(id, stage), tone);
    }
    match &letter.queued {
        Some((stamp, message)) => {
            sheet.field("for", message.agent.as_str());
            sheet.field("from", &origin(&message.origin));
            sheet.field("queued", &format!("{} UTC, record {}", when::stamp(stamp.at), grouped(stamp.seq)));
            if let Some(life) = message.only {
                sheet.field("only for", &format!("life {}", life.0));
            }
            sheet.heading("text");
            sheet.point("  ", &message.text, Tone::Text);
        }
        None => {
            sheet.say("the log does not reach back to where it was queued", Tone::Dim);
            if let Some(sent) = present {
                sheet.point("  ", &sent.preview, Tone::Text);
            }
        }
    }
    sheet.heading("what became of it");
    if letter.moves.is_empty() {
        sheet.point("  ", "nothing yet: it waits", Tone::Dim);
    }
    for (stamp, stage) in &letter.moves {
        let (sign, tone) = outbox::sign(stage);
        let told = message::told(id, stage);
        let words = told.strip_prefix(&format!("{id} is ")).unwrap_or(&told);
        sheet.point(&format!("  {} {sign} ", when::stamp(stamp.at)), words, tone);
    }
    sheet
}

fn origin(origin: &Origin) -> String {
    let word = message::from(origin);
    match origin {
        Origin::StartPrompt { phase: Some(phase) } => format!("{word}: phase {phase}"),
        Origin::Handoff { commits } => {
            let commits: Vec<&str> = commits.iter().map(crate::pilot::id::Sha::short).collect();
            format!("{word}: {}", commits.join(", "))
        }
        Origin::Inbox { at } => format!("{word}: pushed as {}", at.short()),
        Origin::Operator
        | Origin::Nudge
        | Origin::StartPrompt { phase: None }
        | Origin::LimitLifted
        | Origin::Compact => word.to_string(),
    }
}

/// `312 104`: a number that is read at a glance.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1_000, "1 000"), (312_104, "312 104"), (1_000_000, "1 000 000")]
        {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn every_field_is_told_with_the_way_to_it() {
        let value = serde_json::json!({ "kind": "started", "place": { "pane": "%3" }, "left": [], "last": ["a", null], "n": 7 });
        let mut told = Vec::new();
        flatten("", &value, &mut told);
        let told: Vec<String> = told.into_iter().map(|(name, words)| format!("{name}={words}")).collect();
        assert_eq!(told, ["kind=started", "last.1=a", "last.2=-", "left=none", "n=7", "place.pane=%3"]);
    }
}
