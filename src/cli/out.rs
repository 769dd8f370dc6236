//! Standard output: the one road for what a verb prints. A reader that went away is an error of its own kind there,
//! which ends the verb quietly; `println!` would panic. In a locale that is not UTF-8 only ASCII goes out: there a
//! letter's second byte can be a control character (0x9b begins an escape sequence; fault U3).

use std::io::{self, IsTerminal, Write};

use super::error::CliError;
use crate::words::text;
use crate::words::text::is_unseen;

/// Prints text that is already harmless, as it is.
pub fn text(text: &str) -> Result<(), CliError> {
    bytes(for_locale(text.to_string()).as_bytes())
}

/// Prints one line that is already harmless.
pub fn line(line: &str) -> Result<(), CliError> {
    text(&format!("{line}\n"))
}

/// Prints a value as one line of JSON. What could act on a terminal is escaped, which JSON itself asks for only in part.
pub fn json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let line = serde_json::to_string(value).map_err(io::Error::from)?;
    bytes(format!("{}\n", escaped(&line, is_utf8())).as_bytes())
}

/// How many columns our lines may have: the terminal's, or no end in a pipe.
pub fn columns() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten()?;
    // A terminal that does not know its width says 0.
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The text as this locale can show it.
pub fn for_locale(text: String) -> String {
    if is_utf8() { text } else { text::ascii(&text) }
}

/// Whether the terminal's letters are UTF-8, by the variables that say so, the strongest first.
pub fn is_utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    said.is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.ends_with("utf-8") || value.ends_with("utf8")
    })
}

fn escaped(json: &str, utf8: bool) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings JSON is ASCII, so whatever is replaced here stands in a string.
        if is_unseen(c) || (!utf8 && !c.is_ascii()) {
            let mut units = [0; 2];
            line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line
}

/// Prints bytes of our own making (scripts, manual pages).
pub fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    // A pipe that is closed shows here and not first when the program ends.
    Ok(stdout.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_no_byte_that_a_terminal_would_obey_and_reads_back() {
        let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}\u{7f}é😀\n";
        let line = serde_json::to_string(hostile).expect("a text");
        for utf8 in [true, false] {
            let shown = escaped(&line, utf8);
            assert!(!shown.chars().any(is_unseen), "{shown:?}");
            assert!(utf8 || shown.is_ascii());
            assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), hostile);
        }
    }
}
