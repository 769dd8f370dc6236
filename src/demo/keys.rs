//! Bytes from a terminal -> keys. Pastes are taken byte for byte from between their brackets, wherever reads split them.
//!
//! Knows only the keys the demo agent acts on; every other sequence becomes [`Key::Other`]. Reads nothing itself.

/// What stands before and after a bracketed paste.
const OPEN: &[u8] = b"\x1b[200~";
const CLOSE: &[u8] = b"\x1b[201~";
/// A paste keeps this much, the rest is dropped: 64 times what flightdeck delivers, so that a test can overdo it.
const PASTE_CAP: usize = 4 * 1024 * 1024;
/// A control sequence longer than this is noise.
const SEQUENCE_CAP: usize = 64;

/// One thing a person or a paste did at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// CR: the submit key.
    Enter,
    /// LF (Ctrl-J) or Alt-Enter.
    Newline,
    Backspace,
    /// Ctrl-U.
    ClearLine,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    End,
    Esc,
    /// What stood between the brackets.
    Paste(Vec<u8>),
    /// A key without a meaning here.
    Other,
}

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Bytes that do not make a whole key yet.
    held: Vec<u8>,
    /// The paste that is coming in.
    paste: Option<Vec<u8>>,
}

/// How far the head of the held bytes was understood.
enum Parsed {
    /// This many bytes are this key.
    Whole(usize, Key),
    /// A paste begins.
    Opened,
    /// More bytes are needed.
    Short,
}

impl Decoder {
    /// All keys that are whole now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.held.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut at = 0;
        while at < self.held.len() {
            if let Some(paste) = &mut self.paste {
                let (len, ended) = pasted(&self.held[at..], paste);
                at += len;
                if !ended {
                    break;
                }
                keys.push(Key::Paste(self.paste.take().unwrap_or_default()));
                continue;
            }
            match parse(&self.held[at..]) {
                Parsed::Whole(len, key) => {
                    at += len;
                    keys.push(key);
                }
                Parsed::Opened => {
                    at += OPEN.len();
                    self.paste = Some(Vec::new());
                }
                Parsed::Short => break,
            }
        }
        self.held.drain(..at);
        keys
    }

    /// Half a key waits, and only the lack of further bytes can tell that it is the Escape key.
    pub(super) fn waits(&self) -> bool {
        self.paste.is_none() && !self.held.is_empty()
    }

    /// No further bytes came: what is held are keys of their own.
    pub(super) fn flush(&mut self) -> Vec<Key> {
        if !self.waits() {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        vec![if held == b"\x1b" { Key::Esc } else { Key::Other }]
    }
}

/// Takes what belongs to the paste: how many bytes that were, and whether its end was among them.
fn pasted(bytes: &[u8], paste: &mut Vec<u8>) -> (usize, bool) {
    let found = bytes.windows(CLOSE.len()).position(|window| window == CLOSE);
    // Without an end, the last bytes stay: they may be the beginning of the bracket.
    let len = found.unwrap_or((bytes.len() + 1).saturating_sub(CLOSE.len()));
    let room = PASTE_CAP.saturating_sub(paste.len());
    paste.extend_from_slice(&bytes[..len.min(room)]);
    if found.is_some() { (len + CLOSE.len(), true) } else { (len, false) }
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes[0] {
        0x1b => escape(bytes),
        b'\r' => Parsed::Whole(1, Key::Enter),
        b'\n' => Parsed::Whole(1, Key::Newline),
        0x7f | 0x08 => Parsed::Whole(1, Key::Backspace),
        0x15 => Parsed::Whole(1, Key::ClearLine),
        0x03 => Parsed::Whole(1, Key::Interrupt),
        0x04 => Parsed::Whole(1, Key::End),
        b'\t' => Parsed::Whole(1, Key::Char('\t')),
        0..=0x1f => Parsed::Whole(1, Key::Other),
        _ => character(bytes),
    }
}

