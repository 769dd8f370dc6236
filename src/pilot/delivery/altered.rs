//! A message that was taken in, but not as it was sent: on a starved machine a program may take the beginning of a paste for a key of
//! its own, and part of the text with it. What its composer shows of a long text is its end, so the event channel alone tells.

use super::{Turn, uncertain};
use crate::pilot::id::{AgentId, MessageId};

/// Two texts that have fewer letters than this in common, from both ends, are two texts.
const ALIKE: usize = 24;
/// How much is told of the place where they part, in letters.
const TOLD: usize = 16;

/// The event channel reported a prompt, here without its blanks, that no message is whole in. One that was typed and is mostly the
/// same is in doubt: its agent has it, and in what form nobody can say but a person.
pub(super) fn reported(turn: &mut Turn<'_>, id: &AgentId, prompt: &str, typed: &[(MessageId, String)]) {
    let parted = typed.iter().find_map(|(message, text)| Some((*message, parts(text, prompt)?)));
    let Some((message, place)) = parted else { return };
    let why = format!("its event channel reported it otherwise than it was sent: {place}");
    let what = format!("{message} was taken in otherwise than it was sent ({place}): look at what it says");
    uncertain(turn, id, message, why, what);
}

/// Where two texts part that are one for the most; `None`: they are two, or too short to tell.
fn parts(sent: &str, taken: &str) -> Option<String> {
    let (sent, taken): (Vec<char>, Vec<char>) = (sent.chars().collect(), taken.chars().collect());
    let (shorter, longer) = (sent.len().min(taken.len()), sent.len().max(taken.len()));
    let head = sent.iter().zip(&taken).take_while(|(one, other)| one == other).count();
    let tails = sent.iter().rev().zip(taken.iter().rev()).take(shorter - head);
    let same = head + tails.take_while(|(one, other)| one == other).count();
    let part = |text: &[char]| -> String { text[head..].iter().take(TOLD).collect() };
    let words = || format!("from letter {} on {:?} where it has {:?}", head + 1, part(&taken), part(&sent));
    (same >= ALIKE && same * 2 >= longer).then(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_are_one_where_most_of_them_is_the_same() {
        let sent = "read the plan and then fix the test that fails".replace(' ', "");
        let told = |taken: &str| parts(&sent, &taken.replace(' ', ""));
        let expected = "from letter 12 on \"0~andthenfixthet\" where it has \"andthenfixthetes\"";
        assert_eq!(told("read the plan 0~and then fix the test that fails").as_deref(), Some(expected));
        assert!(told("read the plan and then fix the").is_some(), "its end is missing");
        assert!(told("plan and then fix the test that fails").is_some(), "its beginning is missing");
        assert_eq!(told("read the plan and write another text of that length"), None);
        assert_eq!(told("something else"), None);
        assert_eq!(parts("goon", "goup"), None, "too short");
        assert_eq!(parts("", ""), None);
    }
}
