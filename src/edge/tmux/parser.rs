//! What a control client says, taken apart: bytes in, blocks and notes out. No I/O, no clock.
//!
//! Inside a block nothing is escaped: a pane may show `%end 1 2 3` or `%exit`. So a block ends only at a closing line
//! with the very three fields of its opening line, and nothing inside one is a note. Lines are bytes, not text.

/// A line longer than this is cut: 1,000 columns of four-byte characters with combining marks stay far below it.
const LINE_MAX: usize = 64 * 1024;
/// A block longer than this is cut: 10,000 lines of history with 200 columns are 2 MB, mostly.
const BLOCK_MAX: usize = 8 * 1024 * 1024;

/// The reply to one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// `%end`, not `%error`.
    pub ok: bool,
    /// Made by a command of this client, not by a hook or the attach itself.
    pub ours: bool,
    /// Something was too long and is missing.
    pub cut: bool,
    /// Number of the request that it answers: a later request of the same client has a higher one.
    pub asked: u64,
    /// The lines, each with its newline.
    pub body: Vec<u8>,
}

impl Block {
    /// The lines without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let whole = self.body.strip_suffix(b"\n").unwrap_or(&self.body);
        let some = !self.body.is_empty();
        whole.split(|byte| *byte == b'\n').filter(move |_| some)
    }

    /// The first line, where it is text.
    pub fn word(&self) -> &str {
        self.lines().next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or("").trim()
    }
}

/// One thing the client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Block(Block),
    /// A notification: name without `%`, and the rest of the line.
    Note {
        name: String,
        rest: String,
    },
    /// `%exit`, with its reason where one is given. Nothing follows.
    Exit(Option<String>),
}

/// The state between two reads.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    line_cut: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// The three fields of `%begin`.
    fields: Vec<u8>,
    block: Block,
}

impl Parser {
    /// Takes in `bytes` and tells each complete thing in them.
    pub fn push(&mut self, bytes: &[u8], mut tell: impl FnMut(Said)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.extend_line(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            let cut = std::mem::take(&mut self.line_cut);
            if let Some(said) = self.line(&line, cut) {
                tell(said);
            }
            // Keeps the allocation for the next line.
            self.line = line;
            self.line.clear();
        }
        self.extend_line(rest);
    }

