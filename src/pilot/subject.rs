//! What a commit's subject hands over, by an exact grammar on the subject alone (fault G8):
//!
//! ```text
//! subject = prefix "(" gate ")" ":" " " words      claim(1a): the parser reads every fixture
//! prefix  = one of the configured ones, in its own case
//! gate    = a letter or digit, then at most 31 of letters, digits, "." "_" "-"
//! words   = at least one character that is no blank
//! ```
//!
//! One gate: a list is something else. Nothing before the prefix: reverts, fixups and quotes don't hand anything over.
//! Control characters (TAB excepted) and subjects of more than 4096 bytes are refused whole; the words may be in any
//! encoding, since nobody ever reads them. Knows no commits and asks no repository.

use super::fact::{Handoff, Person};

/// Longer ones are no subjects.
const SUBJECT_CAP: usize = 4096;
/// Letters of a person's name and mail that are kept.
const PERSON_CAP: usize = 120;
/// Longest gate, in bytes.
const GATE_CAP: usize = 32;

/// Reads one subject.
pub fn parse(subject: &[u8], prefixes: &[String]) -> Option<Handoff> {
    let control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    if subject.len() > SUBJECT_CAP || subject.iter().any(control) {
        return None;
    }
    prefixes.iter().filter(|prefix| !prefix.is_empty()).find_map(|prefix| {
        let rest = subject.strip_prefix(prefix.as_bytes())?.strip_prefix(b"(")?;
        let end = rest.iter().position(|byte| *byte == b')')?;
        let gate = gate(&rest[..end])?;
        let words = rest[end + 1..].strip_prefix(b": ")?;
        let said = words.iter().any(|byte| !matches!(byte, b' ' | b'\t'));
        said.then(|| Handoff { prefix: prefix.clone(), gate })
    })
}

/// Reads the signature of a commit: `Name <mail> SECONDS ZONE`.
pub fn person(signature: &[u8]) -> Person {
    let text = String::from_utf8_lossy(signature);
    let named = text.rfind('>').map_or(text.as_ref(), |end| &text[..=end]);
    let words: String = named.chars().filter(|c| !c.is_control()).take(PERSON_CAP).collect();
    let mail = named.rfind('<').map(|begin| named[begin + 1..].trim_end_matches('>'));
    Person { words, mail: mail.unwrap_or_default().to_string() }
}

fn gate(text: &[u8]) -> Option<String> {
    let begins = text.first().is_some_and(u8::is_ascii_alphanumeric);
    let goes_on = text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
    if !begins || !goes_on || text.len() > GATE_CAP {
        return None;
    }
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &[u8]) -> Option<(String, String)> {
        let prefixes = ["claim", "review", "claim-all"].map(String::from);
        parse(subject, &prefixes).map(|handoff| (handoff.prefix, handoff.gate))
    }

    #[test]
    fn handoffs_are_read() {
        let long = format!("claim({}): x", "g".repeat(32));
        let table: [(&[u8], &str, &str); 10] = [
            (b"claim(1a): the parser", "claim", "1a"),
            (b"review(1a): pass", "review", "1a"),
            (b"claim(WC1): x", "claim", "WC1"),
            (b"claim(C1.2_b-3): x", "claim", "C1.2_b-3"),
            (b"claim-all(0): x", "claim-all", "0"),
            (b"claim(1a):  two blanks", "claim", "1a"),
            (b"claim(1a): tab\there", "claim", "1a"),
            (b"claim(1a): Revert \"claim(2b): x\"", "claim", "1a"),
            (b"claim(1a): latin \xe9 and \xff", "claim", "1a"),
            (long.as_bytes(), "claim", &"g".repeat(32)),
        ];
        for (subject, prefix, gate) in table {
            assert_eq!(read(subject), Some((prefix.to_string(), gate.to_string())), "{}", subject.escape_ascii());
        }
    }

    #[test]
    fn look_alikes_hand_over_nothing() {
        let table: [&[u8]; 54] = [
            b"",
            b"claim",
            b"claim(",
            b"claim(1a",
            b"claim(1a)",
            b"claim(1a):",
            b"claim(1a): ",
            b"claim(1a): \t ",
            b"claim(1a):x",
            b"claim(1a) : x",
            b"claim(1a) x",
            b"claim(1a): \x1b[31mred",
            b"claim(1a): bell\x07",
            b"claim(1a): cr\r",
            b"claim(1a): two\nlines",
            b"claim(1a\x1b[0m): x",
            b"claim(\x07): x",
            b"claim(1a)\r: x",
            b"claim(1a): nul\0",
            b"claim(1a): del\x7f",
            b"\xef\xbb\xbfclaim(1a): bom",
            b"claim(\xff): x",
            b"claim(caf\xc3\xa9): x",
            b"Claim(1a): x",
            b"CLAIM(1a): x",
            b"claim (1a): x",
            b"claim( 1a): x",
            b"claim(1a ): x",
            b"claim(): x",
            b"claim():",
            b"claim: x",
            b"claim(1a)!: x",
            b"claim!(1a): x",
            b"claim((1a)): x",
            b"claim(claim(1a)): x",
            b"claim(1a)(1b): x",
            b"claim(1a,1b): x",
            b"claim(1a, 1b): x",
            b"claim(1a/1b): x",
            b"claim(-1a): x",
            b"claim(.): x",
            b"claim(_a): x",
            b"claim($(id)): x",
            b"claim(`id`): x",
            b"claim(#{pane_id}): x",
            b"claim[1a]: x",
            b"claims(1a): x",
            b"reclaim(1a): x",
            b" claim(1a): x",
            b"Revert \"claim(1a): x\"",
            b"fixup! claim(1a): x",
            b"squash! claim(1a): x",
            b"Merge branch 'claim(1a): x'",
            b"fix: answers claim(1a): x",
        ];
        for subject in table {
            assert_eq!(read(subject), None, "{}", subject.escape_ascii());
        }
        assert_eq!(read(format!("claim({}): x", "g".repeat(33)).as_bytes()), None);
    }

    #[test]
    fn a_subject_of_a_megabyte_is_refused() {
        let subject = [b"claim(1a): ".as_slice(), &vec![b'x'; 1 << 20]].concat();
        assert_eq!(read(&subject), None);
        assert_eq!(read(&subject[..SUBJECT_CAP]), Some(("claim".to_string(), "1a".to_string())));
    }

    #[test]
    fn without_prefixes_nothing_is_handed_over() {
        assert_eq!(parse(b"claim(1a): x", &[]), None);
        assert_eq!(parse(b"(1a): x", &[String::new()]), None);
    }
}
