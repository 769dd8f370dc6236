//! One input made of others: bits, bytes, numbers, words of the target's language, pieces of other inputs, lengths beyond
//! every limit.

use super::chance::Chance;

/// Largest input; more than any limit of ours that is on one line or one screen.
const LARGEST: usize = 300 * 1024;

/// Texts that are a boundary somewhere, whoever reads them.
const EVERYWHERE: &[&[u8]] = &[
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"1e999",
    b"\x1b[31m",
    b"\x1b]0;x\x07",
    b"\x1bP",
    b"\x7f",
    b"\x80",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    "\u{9b}31m".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{2066}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{200d}".as_bytes(),
    "\u{fe0f}".as_bytes(),
    "\u{301}".as_bytes(),
    "\u{a0}".as_bytes(),
    "日本語".as_bytes(),
    "👩\u{200d}👩\u{200d}👧".as_bytes(),
    "ﬁİßſK".as_bytes(),
];

/// A new input: one of the pool, changed a few times.
pub(crate) fn mutated(chance: &mut Chance, pool: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = if chance.below(50) == 0 { Vec::new() } else { pool[chance.below(pool.len())].clone() };
    for _ in 0..1 + chance.length(8) {
        change(chance, &mut input, pool, words);
    }
    input.truncate(LARGEST);
    input
}

fn change(chance: &mut Chance, input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str]) {
    let at = chance.below(input.len() + 1);
    let end = (at + chance.length(64)).min(input.len());
    match chance.below(13) {
        0 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] ^= 1 << chance.below(8);
        }
        1 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] = chance.throw().to_le_bytes()[0];
        }
        2 => drop(input.drain(at..end)),
        3 => drop(input.splice(at..at, input[at..end].to_vec())),
        4 | 5 if !words.is_empty() => {
            let word = chance.pick(words).as_bytes();
            input.splice(at..if chance.below(2) == 0 { at } else { end }, word.iter().copied());
        }
        6 => drop(input.splice(at..at, chance.pick(EVERYWHERE).iter().copied())),
        7 => drop(input.splice(at..end, chance.pick(EVERYWHERE).iter().copied())),
        8 => {
            let other = chance.below(pool.len());
            splice(chance, input, at, &pool[other]);
        }
        9 => lines(chance, input),
        10 => number(chance, input, at),
        11 => input.truncate(at),
        // Long runs are dear, and a few of them tell as much as many.
        _ if chance.below(20) == 0 => {
            let unit = if end > at { input[at..end].to_vec() } else { b"x".to_vec() };
            let count = chance.length(LARGEST / unit.len());
            input.splice(at..at, unit.repeat(count));
        }
        _ => input.insert(at, b" \n-:/.,#%;()"[chance.below(12)]),
    }
}

/// A piece of another input.
fn splice(chance: &mut Chance, input: &mut Vec<u8>, at: usize, other: &[u8]) {
    let from = chance.below(other.len() + 1);
    let to = (from + chance.length(other.len().max(1))).min(other.len());
    let end = if chance.below(2) == 0 { at } else { input.len() };
    input.splice(at..end, other[from..to].iter().copied());
}

/// Swaps, doubles or drops whole lines.
fn lines(chance: &mut Chance, input: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (chance.below(lines.len()), chance.below(lines.len()));
    match chance.below(3) {
        0 => lines.swap(one, other),
        1 => lines.insert(one, lines[other]),
        _ => drop(lines.remove(one)),
    }
    *input = lines.concat();
}

/// Another number in place of the one that stands at or behind a place.
fn number(chance: &mut Chance, input: &mut Vec<u8>, at: usize) {
    let Some(start) = input[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let edge = [0, 1, 23, 24, 59, 60, 61, 99, 255, 256, 1000, 65_535, 65_536, u64::from(u32::MAX), u64::MAX >> 1];
    let new = match chance.below(3) {
        0 => edge[chance.below(edge.len())].to_string(),
        1 => chance.below(100).to_string(),
        _ => chance.throw().to_string(),
    };
    input.splice(start..start + length, new.into_bytes());
}
