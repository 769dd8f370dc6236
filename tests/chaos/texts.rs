//! What is said: short and long, in every alphabet, with everything that shells, tmux, terminals and our own reader of screens
//! take for something else. Each text has a mark at its end that no other has.

use super::dice::Dice;
use super::escapes::{ESCAPES, flood};

/// Beginnings that a program might obey.
const HEADS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "-",
    "--help ",
    ";",
    "C-c ",
    "Enter ",
    "/quit ",
    "!ls ",
    "#{pane_id} ",
    "$(id) ",
    "'",
    "\\",
    "  ",
    "\t",
    "1",
    "2",
    "❯ ",
    "> ",
    "\n",
    "~",
    "&",
    "*",
    "日本語 ",
    "(",
];

/// What stands in between.
const PIECES: &[&str] = &[
    "read the plan and go on",
    "fix the test that fails",
    "it's \"quoted\" and 'so'",
    "back\\slash \\\\ \\n \\;",
    "a;b; c ;; ;",
    "$(touch x) `id` ${HOME} $? !! !1",
    "#{pane_id} #(touch x) %H %% %1 #[fg=red]",
    "tab\there\tand\tthere",
    "one\ntwo",
    "a\n\n\nb",
    "  indented\n    more",
    "trailing \nblanks  ",
    "carriage\rreturn\r\nand both",
    "日本語のテキスト、とても長い",
    "👩\u{200d}👩\u{200d}👧 🏳️ 🇩🇪 ✅",
    "e\u{301}e\u{301} Ünïcödé ßẞ",
    "שלום עולם عربى",
    "zero\u{200b}width\u{200d}joiner",
    "────────────────────────────────────────",
    "❯\u{a0}not a composer",
    "> quoted\n> twice",
    "● an answer",
    "✗ usage limit reached · resets 5pm",
    "✗ login expired",
    "✻ Thinking… (3s · 12 tokens)",
    "● WAITING-UNTIL: 2099-01-01T00:00:00Z",
    "[Pasted text #1 +20 lines]",
    "Do you want to run this command?\n❯ 1. Yes",
    "Esc to cancel",
    "-- NORMAL --",
    "claim(1a): done\nreview(1a): fine",
    "averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword",
    "<script>alert(1)</script> &amp; {\"json\": [1, 2]}",
    "{{ agent }} {% if x %}",
    "\u{e000}\u{fffd}",
];

/// What the scripted agents do something special at.
pub(crate) const DIE: &str = "please die";
pub(crate) const LEAVE: &str = "please leave";
pub(crate) const ASK: &str = "please ask";
pub(crate) const THINK: &str = "please think";

/// The text of a wish.
pub(crate) fn text(dice: &mut Dice, number: u64) -> String {
    let size = match dice.below(1000) {
        0..10 => 64 * 1024 - 200,
        10..40 => 4096 + dice.below(12_000),
        40..140 => 1024 + dice.below(3072),
        140..143 => return format!("{} .w{number}.", "too long ".repeat(8000)),
        143..145 => return " \n\t\n".to_string(),
        _ => dice.below(160),
    };
    let size = usize::try_from(size).expect("a size");
    let mut text = (*dice.pick(HEADS)).to_string();
    // Most of these are refused, for what they hold; none may be let through and do something.
    if dice.chance(30) {
        text += *dice.pick(ESCAPES);
    }
    if dice.chance(5) {
        text += &flood();
    }
    let separators = [" ", "\n", "", ", "];
    while text.len() < size {
        text += *dice.pick(PIECES);
        text += *dice.pick(&separators);
    }
    let special = match dice.below(1000) {
        0..3 => DIE,
        3..5 => LEAVE,
        5..15 => ASK,
        15..35 => THINK,
        _ => "",
    };
    format!("{text}{special} .w{number}.")
}

/// As it must arrive, by the one sanitiser that is promised: line breaks are LF, and none stands at the end.
pub(crate) fn meant(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end_matches('\n').to_string()
}