fn escape(bytes: &[u8]) -> Parsed {
    match bytes.get(1) {
        None => Parsed::Short,
        Some(b'[') => {
            let last = bytes.iter().skip(2).take(SEQUENCE_CAP).position(|byte| (0x40..=0x7e).contains(byte));
            match last {
                Some(_) if bytes.starts_with(OPEN) => Parsed::Opened,
                Some(last) => Parsed::Whole(last + 3, Key::Other),
                None if bytes.len() > SEQUENCE_CAP => Parsed::Whole(bytes.len(), Key::Other),
                None => Parsed::Short,
            }
        }
        Some(b'O') if bytes.len() < 3 => Parsed::Short,
        Some(b'O') => Parsed::Whole(3, Key::Other),
        Some(b'\r') => Parsed::Whole(2, Key::Newline),
        Some(_) => Parsed::Whole(1, Key::Esc),
    }
}

fn character(bytes: &[u8]) -> Parsed {
    let len = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let head = &bytes[..len.min(bytes.len())];
    match std::str::from_utf8(head) {
        Ok(text) => Parsed::Whole(len, text.chars().next().map_or(Key::Other, Key::Char)),
        Err(error) if error.error_len().is_none() && head.len() < len => Parsed::Short,
        Err(error) => Parsed::Whole(error.error_len().unwrap_or(1), Key::Char(char::REPLACEMENT_CHARACTER)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Adjoining pieces of input and the keys they are; none is a lone Escape, whose meaning depends on time.
    fn token() -> impl Strategy<Value = (Vec<u8>, Vec<Key>)> {
        prop_oneof![
            any::<char>()
                .prop_filter("a character of its own", |c| !c.is_control())
                .prop_map(|c| (c.to_string().into_bytes(), vec![Key::Char(c)])),
            Just((b"\r".to_vec(), vec![Key::Enter])),
            Just((b"\n".to_vec(), vec![Key::Newline])),
            Just((b"\x1b\r".to_vec(), vec![Key::Newline])),
            Just((b"\x1b[1;5A".to_vec(), vec![Key::Other])),
            Just((b"\x1bOP".to_vec(), vec![Key::Other])),
            Just((b"\x15\x03".to_vec(), vec![Key::ClearLine, Key::Interrupt])),
            proptest::collection::vec(any::<u8>(), 0..60)
                .prop_filter("no bracket inside", |body| !body.windows(6).any(|w| w == CLOSE))
                .prop_filter("no half bracket at its end", |body| !body.contains(&0x1b) || body.len() < 3)
                .prop_map(|body| ([OPEN, &body, CLOSE].concat(), vec![Key::Paste(body)])),
        ]
    }

    proptest! {
        #[test]
        fn keys_do_not_depend_on_where_the_reads_split(
            tokens in proptest::collection::vec(token(), 0..12),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let bytes: Vec<u8> = tokens.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let wanted: Vec<Key> = tokens.into_iter().flat_map(|(_, keys)| keys).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let keys: Vec<Key> = cuts.windows(2).flat_map(|cut| decoder.feed(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(keys, wanted);
            prop_assert!(!decoder.waits());
        }

        #[test]
        fn no_bytes_break_it(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut decoder = Decoder::default();
            for chunk in chunks {
                decoder.feed(&chunk);
            }
            decoder.flush();
        }
    }

    #[test]
    fn a_paste_split_at_every_byte_stays_whole() {
        let body = b"a\r\nb \x1b[31m \x1b[20 \x1b\x1b \xff\0 c";
        let bytes = [OPEN, body, CLOSE, b"\r"].concat();
        for at in 0..=bytes.len() {
            let mut decoder = Decoder::default();
            let mut keys = decoder.feed(&bytes[..at]);
            keys.extend(decoder.feed(&bytes[at..]));
            assert_eq!(keys, [Key::Paste(body.to_vec()), Key::Enter], "split at {at}");
        }
        let mut decoder = Decoder::default();
        let keys: Vec<Key> = bytes.iter().flat_map(|byte| decoder.feed(&[*byte])).collect();
        assert_eq!(keys, [Key::Paste(body.to_vec()), Key::Enter]);
    }

    #[test]
    fn a_lone_escape_is_a_key_once_nothing_follows() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b"), []);
        assert!(decoder.waits());
        assert_eq!(decoder.flush(), [Key::Esc]);
        assert!(!decoder.waits());
        assert_eq!(decoder.feed(b"\x1b\x1b"), [Key::Esc]);
        assert_eq!(decoder.flush(), [Key::Esc]);
    }
}
