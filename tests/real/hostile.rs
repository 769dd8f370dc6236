//! How the tests of what is written to a terminal tell what acts on it.

use super::terminal::acting;

#[test]
fn what_acts_is_told_from_what_only_draws() {
    assert_eq!(acting("\u{1b}[1;31mred\u{1b}[2;3H\u{1b}[?1049h\r\ntext"), Vec::<String>::new());
    for bad in ["\u{1b}]0;owned\u{7}", "\u{1b}c", "\u{9b}31m", "\u{7}", "a\u{202e}b", "\u{1b}[6n", "\u{1b}P+q\u{1b}\\"]
    {
        assert!(!acting(bad).is_empty(), "{bad:?}");
    }
}
