//! What a tmux control client says: the same in whatever pieces it comes, and nothing that a pane shows ends its block or is
//! taken for a word of tmux.

use flightdeck::edge::tmux::parser::{Block, Parser, Said};

use super::{Target, about, check, lines, outcome};
use crate::corpus::recorded;

pub(super) const TARGET: Target = Target { name: "control", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "%begin 5 6 1\n",
    "%begin 1795227811 272 0\n",
    "%end 5 6 1\n",
    "%error 5 6 1\n",
    "%end 1795227811 272 0\n",
    "%exit\n",
    "%exit server exited\n",
    "%session-changed $0 x\n",
    "%output %1 \\033[31m\n",
    "%begin 5 6\n",
    "%begin  5 6 1\n",
    "%end 5 6 1",
    "%",
    "% \n",
    "\r\n",
    "%begin 7 8 1\n",
    "%end 7 8 1\n",
];

/// Longest line and largest block that are kept whole, as the parser has them, with a newline.
const LINE: usize = 64 * 1024;
const BLOCK: usize = 8 * 1024 * 1024;

fn seeds() -> Vec<Vec<u8>> {
    let said = lines(&[
        "%begin 1795227811 272 0\n%end 1795227811 272 0\n%session-changed $0 _flightdeck\n%begin 1795227811 277 1\n\
         $1 %1 17710\n%end 1795227811 277 1\n%begin 1795227811 281 1\nduplicate session: builder\n\
         %error 1795227811 281 1\n%unlinked-window-add @1\n%sessions-changed\n%exit server exited unexpectedly\n",
        "%begin 5 6 1\n%end 1 2 3\n%exit\n%begin 9 9 1\n%error 5 6 0\n%end 5 6 1\n",
        "%exit\n",
        "lost %begin 1 2 1\n%begin 1 2 1\nx",
    ]);
    let screens = recorded("screens").into_iter().step_by(12);
    let shown = screens.map(|screen| [b"%begin 5 6 1\n", &screen[..], b"\n%end 5 6 1\n"].concat());
    said.into_iter().chain(shown).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let whole = pieces(input, input.len().max(1));
    for size in [1, 7, 4096] {
        // A few bytes at a time of a long input show nothing that a short one doesn't.
        if size > 7 || input.len() < 10_000 {
            check(pieces(input, size) == whole, || format!("in pieces of {size} it says something else"))?;
        }
    }
    check(whole.iter().all(bounded), || "a block or a line without a bound".to_string())?;
    shown(input)?;
    let kinds: String = whole.iter().take(12).map(kind).collect();
    Ok(outcome(&format!("{kinds} {}", "x".repeat(usize::try_from(about(whole.len())).unwrap_or(0)))))
}

/// The same bytes as what a pane shows: one block with all of them, and the next word is heard.
fn shown(input: &[u8]) -> Result<(), String> {
    let closing: [&[u8]; 2] = [b"%end 7 8 1", b"%error 7 8 1"];
    if input.split(|byte| *byte == b'\n').any(|line| closing.contains(&line)) {
        return Ok(());
    }
    let mut body = input.to_vec();
    if !body.is_empty() {
        body.push(b'\n');
    }
    let bytes = [b"%begin 7 8 1\n", &body[..], b"%end 7 8 1\n%sessions-changed\n"].concat();
    let said = pieces(&bytes, 1000);
    let [Said::Block(block), Said::Note { name, .. }] = &said[..] else {
        return Err(format!("out of step: {:?}", said.iter().map(kind).collect::<String>()));
    };
    let long = input.split(|byte| *byte == b'\n').any(|line| line.len() > LINE) || body.len() > BLOCK;
    check(block.cut == long && (long || block.body == body), || "another body than was shown".to_string())?;
    check(block.ok && block.ours && name == "sessions-changed", || "out of step behind the block".to_string())
}

fn pieces(bytes: &[u8], size: usize) -> Vec<Said> {
    let mut parser = Parser::default();
    let mut said = Vec::new();
    for piece in bytes.chunks(size) {
        parser.push(piece, |one| said.push(one));
    }
    said
}

fn bounded(said: &Said) -> bool {
    match said {
        Said::Block(Block { body, .. }) => body.len() <= BLOCK,
        // A byte that is no text takes three.
        Said::Note { name, rest } => name.len() + rest.len() <= 3 * LINE,
        Said::Exit(why) => why.as_ref().is_none_or(|why| why.len() <= 3 * LINE),
    }
}

fn kind(said: &Said) -> char {
    match said {
        Said::Block(block) if block.ok && block.ours => 'b',
        Said::Block(block) if block.ok => 'h',
        Said::Block(_) => 'e',
        Said::Note { .. } => 'n',
        Said::Exit(None) => 'x',
        Said::Exit(Some(_)) => 'w',
    }
}
