//! What may be done with a screen: typing into it, finding a text again, telling movement from progress.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flightdeck::config::backend::{RawBackend, built_in, compile};
use flightdeck::config::model::{Backend, ScreenSays};
use flightdeck::pilot::effect::Refusal;
use flightdeck::pilot::fact::{PaneMode, Screen};
use flightdeck::pilot::reading::{
    Known, Says, calm, composer_holds, composer_lacks, echoes, last_line_of_sense, may_type, read, read_on,
};
use proptest::prelude::*;

static KINDS: LazyLock<BTreeMap<String, Backend>> = LazyLock::new(built_in);

fn backend(name: &str) -> &'static Backend {
    KINDS.get(name).expect("it is built in")
}

fn screen(text: &str) -> Screen {
    Screen { lines: text.lines().map(str::to_string).collect(), ..Screen::default() }
}

fn captured(name: &str) -> Screen {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/screens/{name}.txt"));
    screen(&std::fs::read_to_string(path).expect("the screen is there"))
}

/// A demo agent's screen: what stands above the composer, what in it.
fn demo(above: &str, composer: &str) -> Screen {
    let rule = "─".repeat(60);
    let composer = composer.replace('\n', "\n  ");
    screen(&format!("{above}\n\n{rule}\n❯\u{a0}{composer}\n{rule}\n  ? for shortcuts · 12 tokens"))
}

#[test]
fn a_composer_has_few_lines_below_it() {
    let below = |count: usize| {
        let screen = demo("● done", "one\ntwo");
        let footer = (1..count).map(|number| format!("  footer {number}"));
        Screen { lines: screen.lines.iter().cloned().chain(footer).collect(), ..screen }
    };
    let text = |count| read(backend("demo"), &below(count)).composer.map(|composer| composer.text);
    assert_eq!(text(12).as_deref(), Some("one\ntwo"));
    assert_eq!(text(13), None, "old text above a dialog");
}

#[test]
fn what_a_killed_program_leaves_is_no_composer() {
    let dead = PaneMode { dead: true, ..PaneMode::default() };
    let idle = read(backend("demo"), &Screen { mode: dead, ..demo("● done", "half a thought") });
    assert_eq!((idle.says, idle.evidence.as_str()), (Says::Clear(ScreenSays::Exited), "the pane is dead"));
    assert_eq!(idle.composer, None);
    let failed = read(backend("demo"), &Screen { mode: dead, ..demo("✗ login expired · run /login", "") });
    assert_eq!((failed.says, failed.composer), (Says::Clear(ScreenSays::AuthFailed), None), "its last words count");
}

