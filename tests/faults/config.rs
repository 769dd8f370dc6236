//! Faults of the configuration and of what is typed at the command line.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Output, Stdio};

use flightdeck::config::Sources;
use flightdeck::edge::spawn;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use rustix::process::{Signal, kill_process};

use super::deck::{Deck, Dice, id};
use super::plan::{PROGRAM, Plan};
use super::sources::{told, workspace};
use super::support::awake::awake_ms;

const IDLE: &str = "on *: say yes\n";

#[test]
fn k6_a_broken_configuration_is_refused_with_all_its_problems_and_the_old_one_stays() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let file = deck.workspace.join("flightdeck.toml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let bad = good.replace("role = \"other\"", "role = \"othre\"").replace("idle = \"60s\"", "idle = \"0s\"");
    assert_ne!(good, bad);
    fs::write(&file, &bad).expect("a file");
    deck.tell(&Command::Reload);
    let problems = deck.saw("a refusal", |record| match record {
        Record::ConfigRefused { problems } => Some(problems.join("\n")),
        _ => None,
    });
    assert!(
        problems.contains("othre") && problems.contains("idle") && problems.contains("flightdeck.toml:"),
        "{problems}"
    );
    let message = deck.send("solo", "still there");
    deck.settled(message);

    // Another agent comes by the file and a signal; the one that is there is not touched.
    let more = good.replace("[agents.solo]", "[agents.more]\nrole = \"other\"\nprompt = \"plain\"\nbackend = \"player\"\ndir = \"clones/solo/sub\"\n\n[agents.solo]");
    assert_ne!(good, more);
    fs::create_dir(deck.workspace.join("clones/solo/sub")).expect("a folder");
    fs::write(&file, &more).expect("a file");
    kill_process(deck.engine_pid(), Signal::HUP).expect("our child");
    deck.ready("more", 1);
    fs::write(&file, &good).expect("a file");
    kill_process(deck.engine_pid(), Signal::HUP).expect("our child");
    deck.until("one agent", || (deck.status().agents.len() == 1).then_some(()));
    let unwatched = || deck.status().alerts.iter().any(|alert| alert.starts_with("more runs on, unwatched"));
    deck.until("a word of the one that was left", || unwatched().then_some(()));
    let left = deck.process("more");
    assert_eq!(flightdeck::edge::process::alive(&left), flightdeck::edge::process::Alive::Yes, "it was killed");
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 2));

    // Read anew again and again, with words on their way: each is said once, and who is back in the file is the one that was left.
    let words: Vec<String> = (0..10).map(|number| format!("word {number}")).collect();
    let messages = words.iter().enumerate().map(|(number, words)| {
        fs::write(&file, [&more, &good][number % 2]).expect("a file");
        deck.tell(&Command::Reload);
        deck.send("solo", words)
    });
    for message in messages.collect::<Vec<_>>() {
        assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    }
    fs::write(&file, &more).expect("a file");
    deck.tell(&Command::Reload);
    deck.until("two agents", || (deck.status().agents.len() == 2).then_some(()));
    deck.until("nobody unwatched", || (!unwatched()).then_some(()));
    assert_eq!(deck.submits("solo")[2..], words);
    assert_eq!((deck.starts("solo"), deck.starts("more"), deck.process("more")), (1, 1, left));
}

const DEFAULT: &str = include_str!("../../src/config/default.toml");

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A workspace that the verbs can look at; nothing runs in it.
fn quiet() -> Deck {
    Plan::new().agent("solo", IDLE).agent("other", IDLE).laid_out()
}

