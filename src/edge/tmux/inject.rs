//! Text and keys into a pane. Each act is guarded inside the server: a dead pane, a pane in a mode, with its input off
//! or synchronised with others is refused, and the answer says which.
//!
//! Does not sanitise the text, wait for an echo or press keys after a paste: that is delivery's work.

use super::client::{TmuxClient, TmuxError};
use super::parser::Block;
use super::screen::odd;
use super::verb;
use crate::pilot::effect::Refusal;

/// Bytes of text in one `set-buffer`; four times as many on the line. tmux reads a line whole before it answers anybody.
const PIECE: usize = 16 * 1024;

/// What came of an act on a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Injected {
    /// tmux gave it to the pane; whether the program took it is another question.
    Done,
    /// It was positively not done.
    Refused(Refusal),
}

/// Pastes `text` through a buffer of the name `buffer` (ours, unique), bracketed where the program asked for it.
pub async fn paste(client: &TmuxClient, pane: &str, buffer: &str, text: &str) -> Result<Injected, TmuxError> {
    paste_all(client, pane, buffer, &[text]).await
}

/// Pastes several texts, each as a paste of its own, all of them in one step of the server: neither our own end nor a
/// person's copy mode comes between two of them and leaves half a message in a composer.
pub async fn paste_all(client: &TmuxClient, pane: &str, buffer: &str, texts: &[&str]) -> Result<Injected, TmuxError> {
    let (mut lines, mut pastes, mut buffers) = (Vec::new(), Vec::new(), Vec::new());
    for (number, text) in texts.iter().enumerate() {
        let name = format!("{buffer}-{number}");
        for (at, piece) in pieces(text).enumerate() {
            let fill = if at == 0 { verb::set_buffer } else { verb::extend_buffer };
            lines.push(fill(&name, piece)?);
        }
        pastes.push(verb::paste(pane, &name)?);
        buffers.push(name);
    }
    let filled = lines.len();
    lines.push(verb::guarded(pane, &verb::sequence(&pastes))?);
    let blocks = client.run(lines).await?;
    let failed = blocks.iter().take(filled).find(|block| !block.ok);
    let injected = match failed {
        Some(failed) => Err(TmuxError::Refused(failed.word().to_string())),
        None => outcome(&blocks),
    };
    if !matches!(injected, Ok(Injected::Done)) {
        // The paste would have dropped the buffers; a person's own paste key must not find our text. Where even this
        // fails there is no server to keep them.
        let dropped: Result<Vec<String>, _> = buffers.iter().map(|name| verb::delete_buffer(name)).collect();
        let _ = client.run(dropped?).await;
    }
    injected
}

/// Presses one key, named as tmux names it.
pub async fn press_key(client: &TmuxClient, pane: &str, key: &str) -> Result<Injected, TmuxError> {
    let blocks = client.run(vec![verb::guarded(pane, &verb::press(pane, key)?)?]).await?;
    outcome(&blocks)
}

/// The same where the cursor stands as in our picture; else [`Refusal::Moved`].
pub async fn press_key_at(
    client: &TmuxClient,
    pane: &str,
    cursor: (u16, u16),
    key: &str,
) -> Result<Injected, TmuxError> {
    let blocks = client.run(vec![verb::guarded_at(pane, cursor, &verb::press(pane, key)?)?]).await?;
    outcome(&blocks)
}

/// Leaves copy mode and the like, where a person forgot it.
pub async fn leave_mode(client: &TmuxClient, pane: &str) -> Result<(), TmuxError> {
    client.ask(verb::leave_mode(pane)?).await.map(drop)
}

fn outcome(blocks: &[Block]) -> Result<Injected, TmuxError> {
    for block in blocks.iter().rev() {
        match (block.ok, block.word()) {
            (true, verb::ACTED) => return Ok(Injected::Done),
            (true, word) => {
                if let Some(states) = word.strip_prefix(verb::REFUSED) {
                    return Ok(Injected::Refused(refusal(states)));
                }
            }
            (false, word) if word.starts_with("can't find") => return Ok(Injected::Refused(Refusal::PaneMissing)),
            (false, word) => return Err(TmuxError::Refused(word.to_string())),
        }
    }
    Err(odd(blocks))
}

/// Reads `,%n,dead,mode,off,synchronized,moved`. A pane that became fit between the guard and its answer is not possible: both
/// are one step of the server.
fn refusal(states: &str) -> Refusal {
    let fields: Vec<&str> = states.split(',').skip(1).collect();
    match fields[..] {
        [_, "1", ..] => Refusal::PaneDead,
        [_, _, "1", ..] => Refusal::InMode,
        [_, _, _, "1", ..] => Refusal::InputOff,
        [_, _, _, _, "1", ..] => Refusal::Synchronized,
        [pane, _, _, _, _, "1"] if !pane.is_empty() => Refusal::Moved,
        _ => Refusal::PaneMissing,
    }
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_pane_has_its_refusal() {
        assert_eq!(refusal(",%1,1,0,0,0,1"), Refusal::PaneDead);
        assert_eq!(refusal(",%1,0,1,0,0,1"), Refusal::InMode);
        assert_eq!(refusal(",%1,0,0,1,0,0"), Refusal::InputOff);
        assert_eq!(refusal(",%1,0,0,0,1,0"), Refusal::Synchronized);
        assert_eq!(refusal(",%1,0,0,0,0,1"), Refusal::Moved);
        assert_eq!(refusal(",,,,,,1"), Refusal::PaneMissing);
    }

    #[test]
    fn pieces_cut_no_character_and_lose_none() {
        let text = "é".repeat(PIECE);
        let all: Vec<&str> = pieces(&text).collect();
        assert_eq!((all.concat() == text, all.len()), (true, 2));
        assert_eq!(pieces("").count(), 0);
    }
}
