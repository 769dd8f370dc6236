//! A message on its way into a pane: nothing gets through that could act on a terminal or end the command that carries it. The
//! first byte chooses the program.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flightdeck::config::backend::built_in;
use flightdeck::config::model::Backend;
use flightdeck::edge::tmux::{quote, verb};
use flightdeck::pilot::message::{TEXT_CAP, clean_text, is_hostile};
use flightdeck::pilot::reading::as_typed;

use super::{Target, about, check, chosen, lines, outcome};
use crate::corpus::recorded;

pub(super) const TARGET: Target = Target { name: "paste", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "\u{1b}[200~",
    "\u{1b}[201~",
    "\u{1b}",
    "\u{9b}201~",
    "\r",
    "\r\n",
    "!rm",
    "/compact",
    "#",
    "@file",
    "$(id)",
    "`id`",
    "#{pane_id}",
    "#(touch x)",
    "%H:%M",
    "; kill-server",
    "\\;",
    "\"",
    "'",
    "\\",
    "~",
    "${HOME}",
    "C-c",
    "Enter",
    "\u{2028}",
];

static BACKENDS: LazyLock<BTreeMap<String, Backend>> = LazyLock::new(built_in);

fn seeds() -> Vec<Vec<u8>> {
    let said = lines(&["\0hello", "\u{1}!ls -la", "\u{2}/help", "\u{3}a\tb\r\nc\r", "\u{4}-la; $(id) `id` #{pane_id}"]);
    let hostile = crate::escapes::ESCAPES.iter().map(|text| format!("\u{1}{text}").into_bytes());
    let recorded = recorded("channels").into_iter().map(|mut text| {
        text.truncate(3_000);
        text
    });
    said.into_iter().chain(hostile).chain(recorded.step_by(8)).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let (kind, rest) = chosen(input, BACKENDS.len());
    let backend = BACKENDS.values().nth(kind).expect("one of them");
    let text = String::from_utf8_lossy(rest);
    let clean = match clean_text(&text) {
        Ok(clean) => clean,
        Err(why) => {
            check(!why.is_empty() && !why.chars().any(is_hostile), || format!("refused without a reason: {why:?}"))?;
            let may = !text.trim().is_empty() && text.len() <= TEXT_CAP;
            let hostile = text.replace("\r\n", "\n").replace('\r', "\n").chars().any(is_hostile);
            check(!may || hostile, || format!("a harmless text is refused: {why}"))?;
            return Ok(outcome(&why));
        }
    };
    check(!clean.chars().any(|c| is_hostile(c) || c == '\r'), || "it acts on a terminal".to_string())?;
    check(!clean.trim().is_empty() && !clean.ends_with('\n'), || "empty, or it ends its line".to_string())?;
    check(clean_text(&clean).as_ref() == Ok(&clean), || "cleaned twice it is another text".to_string())?;
    let typed = as_typed(backend, &clean);
    let same = typed == clean || typed.strip_prefix(' ').and_then(|typed| typed.strip_suffix(' ')) == Some(&clean[..]);
    check(same, || "typed it is another text".to_string())?;
    carried(&typed)?;
    Ok(outcome(&format!("{} {} {}", typed == clean, about(clean.len()), clean.contains('\n'))))
}

/// As a word of tmux's command line, and of a shell's.
fn carried(text: &str) -> Result<(), String> {
    let word = quote::argument(text).map_err(|why| why.to_string())?;
    let inner = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("it is not quoted")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"\\ ,.:/_+=-".contains(&byte);
    check(inner.bytes().all(plain), || "a sign that tmux would read".to_string())?;
    check(unescaped(inner) == text.as_bytes(), || "tmux reads another text".to_string())?;
    let line = verb::set_buffer("fd-1", text).map_err(|why| why.to_string())?;
    check(!line.contains('\n') && line.is_ascii(), || "more than a line".to_string())?;
    let shell = quote::pipe_word(text).map_err(|why| why.to_string())?;
    let inner = shell.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).ok_or("it is not quoted")?;
    let read = inner.replace("'\\''", "'").replace("##", "#").replace("%%", "%");
    check(read == text, || "a shell reads another text".to_string())
}

fn unescaped(quoted: &str) -> Vec<u8> {
    let mut bytes = quoted.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        let digits: Vec<u8> = if byte == b'\\' { bytes.by_ref().take(3).collect() } else { Vec::new() };
        let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(*digit) - u32::from(b'0'));
        text.push(if digits.is_empty() { byte } else { u8::try_from(value).unwrap_or(0) });
    }
    text
}
