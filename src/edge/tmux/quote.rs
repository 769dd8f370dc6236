//! The encoders of everything that enters a tmux command line. No other file puts text next to a tmux command.
//!
//! Judges no text: what may be typed into an agent is decided elsewhere; here every byte but NUL gets through unchanged.

/// A value that no tmux command line can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a NUL byte can't be sent to tmux; take it out of the text")]
pub struct Unquotable;

/// One argument as a control client's parser reads it back: `"…"`, all but plain characters as octal escapes. Newlines
/// would split the line, `$` and `~` would be expanded, `;` would end the command.
pub fn argument(text: &str) -> Result<String, Unquotable> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for byte in text.bytes() {
        match byte {
            0 => return Err(Unquotable),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => quoted.push(char::from(byte)),
            b' ' | b',' | b'.' | b':' | b'/' | b'_' | b'+' | b'=' | b'-' => quoted.push(char::from(byte)),
            other => {
                quoted.push('\\');
                for shift in [6, 3, 0] {
                    quoted.push(char::from(b'0' + (other >> shift & 7)));
                }
            }
        }
    }
    quoted.push('"');
    Ok(quoted)
}

/// One word of the shell command of `pipe-pane`, which tmux first expands as a format with strftime: single quotes for
/// the shell, `#` and `%` doubled for tmux.
pub fn pipe_word(text: &str) -> Result<String, Unquotable> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\0' => return Err(Unquotable),
            '\'' => quoted.push_str("'\\''"),
            '#' => quoted.push_str("##"),
            '%' => quoted.push_str("%%"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    Ok(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What tmux's parser makes of a quoted argument.
    fn unquote(quoted: &str) -> Vec<u8> {
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("quoted");
        let mut bytes = inner.bytes();
        let mut text = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte == b'\\' {
                let digits: Vec<u8> = bytes.by_ref().take(3).collect();
                let value = digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                text.push(u8::try_from(value).expect("three octal digits of a byte"));
            } else {
                text.push(byte);
            }
        }
        text
    }

    proptest! {
        #[test]
        fn every_text_without_nul_survives_and_stays_on_one_plain_line(text in "[^\0]*") {
            let quoted = argument(&text).expect("no NUL");
            prop_assert_eq!(unquote(&quoted), text.as_bytes());
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert!(inner.bytes().all(|b| b == b'\\' || b.is_ascii_alphanumeric() || b" ,.:/_+=-".contains(&b)));
        }
    }

    #[test]
    fn nul_is_refused() {
        assert_eq!(argument("a\0b"), Err(Unquotable));
        assert_eq!(pipe_word("a\0b"), Err(Unquotable));
    }

    #[test]
    fn a_path_full_of_shell_and_format_signs_stays_one_word() {
        assert_eq!(pipe_word("/a b/#(x)/%H/it's $HOME").expect("no NUL"), r"'/a b/##(x)/%%H/it'\''s $HOME'");
    }
}
