//! The replies to lines that print something of a pane by way of a buffer ([`super::verb`] says why).

use super::client::{TmuxClient, TmuxError};
use super::parser::Block;
use super::verb::{Line, Printed};

/// A question about a pane, and the lines that print it.
pub(super) fn after(question: Line, printed: Printed) -> Result<[String; 5], TmuxError> {
    let [capture, mark, show, drop] = printed?;
    Ok([question?, capture, mark, show, drop])
}

/// Takes the four replies of one picture; what was printed is the block, with the place of its question. `None`: there are too few.
pub fn body(blocks: &mut impl Iterator<Item = Block>) -> Option<Block> {
    let [captured, _marked, mut shown, _dropped] = [blocks.next()?, blocks.next()?, blocks.next()?, blocks.next()?];
    if !captured.ok {
        // Why there is none is said by the first; a buffer of another picture is none of this one.
        return Some(captured);
    }
    // The mark behind the buffer's last line, and the end of line that tmux gives to all it prints.
    if let Some(text) = shown.body.strip_suffix(b"\\\\\n") {
        shown.body = unescaped(text);
    } else if let Some(text) = shown.body.strip_suffix(b"\\\n") {
        shown.body.truncate(text.len());
    }
    Some(shown)
}

/// Takes back what `vis` did (octal numbers, and letters as in C), and the backslash before a `$` that begins a name.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            plain.push(
                rest[..digits].iter().fold(0, |number: u8, digit| number.wrapping_mul(8).wrapping_add(digit - b'0')),
            );
            rest = &rest[digits..];
        } else if let Some((escaped, after)) = rest.split_first() {
            plain.push(meant(*escaped));
            rest = after;
        }
    }
    plain.extend_from_slice(rest);
    plain
}

/// The byte that a letter after a backslash stands for.
fn meant(escaped: u8) -> u8 {
    match escaped {
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b's' => b' ',
        other => other,
    }
}

/// Prints; a refusal by tmux becomes an error.
pub(super) async fn ask(client: &TmuxClient, lines: Printed) -> Result<Block, TmuxError> {
    let mut blocks = client.run(lines?.to_vec()).await?.into_iter();
    let block = body(&mut blocks).unwrap_or_default();
    if block.ok { Ok(block) } else { Err(TmuxError::Refused(block.word().to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(ok: bool, body: &[u8]) -> Block {
        Block { ok, ours: true, cut: false, asked: 7, body: body.to_vec() }
    }

    #[test]
    fn one_of_four_replies_is_the_picture_and_a_missing_pane_shows_nothing_of_an_earlier_one() {
        let picture = |shown: &[u8]| {
            let replies =
                [block(true, b""), block(true, b""), block(true, shown), block(true, b""), block(true, b"next")];
            let mut blocks = replies.into_iter();
            let body = body(&mut blocks).expect("four replies");
            assert_eq!(blocks.next(), Some(block(true, b"next")));
            assert!(body.ok && body.asked == 7);
            String::from_utf8_lossy(&body.body).into_owned()
        };
        // tmux from 3.4 on, then before that.
        assert_eq!(picture(b"a\\033 $HOME\n\n\\\n"), "a\\033 $HOME\n\n");
        assert_eq!(
            picture(b"\\033[1ma\\\\033 \\$HOME \xc3\xa9\\016\\tq\\0z\n\n\\\\\n"),
            "\u{1b}[1ma\\033 $HOME é\u{e}\tq\0z\n\n"
        );
        assert_eq!(picture(b"\\\\\n"), "");
        let gone = || block(false, b"can't find pane: %9\n");
        let blocks = [gone(), block(true, b""), block(true, b"old\n\\\n"), block(true, b"")];
        assert_eq!(body(&mut blocks.into_iter()), Some(gone()));
        assert_eq!(body(&mut [block(true, b""), block(true, b""), block(true, b"")].into_iter()), None);
    }
}