/// The same screen as a narrower terminal shows it: words wrapped, further lines indented, rules cut.
fn narrowed(screen: &Screen, width: usize) -> Screen {
    let mut lines = Vec::new();
    for line in &screen.lines {
        if line.starts_with('─') {
            lines.push(line.chars().take(width).collect());
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let mut part = " ".repeat(indent.min(width / 2));
        for (at, word) in line.trim_start_matches(' ').split(' ').enumerate() {
            if at > 0 && part.chars().count() + 1 + word.chars().count() > width - 2 {
                lines.push(std::mem::replace(&mut part, " ".repeat(indent.max(2).min(width / 2))));
            } else if at > 0 {
                part.push(' ');
            }
            part.push_str(word);
            while part.chars().count() > width {
                let rest: String = part.chars().skip(width).collect();
                lines.push(part.chars().take(width).collect());
                part = format!("  {rest}");
            }
        }
        lines.push(part);
    }
    Screen { lines, ..screen.clone() }
}

#[test]
fn nothing_is_typed_where_it_would_go_wrong() {
    let demo_backend = backend("demo");
    let idle = demo("● ok", "");
    assert_eq!(may_type(demo_backend, &idle), Ok(()));
    let table = [
        (PaneMode { dead: true, in_mode: true, ..PaneMode::default() }, Refusal::PaneDead),
        (PaneMode { in_mode: true, ..PaneMode::default() }, Refusal::InMode),
        (PaneMode { input_off: true, ..PaneMode::default() }, Refusal::InputOff),
        (PaneMode { synchronized: true, ..PaneMode::default() }, Refusal::Synchronized),
    ];
    for (mode, why) in table {
        assert_eq!(may_type(demo_backend, &Screen { mode, ..idle.clone() }), Err(why));
    }
    let names = [
        ("demo/draft", Refusal::Draft),
        ("demo/pasted", Refusal::Draft),
        ("demo/vim", Refusal::NoComposer),
        ("demo/permission", Refusal::NoComposer),
        ("demo/trust", Refusal::NoComposer),
        ("demo/empty", Refusal::NoComposer),
        ("demo/busy", Refusal::Busy),
        ("demo/overloaded", Refusal::Busy),
        ("claude-2.1.329/permission-prompt-bash", Refusal::NoComposer),
        ("claude-2.1.329/lead-bang-typed", Refusal::NoComposer),
        ("claude-2.1.329/lead-type-slash-partial", Refusal::Draft),
        ("claude-2.1.329/rewind-dialog", Refusal::NoComposer),
        ("claude-2.1.329/queued-while-busy", Refusal::Busy),
        ("opencode/permission-prompt", Refusal::NoComposer),
        ("opencode/typed-unsent", Refusal::Draft),
        ("codex/permission-prompt", Refusal::NoComposer),
        ("codex/busy-typed", Refusal::Draft),
    ];
    for (name, why) in names {
        let kind = backend(name.split(['-', '/']).next().expect("a first part"));
        assert_eq!(may_type(kind, &captured(name)), Err(why), "{name}");
    }
}

#[test]
fn a_hint_in_grey_is_no_draft() {
    for name in ["err-auth", "err-drop", "err-toolpair400", "err-toolong"] {
        let may = may_type(backend("claude"), &captured(&format!("claude-2.1.329/{name}")));
        assert_eq!(may, Ok(()), "{name}");
    }
    assert_eq!(may_type(backend("codex"), &captured("codex/after-answer-idle")), Ok(()));
    assert_eq!(may_type(backend("opencode"), &captured("opencode/fresh")), Ok(()));
}

#[test]
fn a_text_is_found_again_in_the_composer() {
    let kind = backend("demo");
    let long = "Read the plan of this phase and build it, one step after the other, until all of it is done.";
    assert!(composer_holds(kind, &demo("", "go on"), "go on"));
    assert!(composer_holds(kind, &demo("", "two\nlines"), "two\nlines"));
    assert!(composer_holds(kind, &demo("", &long.replace("plan of ", "plan\nof ")), long), "wrapped");
    assert!(composer_holds(kind, &demo("", &long[40..]), long), "its end, the beginning has scrolled away");
    assert!(composer_holds(kind, &demo("", "[Pasted text #1 +20 lines]"), &"line\n".repeat(21)));
    assert!(composer_holds(kind, &demo("", "first [Pasted text #2 +9 lines] last"), "first\na\nb\nlast"));
}

#[test]
fn a_text_of_which_the_terminal_drops_marks_is_found_again() {
    let kind = backend("demo");
    // A cell of tmux holds a letter and some of its marks; between signs that are joined a row may end.
    let marks = format!("a z{} b", "\u{301}\u{302}\u{303}".repeat(400));
    assert!(composer_holds(kind, &demo("", "a z\u{301}\u{302}\u{303} b"), &marks));
    let family = "go on 👩\u{200d}👩\u{200d}👧 and on";
    assert!(composer_holds(kind, &demo("", "go on 👩\u{200d}👩\u{200d}\n  👧 and on"), family));
    assert!(composer_holds(kind, &demo("", "go on 👩\u{200d} and on"), family));
    assert!(
        composer_holds(kind, &demo("", "go on 👩\n  👩\u{200d}👧 and on"), family),
        "the row's end took the joiner"
    );
    assert!(composer_holds(kind, &demo("", "👍"), "👍"), "nothing else");
    assert!(!composer_holds(kind, &demo("", "👍"), "👎"));
    assert!(!composer_holds(kind, &demo("", "a y\u{301} b"), &marks));
}

#[test]
fn a_composer_lacks_a_text_only_where_no_part_of_it_can_be_there() {
    let kind = backend("demo");
    let text = "Read the plan of this phase and build it";
    for stands in ["", "words of somebody", "Read on"] {
        assert!(composer_lacks(kind, &demo("", stands), text), "{stands}");
    }
    for stands in
        [text, "words of somebodyRead the plan of this phase", "of this phase and bu", "[Pasted text #1 +3 lines]"]
    {
        assert!(!composer_lacks(kind, &demo("", stands), text), "{stands}");
    }
    assert!(!composer_lacks(kind, &demo("", "words"), "👍"), "signs alone can't be told");
    assert!(!composer_lacks(kind, &demo("", "👍"), text), "nor where they stand");
    assert!(!composer_lacks(kind, &captured("demo/permission"), text), "no composer is there");
}

#[test]
fn a_text_is_echoed_where_it_was_the_users_last_word() {
    let text = "[mine]\nlaunch = ['mine']\nuser_line = '^>\\S'\n[mine.composer]\nopen = '^mine> ?(?P<text>.*)$'\n";
    let mut raw: BTreeMap<String, RawBackend> = toml::from_str(text).expect("it is TOML");
    let tight = &compile("mine", raw.remove("mine").expect("it is there")).expect("it compiles");
    let echoed = screen(">go on\nso I go\nmine>");
    assert!(echoes(tight, &echoed, "go on"));
    assert!(!echoes(tight, &echoed, "on"));
    let kind = backend("demo");
    assert!(echoes(kind, &demo("> go on\n\n● so I go", ""), "go on"));
    assert!(!echoes(kind, &demo("> go on\n\n● so I go\n\n> stop\n", ""), "go on"), "its last word is another");
    for nothing in ["", " ", "\u{200d}"] {
        assert!(!echoes(kind, &demo("> go on\n", ""), nothing), "{nothing:?}");
    }
}

#[test]
fn a_list_is_not_put_together_with_the_line_above_it() {
    let kind = backend("demo");
    let above = "● What is left to be done for this phase and who is to do it:";
    for item in
        ["- the review of the adversary's", "* the review of the adversary's", "2. the review of the adversary's"]
    {
        let shown = Screen { columns: 64, ..demo(&format!("> go on\n\n{above}\n{item}"), "") };
        assert_eq!(read(kind, &shown).final_line.as_deref(), Some(item));
    }
    let shown = Screen { columns: 64, ..demo(&format!("> go on\n\n{above}\nthe adversary's"), "") };
    assert_eq!(read(kind, &shown).final_line, Some(format!("{} the adversary's", &above["● ".len()..])));
}

#[test]
fn another_text_is_not_taken_for_ours() {
    let kind = backend("demo");
    let long = "Read the plan of this phase and build it, one step after the other, until all of it is done.";
    assert!(!composer_holds(kind, &demo("", ""), "go on"));
    assert!(!composer_holds(kind, &demo("", "go on"), ""));
    assert!(!composer_holds(kind, &demo("", "do not go on"), "go on"), "merged with a draft");
    assert!(!composer_holds(kind, &demo("", "go on, then stop"), "go on"));
    assert!(!composer_holds(kind, &demo("", &format!("draft {long}")), long), "merged with a draft");
    assert!(!composer_holds(kind, &demo("", &long[..40]), long), "only its beginning");
    assert!(!composer_holds(kind, &demo("", "is done."), long), "too little of its end");
    assert!(!composer_holds(kind, &demo("", "[Pasted text #1 +20 lines]"), "go on"), "short texts never collapse");
    assert!(!composer_holds(kind, &demo("", "mine [Pasted text #1 +20 lines]"), &"line\n".repeat(21)));
    assert!(!composer_holds(kind, &demo("> go on", ""), "go on"), "echoed, so submitted");
    assert!(!composer_holds(kind, &captured("demo/permission"), "go on"));
}

#[test]
fn a_box_scrolled_past_its_first_line_is_still_the_composer() {
    let rule = "─".repeat(60);
    let text = format!(
        "● ok\n\n─── ↑ 12 more {}\n  the end of a very long text that\n  was pasted\n{rule}\n  ok",
        "─".repeat(46)
    );
    let ours = "It began long before; this is the end of a very long text that was pasted";
    for name in ["claude", "demo"] {
        assert_eq!(may_type(backend(name), &screen(&text)), Err(Refusal::Draft), "{name}");
        assert!(composer_holds(backend(name), &screen(&text), ours), "{name}");
    }
}

#[test]
fn a_spinner_a_clock_and_a_draft_are_no_progress() {
    let kind = backend("demo");
    let at = |spinner: &str| calm(kind, &demo(&format!("● ok\n\n{spinner}"), ""));
    assert_eq!(at("✳ Thinking… (3s · 12 tokens)"), at("✻ Thinking… (1m 4s · 1.2k tokens)"));
    assert_eq!(calm(kind, &demo("● ok", "")), calm(kind, &demo("● ok", "a draft")));
    assert_ne!(calm(kind, &demo("● ok", "")), calm(kind, &demo("● ok\n● and more", "")));
    let claude = backend("claude");
    let running = |seconds: u32| {
        let mut screen = captured("claude-2.1.329/busy-tool-running");
        for line in &mut screen.lines {
            *line = line.replace("13s", &format!("{seconds}s")).replace("14s", &format!("{}s", seconds + 1));
            *line = line.replace('✶', "✢").replace("↓ 5 tokens", "↓ 5.1k tokens");
        }
        calm(claude, &screen)
    };
    assert_eq!(running(13), running(59));
    assert_eq!(running(13), calm(claude, &captured("claude-2.1.329/busy-tool-running")));
}

#[test]
fn forty_columns_say_the_same_as_two_hundred() {
    let names = ["claude-2.1.329", "demo"];
    let mut wrong = String::new();
    for kind_name in names {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(kind_name);
        let kind = backend(kind_name.split('-').next().expect("a first part"));
        for file in std::fs::read_dir(folder).expect("the folder is there") {
            let name = file.expect("it is readable").path().file_stem().expect("a name").to_string_lossy().into_owned();
            let wide = captured(&format!("{kind_name}/{name}"));
            for width in [40, 60, 200] {
                let (was, is) = (read(kind, &wide), read(kind, &narrowed(&wide, width)));
                // The captured ones were wrapped once already, and wrapping that again is what no program does.
                let lines = kind_name != "demo" || was.final_line == is.final_line;
                let same = was.says == is.says && was.until_text == is.until_text && lines;
                if !same {
                    wrong += &format!("{kind_name}/{name} at {width}:\n  {was:?}\n  {is:?}\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_marker_cut_anywhere_by_a_narrow_terminal_is_whole_again() {
    let marker = "● WAITING-UNTIL: 2026-11-21T05:00:00Z";
    for width in 20..50 {
        let mut rows = Vec::new();
        let mut rest: Vec<char> = marker.chars().collect();
        while rest.len() > width {
            rows.push(rest[..width].iter().collect::<String>().trim_end().to_string());
            rest = "  ".chars().chain(rest[width..].iter().copied()).collect();
        }
        rows.push(rest.into_iter().collect());
        let rule = "─".repeat(width);
        let text = format!("> go\n{}\n{rule}\n❯\u{a0}\n{rule}\n  ?", rows.join("\n"));
        let reading = read(backend("demo"), &screen(&text));
        assert_eq!(reading.final_line.as_deref(), Some("WAITING-UNTIL: 2026-11-21T05:00:00Z"), "{width}:\n{text}");
    }
}

#[test]
fn a_marker_is_never_glued_to_the_line_above_it() {
    let kind = backend("demo");
    let full = "● I have pushed the claim and wait for the verdict of other";
    let above = format!("> go\n\n{full}\n  WAITING-UNTIL: 2026-11-21T05:00:00Z");
    assert_eq!(read(kind, &demo(&above, "")).final_line.as_deref(), Some("WAITING-UNTIL: 2026-11-21T05:00:00Z"));
}

#[test]
fn the_question_of_a_dialog_is_not_glued_to_the_line_below_it() {
    let dialog = "Do you want to run this command?\n   rm -rf target\n❯ 1. Yes\n  2. No\nEsc to cancel";
    let kind = backend("demo");
    let evidence = |columns| read(kind, &Screen { columns, ..screen(dialog) }).evidence;
    // The pane has room for more: the line was not broken.
    assert_eq!(evidence(80), "Do you want to run this command?");
    // It has no room, or nobody knows: the line goes on, in a word of its own.
    assert_eq!(evidence(32), "Do you want to run this command? rm -rf target");
    assert_eq!(evidence(0), "Do you want to run this command? rm -rf target");
}

#[test]
fn a_separator_within_an_answer_does_not_tell_how_wide_the_screen_is() {
    let dialog = "Do you want to run this command?\n────────\n   rm -rf target\n❯ 1. Yes\nEsc to cancel";
    let screen = Screen { columns: 80, ..screen(dialog) };
    assert_eq!(read(backend("demo"), &screen).evidence, "Do you want to run this command?");
}

#[test]
fn an_old_box_high_above_a_dialog_is_no_composer() {
    let kind = backend("demo");
    let mut screen = demo("● ok", "");
    screen.lines.extend((1..=12).map(|row| format!("entry {row}")));
    screen.lines.push("Esc to cancel".to_string());
    assert_eq!(may_type(kind, &screen), Err(Refusal::NoComposer));
    assert_eq!(read(kind, &screen).says, Says::Clear(ScreenSays::Dialog));
}

#[test]
fn what_an_answer_only_quotes_changes_nothing() {
    let quotes = [
        "Do you trust the files in this folder",
        "Do you want to proceed?\n  ❯ 1. Yes\n    2. No\n  Esc to cancel",
        "API Error: 400 messages.1.content.0: `thinking` or `redacted_thinking` blocks cannot be modified",
        "● API Error: 400 messages.1.content.0: `thinking` or `redacted_thinking` blocks cannot be modified",
        "Prompt is too long",
        "You've hit your 5-hour limit · resets 11:39pm (UTC)",
        "Usage limit reached · limit resets 11:39pm",
        "Invalid API key · Please run /login",
        "Resume this session with:\n  claude --resume 571de72d-5311-4c2d-9e17-8b860523ce6f",
        "✻ Waiting for API response · will retry in 3m 14s",
        "esc to interrupt",
    ];
    let claude = backend("claude");
    for quote in quotes {
        let mut screen = captured("claude-2.1.329/after-answer-idle");
        let answer = screen.lines.iter().position(|line| line.starts_with("● ")).expect("there is an answer");
        screen.lines[answer] = "● The log says:".to_string();
        screen.lines.splice(answer + 1..answer + 1, quote.lines().map(|line| format!("  {}", line.trim_start())));
        let reading = read(claude, &screen);
        assert_eq!((reading.says, reading.rule), (Says::Clear(ScreenSays::Idle), None), "{quote}");
    }
}

/// All screens captured of a program.
fn all_captured(folder: &str) -> Vec<Screen> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(folder);
    let mut files: Vec<_> =
        std::fs::read_dir(path).expect("a folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| screen(&std::fs::read_to_string(file).expect("a screen"))).collect()
}

/// A picture as programs change theirs.
fn changed(screen: &Screen, at: usize, how: u8) -> Screen {
    let mut lines = screen.lines.clone();
    let at = at % lines.len().max(1);
    match how {
        0 => lines.drain(..at).for_each(drop),
        1 if !lines.is_empty() => drop(lines.remove(at)),
        2 => lines.insert(at, format!("● line {at}")),
        3 => lines.iter_mut().skip(at).take(1).for_each(|line| line.push_str(" (3s)")),
        4 => lines.iter_mut().skip(at).take(1).for_each(|line| line.insert(0, '\u{7}')),
        5 if !lines.is_empty() => lines.swap(at, 0),
        6 => lines.truncate(at),
        _ => {}
    }
    Screen { lines, ..screen.clone() }
}

#[test]
fn what_is_known_of_a_line_is_known_of_it_for_one_program_alone() {
    let picture = demo("> go on\n\n● so I go", "half a thought");
    let of = |name| read_on(backend(name), &picture, None);
    let others: Vec<Known> = ["claude", "codex", "opencode"].map(|name| of(name).known).into();
    for known in &others {
        let on = read_on(backend("demo"), &picture, Some((&picture, known)));
        assert_eq!((on.reading, on.calm), (of("demo").reading, of("demo").calm));
    }
    assert!(others.len() == 3 && of("codex").reading != of("demo").reading, "they would read it alike anyway");
}

#[test]
fn a_dead_pane_reads_by_its_last_words_only() {
    let dead = PaneMode { dead: true, ..PaneMode::default() };
    let claude = backend("claude");
    let idle = Screen { mode: dead, ..captured("claude-2.1.329/after-answer-idle") };
    let poisoned = Screen { mode: dead, ..captured("claude-2.1.329/killed-sigkill") };
    assert_eq!(read(claude, &idle).says, Says::Clear(ScreenSays::Exited));
    assert_eq!(read(claude, &poisoned).says, Says::Clear(ScreenSays::Poisoned));
    assert_eq!(read(claude, &idle).composer, None);
}

#[test]
fn a_backend_of_ones_own_needs_only_a_composer() {
    let text = "launch = ['mine']\n[composer]\nopen = '^mine> ?(?P<text>.*)$'\n";
    let raw: RawBackend = toml::from_str(text).expect("it is TOML");
    let kind = &compile("mine", raw).expect("it compiles");
    let idle = read(kind, &screen("hello\nmine>"));
    assert_eq!(idle.says, Says::Clear(ScreenSays::Idle));
    assert_eq!(idle.final_line.as_deref(), Some("hello"));
    assert_eq!(may_type(kind, &screen("hello\nmine> draft")), Err(Refusal::Draft));
    assert_eq!(read(kind, &screen("loading")).says, Says::Unclear);
}

#[test]
fn a_line_that_only_says_that_there_is_more_is_no_line_of_sense() {
    let kind = backend("claude");
    let running = captured("claude-2.1.329/busy-tool-running");
    assert!(running.lines.iter().any(|line| line.trim() == "(ctrl+b to run in background)"));
    assert_eq!(last_line_of_sense(kind, &running), "⎿  $ sleep 20 (14s)");
    for fold in ["… +67 lines (ctrl+o to expand)", "… +1 line", "⎿  … +67 lines", "(ctrl+o to expand)"] {
        let mut folded = running.clone();
        let at = folded.lines.iter().position(|line| line.contains("(ctrl+b")).expect("it has one");
        folded.lines[at] = format!("     {fold}");
        assert_eq!(last_line_of_sense(kind, &folded), "⎿  $ sleep 20 (14s)", "{fold}");
    }
    for said in ["… +67 linesmen", "… +lots", "(ctrl is a key)", "and (ctrl+o to expand) is how"] {
        assert_eq!(last_line_of_sense(kind, &screen(said)), said);
    }
}

#[test]
fn what_leaves_is_clean_and_short() {
    let kind = backend("demo");
    let hostile = format!("✗ FATAL: \u{1b}[31mred\u{7}\u{202e} {}", "x".repeat(5000));
    let reading = read(kind, &demo(&format!("> go\n\n{hostile}"), "a\u{9b}b"));
    assert_eq!(reading.says, Says::Clear(ScreenSays::Fatal));
    assert_eq!(reading.evidence.chars().count(), 200);
    assert!(reading.evidence.starts_with("✗ FATAL: [31mred x"), "{}", reading.evidence);
    assert_eq!(reading.composer.map(|composer| composer.text).as_deref(), Some("ab"));
    assert!(!last_line_of_sense(kind, &screen("a\u{1b}]0;b\u{7}c")).contains(['\u{1b}', '\u{7}']));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_reads_the_same_whatever_stood_on_the_one_before(
        folder in prop::sample::select(vec!["claude-2.1.329", "codex", "opencode", "demo"]),
        pictures in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60, 0_u8..9, any::<bool>()), 2..12),
    ) {
        let kind = backend(folder.split('-').next().expect("a first part"));
        let captured = all_captured(folder);
        let mut before: Option<(Screen, Known)> = None;
        for (which, at, how, another) in pictures {
            let from = before.as_ref().map(|(screen, _)| screen).filter(|_| !another);
            let picture = changed(from.unwrap_or(&captured[which.index(captured.len())]), at, how);
            let on = read_on(kind, &picture, before.as_ref().map(|(screen, known)| (screen, known)));
            prop_assert_eq!(&on.reading, &read(kind, &picture));
            prop_assert_eq!(on.calm, calm(kind, &picture));
            before = Some((picture, on.known));
        }
    }

    #[test]
    fn no_screen_breaks_the_reader(
        lines in proptest::collection::vec("[ -~●✗✻❯─┃›■⎿…·\u{a0}\u{1b}日]{0,60}|❯\u{a0}[a-z]{0,9}|─{20,60}", 0..30),
        text in ".{0,80}",
    ) {
        let screen = Screen { lines, ..Screen::default() };
        for kind in KINDS.values() {
            let reading = read(kind, &screen);
            prop_assert!(reading.evidence.chars().count() <= 200);
            prop_assert!(!reading.evidence.chars().any(char::is_control));
            calm(kind, &screen);
            composer_holds(kind, &screen, &text);
            let _ = may_type(kind, &screen);
            last_line_of_sense(kind, &screen);
        }
    }
}

#[test]
fn the_title_tells_of_an_answer_that_streams_where_the_screen_is_silent() {
    let silent = captured("codex/busy-streaming");
    let titled = |title: &str| read(backend("codex"), &Screen { title: title.to_string(), ..silent.clone() });
    assert!(titled("x1").idle() && titled("").idle() && titled("Explain ⠿ Braille").idle());
    assert_eq!(titled("⠿ x1").rule.as_deref(), Some("working"));
    assert!(titled("⠿ x1").busy());
}