    fn extend_line(&mut self, part: &[u8]) {
        let room = LINE_MAX - self.line.len();
        self.line_cut |= part.len() > room;
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn line(&mut self, line: &[u8], cut: bool) -> Option<Said> {
        match self.open.take() {
            Some(open) => self.inside(open, line, cut),
            None => self.outside(line),
        }
    }

    fn inside(&mut self, mut open: Open, line: &[u8], cut: bool) -> Option<Said> {
        for (closing, ok) in [(&b"%end "[..], true), (b"%error ", false)] {
            if line.strip_prefix(closing) == Some(&open.fields[..]) {
                open.block.ok = ok;
                return Some(Said::Block(open.block));
            }
        }
        let block = &mut open.block;
        if block.body.len() + line.len() < BLOCK_MAX {
            block.cut |= cut;
            block.body.extend_from_slice(line);
            block.body.push(b'\n');
        } else {
            block.cut = true;
        }
        self.open = Some(open);
        None
    }

    fn outside(&mut self, line: &[u8]) -> Option<Said> {
        if let Some(fields) = line.strip_prefix(b"%begin ").filter(|fields| are_three_numbers(fields)) {
            let ours = fields.ends_with(b" 1");
            self.open = Some(Open { fields: fields.to_vec(), block: Block { ours, ..Block::default() } });
            return None;
        }
        let text = String::from_utf8_lossy(line.strip_prefix(b"%")?);
        let (name, rest) = text.split_once(' ').unwrap_or((&text, ""));
        if name == "exit" {
            return Some(Said::Exit((!rest.is_empty()).then(|| rest.to_string())));
        }
        Some(Said::Note { name: name.to_string(), rest: rest.to_string() })
    }
}

fn are_three_numbers(fields: &[u8]) -> bool {
    let numbers: Vec<&[u8]> = fields.split(|byte| *byte == b' ').collect();
    numbers.len() == 3 && numbers.iter().all(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Said> {
        pieces(bytes, bytes.len().max(1))
    }

    fn pieces(bytes: &[u8], size: usize) -> Vec<Said> {
        let mut parser = Parser::default();
        let mut said = Vec::new();
        for piece in bytes.chunks(size) {
            parser.push(piece, |one| said.push(one));
        }
        said
    }

    fn block(body: &[u8]) -> Block {
        Block { ok: true, ours: true, cut: false, asked: 0, body: body.to_vec() }
    }

    fn note(name: &str, rest: &str) -> Said {
        Said::Note { name: name.to_string(), rest: rest.to_string() }
    }

    /// As tmux 3.3a wrote it: attach, one new session, its name taken, a look at it, the end.
    const RECORDED: &[u8] = b"%begin 1795227811 272 0\n%end 1795227811 272 0\n%session-changed $0 _flightdeck\n\
        %begin 1795227811 277 1\n$1 %1 17710\n%end 1795227811 277 1\n%begin 1795227811 278 1\n%end 1795227811 278 1\n\
        %begin 1795227811 281 1\nduplicate session: builder\n%error 1795227811 281 1\n%unlinked-window-add @1\n\
        %sessions-changed\n%begin 1795227812 293 1\nhi\n\n\n%end 1795227812 293 1\n%exit server exited unexpectedly\n";

    #[test]
    fn a_recorded_session_reads_as_it_happened() {
        let expected = vec![
            Said::Block(Block { ours: false, ..block(b"") }),
            note("session-changed", "$0 _flightdeck"),
            Said::Block(block(b"$1 %1 17710\n")),
            Said::Block(block(b"")),
            Said::Block(Block { ok: false, ..block(b"duplicate session: builder\n") }),
            note("unlinked-window-add", "@1"),
            note("sessions-changed", ""),
            Said::Block(block(b"hi\n\n\n")),
            Said::Exit(Some("server exited unexpectedly".to_string())),
        ];
        assert_eq!(all(RECORDED), expected);
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(pieces(RECORDED, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_pane_that_shows_protocol_lines_fools_nobody() {
        let body = b"%end 1 2 3\n%exit\n%begin 9 9 1\n%error 5 6 0\n%session-changed $4 work\n\xff\xfe\n";
        let mut bytes = b"%begin 5 6 1\n".to_vec();
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"%end 5 6 1\n");
        assert_eq!(all(&bytes), vec![Said::Block(block(body))]);
    }

    #[test]
    fn lines_are_counted_as_shown() {
        let lines = |body: &[u8]| block(body).lines().map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"\n"), vec![b"".to_vec()]);
        assert_eq!(lines(b"a\n\nb\n"), vec![b"a".to_vec(), b"".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn endless_lines_and_blocks_are_cut_and_say_so() {
        let mut bytes = b"%begin 5 6 1\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', LINE_MAX * 3));
        bytes.extend_from_slice(b"\n%end 5 6 1\n");
        let said = all(&bytes);
        let [Said::Block(long)] = &said[..] else { panic!("one block: {said:?}") };
        assert_eq!((long.cut, long.body.len()), (true, LINE_MAX + 1));

        let mut bytes = b"%begin 5 6 1\n".to_vec();
        for _ in 0..(BLOCK_MAX / 1000 + 10) {
            bytes.extend(std::iter::repeat_n(b'x', 999));
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(b"%end 5 6 1\n");
        let said = all(&bytes);
        let [Said::Block(large)] = &said[..] else { panic!("one block: {}", said.len()) };
        assert!(large.cut && large.body.len() <= BLOCK_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_pieces_change_nothing(bytes: Vec<u8>, size in 1usize..40) {
            prop_assert_eq!(pieces(&bytes, size), all(&bytes));
        }

        #[test]
        fn whatever_a_pane_shows_comes_out_whole(
            lines in proptest::collection::vec("(%end|%error|%begin|%exit)?[ -~é\u{1b}]{0,40}", 0..20),
            size in 1usize..40,
        ) {
            let mut body = lines.join("\n").into_bytes();
            if !lines.is_empty() {
                body.push(b'\n');
            }
            let mut bytes = b"%sessions-changed\n%begin 1795227811 281 1\n".to_vec();
            bytes.extend_from_slice(&body);
            bytes.extend_from_slice(b"%end 1795227811 281 1\n%sessions-changed\n");
            let sessions = || note("sessions-changed", "");
            prop_assert_eq!(pieces(&bytes, size), vec![sessions(), Said::Block(block(&body)), sessions()]);
        }
    }
}
