//! The operator's env file: `KEY=value` lines, perhaps with `export`, quotes and comments. Nothing is expanded and no
//! value ever appears in a message: this is where the secrets live.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::edge::files;

/// Keys and tokens are short; Linux itself takes no single variable above 128 KiB.
const CAP: u64 = 128 << 10;

/// The variables of the file, or what is wrong with it and what to do.
pub(super) fn read(path: &Path) -> Result<Vec<(OsString, OsString)>, String> {
    let (bytes, meta) = files::read_named(path, CAP).map_err(|error| error.to_string())?;
    if meta.mode() & 0o077 != 0 {
        return Err(format!("{0} can be read by others: run `chmod 600 {0}`", path.display()));
    }
    files::owned(path, &meta).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
    parse(&text).map_err(|(line, why)| format!("{}:{line}: {why}", path.display()))
}

fn parse(text: &str) -> Result<Vec<(OsString, OsString)>, (usize, &'static str)> {
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let variables = lines.filter_map(|(line, number)| match variable(line.trim()) {
        Ok(None) => None,
        Ok(Some((key, value))) => Some(Ok((key.into(), value.into()))),
        Err(why) => Some(Err((number, why))),
    });
    variables.collect()
}

fn variable(line: &str) -> Result<Option<(String, String)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (key, value) = line.split_once('=').ok_or("expected KEY=value")?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) || !key.chars().all(word) {
        return Err("expected a name of letters, digits and `_` directly before the `=`");
    }
    let value = unquote(value)?;
    match value.contains('\0') {
        true => Err("a value can't hold a NUL character"),
        false => Ok(Some((key.to_string(), value))),
    }
}

fn unquote(value: &str) -> Result<String, &'static str> {
    let (text, rest) = match value.chars().next() {
        Some('\'') => {
            let (text, rest) = value[1..].split_once('\'').ok_or("its quote is not closed on this line")?;
            (text.to_string(), rest)
        }
        Some('"') => double_quoted(&value[1..])?,
        Some(_) | None => {
            // A `#` inside a word belongs to it, as in a shell.
            let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            (value[..end].trim().to_string(), "")
        }
    };
    let rest = rest.trim_start();
    match rest.is_empty() || rest.starts_with('#') {
        true => Ok(text),
        false => Err("something follows the closing quote"),
    }
}

/// Up to the closing quote; a backslash takes `"`, `\`, `$` and a backquote as they are, and `\n` for a line break.
fn double_quoted(value: &str) -> Result<(String, &str), &'static str> {
    let mut text = String::new();
    let mut chars = value.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((text, &value[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("its quote is not closed on this line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        parse(line).unwrap()[0].1.to_string_lossy().into_owned()
    }

    #[test]
    fn the_usual_ways_to_write_a_variable_are_understood() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("  export A=b c  ", "b c"),
            ("A=b#c # comment", "b#c"),
            ("A='b # \"c\" $d'  # comment", "b # \"c\" $d"),
            (r#"A="b \"c\" \$d \n \x""#, "b \"c\" $d \n \\x"),
            ("A=b=c", "b=c"),
            ("A=$HOME `id` $(id)", "$HOME `id` $(id)"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
        assert_eq!(parse("\u{feff}# x\r\n\r\nA=b\r\n").unwrap(), [("A".into(), "b".into())]);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_without_its_words() {
        for line in ["A", "=b", "1A=b", "A B=c", "A='b", "A=\"b\\", "A='b'c", "A=\"\0\"", "export =x"] {
            assert_eq!(parse(&format!("X=y\n{line}")).unwrap_err().0, 2, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_the_parser_panic(text in "\\PC{0,80}|[A='\"\\\\ #\n]{0,40}") {
            let _ = parse(&text);
        }
    }
}