#[test]
fn k1_every_mistake_is_told_with_its_place_what_was_expected_and_the_nearest_name() {
    // Every key of the default file with two of its letters changed places.
    let mut misspelt = 0;
    for (at, line) in DEFAULT.lines().enumerate() {
        let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| key.len() > 4 && !key.starts_with('#'))
        else {
            continue;
        };
        let wrong = format!("{}{}{}{}", &key[..2], &key[3..4], &key[2..3], &key[4..]);
        if wrong == key {
            continue;
        }
        misspelt += 1;
        let text: Vec<String> = DEFAULT
            .lines()
            .enumerate()
            .map(|(n, line)| if n == at { format!("{wrong} = {value}") } else { line.to_string() })
            .collect();
        let problems = told(&workspace(&text.join("\n")));
        let place = format!("flightdeck.toml:{}:1: ", at + 1);
        let named = problems.iter().any(|problem| {
            problem.starts_with(&place)
                && problem.contains("unknown key")
                && problem.contains(&format!("did you mean \"{key}\"?"))
        });
        assert!(named, "{wrong}: {problems:#?}");
    }
    assert!(misspelt >= 4, "{misspelt}");
    for (lines, words) in [
        ("[stall]\nidle = 300", "found an integer, expected a duration"),
        ("[agents.two]\nrole = 'other'\nprompt = 'nothing'\nbackend = 'demo'\ndir = 'x'", "nothing"),
        ("[stall]\n[stall]", "duplicate key"),
        ("[backends.a]\nlike = 'b'\n[backends.b]\nlike = 'a'", "like"),
        ("[agents.two]\nrole = 'other'\nbackend = 'cluade'\ndir = 'x'", "cluade"),
    ] {
        let problems = told(&workspace(&format!("version = 1\n{lines}\n")));
        assert!(problems.iter().any(|problem| problem.contains(words)), "{lines}: {problems:#?}");
    }
    // Files that somebody might have saved (ten thousand more in tests/config/mistakes.rs): each is good, or refused with a place; none is a panic.
    let mut dice = Dice(0xc0f);
    let chars: Vec<char> = DEFAULT.chars().collect();
    let mut refused = 0;
    for _ in 0..200 {
        let mut text = chars.clone();
        for _ in 0..1 + dice.below(3) {
            let at = usize::try_from(dice.below(text.len() as u64)).expect("small");
            match dice.below(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(
                    at,
                    ['"', '[', '=', '\n', '\'', '\u{0}', 'x', '{'][usize::try_from(dice.below(8)).expect("small")],
                ),
                _ => text.truncate(at.max(40)),
            }
        }
        let problems = told(&workspace(&text.iter().collect::<String>()));
        refused += usize::from(!problems.is_empty());
        assert!(
            problems.iter().all(|problem| problem.split(':').count() > 2 && !problem.contains('\n')),
            "{problems:#?}"
        );
    }
    assert!(refused > 30, "{refused}");
    // At the command line it is refused with all of it, and the code is 2.
    let deck = quiet();
    let file = deck.workspace.join("flightdeck.toml");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, text.replace("start_limit", "start_limt").replace("like = \"demo\"", "like = \"dmeo\""))
        .expect("a file");
    let output = deck.verb(&["check"]);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("start_limit") && words.contains("dmeo") && words.contains("flightdeck.toml:"), "{words}");
}

