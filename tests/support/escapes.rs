//! The escape corpus: texts that act on a terminal when somebody prints them as they are (fault U3).

/// Each with a plain word around it, so that one can see that it was shown.
pub(crate) const ESCAPES: &[&str] = &[
    "plain",
    // colours, cursor, erasing, the other screen, a reset
    "red\u{1b}[31mred",
    "home\u{1b}[Hhome",
    "wipe\u{1b}[2Jwipe",
    "other\u{1b}[?1049hother",
    "mouse\u{1b}[?1000h\u{1b}[?1006hmouse",
    "paste\u{1b}[?2004hpaste",
    "hidden\u{1b}[?25lhidden",
    "reset\u{1b}creset",
    "margins\u{1b}[2;5rmargins",
    "letters\u{1b}(0letters\u{0e}qqq\u{0f}",
    // questions whose answer would be typed
    "where\u{1b}[6nwhere",
    "who\u{1b}[cwho\u{1b}[>c\u{1b}[=c",
    "what\u{1b}[21twhat",
    // titles, links, clipboards, notifications, colours of the terminal itself
    "title\u{1b}]0;owned\u{7}title",
    "title\u{1b}]2;owned\u{1b}\\title",
    "link\u{1b}]8;;http://example.invalid\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "clip\u{1b}]52;c;b3duZWQ=\u{7}clip",
    "clip\u{1b}]52;c;?\u{7}clip",
    "note\u{1b}]9;owned\u{7}note\u{1b}]777;notify;owned;owned\u{7}",
    "colour\u{1b}]11;#ff0000\u{7}colour\u{1b}]4;1;?\u{7}",
    // device control, application commands, privacy messages, tmux's passthrough
    "dcs\u{1b}P$q\"p\u{1b}\\dcs\u{1b}P+q544e\u{1b}\\",
    "sixel\u{1b}Pq#0;2;0;0;0~~\u{1b}\\sixel",
    "apc\u{1b}_Gi=1,a=T;AAAA\u{1b}\\apc",
    "pm\u{1b}^owned\u{1b}\\pm\u{1b}Xowned\u{1b}\\",
    "through\u{1b}Ptmux;\u{1b}\u{1b}]0;owned\u{7}\u{1b}\\through",
    "screen\u{1b}kowned\u{1b}\\screen",
    // one that never ends
    "open\u{1b}]0;owned",
    "open\u{1b}",
    "open\u{1b}[",
    "open\u{1b}P",
    // C1 as characters: NEL, IND, RI, CSI, OSC, DCS, ST
    "c1\u{9b}31mc1\u{9b}?1049h",
    "c1\u{9d}0;owned\u{9c}c1",
    "c1\u{90}q\u{9c}c1\u{85}\u{84}\u{8d}\u{8f}\u{8e}",
    // C0
    "bell\u{7}bell\u{8}\u{8}\u{8}back\rfirst\u{b}down\u{c}page\u{0}nul\u{7f}del\u{5}enq\u{1a}sub",
    "line\nbreak\r\nand\ttab",
    // direction of writing
    "bidi\u{202e}idib\u{202c}\u{202a}\u{202b}\u{202d}",
    "bidi\u{2066}a\u{2067}b\u{2068}c\u{2069}\u{200e}\u{200f}\u{61c}",
    // what takes no column, what takes two, what is many
    "joined\u{200d}\u{200d}\u{feff}\u{200b}\u{2060}👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "lines\u{2028}and\u{2029}paragraphs",
    "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
    "🚀🚀🚀🏳\u{fe0f}\u{200d}🌈🇩🇪🇩",
    "tags\u{e0001}\u{e0041}\u{e007f}tags",
    "private\u{e000}\u{f8ff}\u{fffd}\u{10fffd}",
    "عربى עברית",
];

/// A letter under more marks than any language has.
pub(crate) fn flood() -> String {
    format!("z{}z", "\u{301}\u{302}\u{303}".repeat(400))
}