#[test]
fn k2_a_file_that_is_none_is_told_in_a_line_at_once() {
    let deck = quiet();
    let file = deck.workspace.join("flightdeck.toml");
    let good = fs::read_to_string(&file).expect("a file");
    let deep = format!("version = 1\nx = {}", "[".repeat(10_000));
    let texts: [(&str, Vec<u8>, Option<i32>); 6] = [
        ("empty", Vec::new(), Some(2)),
        ("no UTF-8", b"version = 1\n\xc3\x28".to_vec(), Some(2)),
        ("UTF-16", [b"\xff\xfe".to_vec(), good.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(), Some(2)),
        ("deep", deep.into_bytes(), Some(2)),
        ("with a mark", [b"\xef\xbb\xbf", good.as_bytes()].concat(), Some(0)),
        ("CRLF", good.replace('\n', "\r\n").into_bytes(), Some(0)),
    ];
    for (name, bytes, code) in texts {
        fs::write(&file, bytes).expect("a file");
        check_ends(&deck, name, code);
    }
    fs::File::create(&file).expect("a file").set_len(64 << 20).expect("room");
    check_ends(&deck, "64 MiB", Some(2));
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("a folder");
    check_ends(&deck, "a folder", Some(2));
    fs::remove_dir(&file).expect("it is there");
    check_ends(&deck, "missing", Some(2));
}

fn check_ends(deck: &Deck, name: &str, code: Option<i32>) {
    let begun = awake_ms();
    let output = deck.verb(&["check"]);
    assert_eq!(output.status.code(), code, "{name}: {}", said(&output));
    assert!(code == Some(0) || !output.stderr.is_empty() || !output.stdout.is_empty(), "{name}: not a word");
    // A machine under load gets several times of what is promised.
    let took = awake_ms() - begun;
    assert!(took < 5_000, "{name}: {took} ms");
}

#[test]
fn k3_a_number_without_sense_is_refused_with_the_range() {
    for (table, line, range) in [
        ("stall", "idle = '0s'", "1s to 1d"),
        ("stall", "idle = '-1s'", "1s to 1d"),
        ("stall", "idle = 1e308", "1s to 1d"),
        ("stall", "idle = '5 minutes ago'", "1s to 1d"),
        ("stall", "idle = '99999999999999999999d'", "1s to 1d"),
        ("stall", "grace = '11m'", "grace <= wait_cap"),
        ("restart", "budget_short = '0 in 10m'", "1 to 1000"),
        ("restart", "delay = '11m'", "delay <= delay_cap"),
        ("project", "watch_interval = '1s'", "2s to 1h"),
        ("delivery", "queue = 0", "1"),
        ("delivery", "queue = -1", "1"),
    ] {
        let problems = told(&workspace(&format!("version = 1\n[{table}]\n{line}\n")));
        let place = "flightdeck.toml:3:";
        let named = problems
            .iter()
            .any(|problem| problem.starts_with(place) && problem.contains("expected") && problem.contains(range));
        assert!(named, "{line}: {problems:#?}");
    }
}

#[test]
fn k4_names_and_paths_have_a_grammar_and_arguments_pass_no_shell() {
    let hostile = [
        "../x", "/etc", "a b", "a\nb", "a;b", "$(id)", "`id`", "#(id)", "-x", "", "a\u{0}", "аgent", "A", "a.b", "a:b",
        "%1", "=a",
    ];
    for text in hostile {
        assert_eq!(AgentId::parse(text), None, "{text:?}");
        let name = toml::Value::from(text).to_string();
        let problems =
            told(&workspace(&format!("version = 1\n[agents.{name}]\nrole = 'other'\nbackend = 'demo'\ndir = 'x'\n")));
        assert!(!problems.is_empty(), "{text:?}");
        // What is told of it acts on nobody's terminal.
        assert!(problems.iter().all(|problem| !problem.contains(|c: char| c.is_control())), "{problems:?}");
    }
    for dir in ["#(touch x)", "~/x", "a\nb", "a\u{1b}b", ""] {
        let dir = toml::Value::from(dir).to_string();
        let main = format!("version = 1\n[agents.one]\nrole = 'other'\nbackend = 'demo'\ndir = {dir}\n");
        assert!(told(&workspace(&main)).iter().any(|problem| problem.contains("agents.one.dir")), "{dir}");
    }
    // Arguments are an array: whatever stands in them, the program gets it as it is, and nothing is run.
    let deck = Plan::new()
        .agent("solo", IDLE)
        .set(
            "backends.player.launch",
            vec![
                "sh",
                "-c",
                "printf '%s\\n' \"$1\" > ../../argument; shift; exec \"$0\" \"$@\"",
                PROGRAM,
                "$(touch canary); `touch canary` #(touch canary) %H ~ *",
                "demo-agent",
                "{args}",
            ],
        )
        .up();
    deck.prompted("solo", 1);
    let argument = fs::read_to_string(deck.workspace.join("argument")).expect("it was started");
    assert_eq!(argument, "$(touch canary); `touch canary` #(touch canary) %H ~ *\n");
    assert!(!deck.workspace.join("clones/solo/canary").exists() && !deck.workspace.join("canary").exists());
}

#[test]
fn k5_a_file_that_others_can_write_or_that_is_a_link_is_refused_with_what_to_do() {
    let deck = quiet();
    let file = deck.workspace.join("flightdeck.toml");
    for (path, mode, back) in
        [(&file, 0o666, 0o644), (&deck.workspace, 0o777, 0o755), (&deck.workspace.join("prompts"), 0o777, 0o755)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own");
        for verb in ["check", "watch"] {
            let output = deck.verb(&[verb]);
            let words = said(&output);
            assert_eq!(output.status.code(), Some(2), "{verb} {path:?}: {words}");
            assert!(words.contains("chmod"), "{verb} {path:?}: {words}");
        }
        let doctor = said(&deck.verb(&["doctor"]));
        assert!(doctor.contains(&format!("chmod go-w {}", path.display())), "{path:?}: {doctor}");
        fs::set_permissions(path, fs::Permissions::from_mode(back)).expect("our own");
        // Only a root can give a file away.
        if rustix::process::geteuid().is_root() {
            chown(path, Some(12_345), None).expect("a root may");
            let output = deck.verb(&["check"]);
            assert_eq!(output.status.code(), Some(2), "{path:?}");
            assert!(said(&output).contains("belongs to user 12345") && said(&output).contains("chown 0"), "{path:?}");
            chown(path, Some(0), None).expect("a root may");
        }
    }
    fs::rename(&file, deck.workspace.join("elsewhere.toml")).expect("moved");
    symlink("elsewhere.toml", &file).expect("a link");
    let output = deck.verb(&["check"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("symbolic link"), "{}", said(&output));
}

#[test]
fn k7_a_call_that_can_not_be_meant_has_its_code_and_help_never_acts() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let known = deck.records().len();
    for (words, code, told) in [
        (&["stop", "sol"][..], 5, "did you mean `solo`?"),
        (&["why", "sol"], 5, "did you mean `solo`?"),
        (&["stat"], 2, "unrecognized"),
        (&["stop", "../x"], 2, "invalid value"),
        (&["stop"], 2, "required"),
        (&["attach", "solo"], 2, "terminal"),
        (&["events", "--since", "yesterday"], 2, "expected"),
        (&["stop", "solo", "--help"], 0, "Usage"),
        (&["e-stop", "--help"], 0, "Usage"),
    ] {
        let output = deck.verb(words);
        let words_said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {words_said}");
        assert!(words_said.contains(told), "{words:?}: {words_said}");
    }
    assert!(
        deck.records()
            .iter()
            .skip(known)
            .all(|(_, record)| !matches!(record, Record::Ordered { .. } | Record::Wished { .. }))
    );
    // A bare environment, and a reader that went away.
    let mut bare = spawn::blocking(PROGRAM);
    bare.args(["status", "--workspace"]).arg(&deck.workspace).env_clear().env("LANG", "C").env("NO_COLOR", "1");
    let output = bare.output().expect("it runs");
    assert!(output.status.success() && output.stdout.is_ascii() && !output.stdout.contains(&0x1b), "{}", said(&output));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut closed = spawn::blocking(PROGRAM);
    closed.args(["events", "--workspace"]).arg(&deck.workspace).stdout(writer).stderr(Stdio::piped());
    let output = closed.output().expect("it runs");
    assert!(output.stderr.is_empty(), "{}", said(&output));
    assert_eq!((deck.starts("solo"), deck.starts("other")), (1, 1));
}

#[test]
fn k8_what_ends_many_agents_asks_first_and_says_whom() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    for words in [&["stop", "--all"][..], &["e-stop"]] {
        let output = deck.verb(words);
        assert!(output.status.code() == Some(2) && said(&output).contains("--yes"), "{words:?}: {}", said(&output));
    }
    assert!(said(&deck.verb(&["stop", "--all"])).contains("other, solo"));
    assert_eq!(deck.count(|record| matches!(record, Record::Wished { .. } | Record::EmergencyStopped { .. })), 2);
    assert!(deck.verb(&["stop", "--all", "--yes"]).status.success());
    deck.until("nobody", || deck.survivors().is_empty().then_some(()));
    deck.tell(&Command::Start { agent: id("solo") });
    deck.prompted("solo", 2);
    assert_eq!(deck.starts("other"), 1);
}

#[test]
fn k9_what_a_newer_one_wrote_is_refused_with_both_numbers_and_left_as_it_is() {
    let problems = told(&Sources { main: b"version = 2\nnew = 1\n".to_vec(), ..workspace("") });
    assert!(
        problems.len() == 1 && problems[0].contains("version 2") && problems[0].contains("version 1"),
        "{problems:?}"
    );
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let life = deck.process("solo");
    deck.end_engine(Signal::TERM);
    let log = deck.state_dir().join("records.db");
    let version = |number: i64| {
        let db = rusqlite::Connection::open(&log).expect("the log");
        db.pragma_update(None, "user_version", number).expect("a number");
    };
    version(99);
    // One that is not refused would run on.
    let mut engine = deck.another_engine();
    let ended = deck.until("a refusal", || engine.try_wait().expect("our child"));
    let words = deck.said();
    assert!(!ended.success() && words.contains("99") && words.contains("newer"), "{words}");
    assert_eq!(flightdeck::edge::process::alive(&life), flightdeck::edge::process::Alive::Yes);
    version(1);
    deck.start_engine();
    let message = deck.send("solo", "as before");
    deck.settled(message);
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 2));
}
