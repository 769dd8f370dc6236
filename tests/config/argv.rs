//! What is run: for every built-in backend, fresh and resumed, with each option set and unset and with hostile values, the exact
//! argv. `FLIGHTDECK_GOLDEN=write` writes the table anew; read what changed.

use flightdeck::config::backend::built_in;
use flightdeck::config::launch::{Holes, launch_argv, resume_argv};
use serde_json::json;

const TABLE: &str = "tests/config/argv.jsonl";

/// What a shell, a terminal or a parser of options would take for something else.
const HOSTILE: [&str; 8] = [
    "it's \"quoted\"",
    "two\nlines",
    "-leading --dash",
    "--",
    "$(touch x) `id` ; rm -rf ~",
    "{model} {args}",
    "",
    "\\ \t ü",
];

/// The options, each alone and all together, with a name for the table.
fn cases<'a>(modes: &[&'a str], args: &'a [String]) -> Vec<(String, Holes<'a>)> {
    let none = Holes {
        conversation: "c-1",
        agent: "builder",
        phase: "1a",
        dir: "/w",
        settings: "/s.json",
        ..Holes::default()
    };
    let mut cases = vec![
        ("nothing".to_string(), none),
        ("model".to_string(), Holes { model: "opus", ..none }),
        ("fallback_model".to_string(), Holes { fallback: "sonnet,haiku", ..none }),
        ("mcp".to_string(), Holes { mcp: "/m.json", ..none }),
        ("args".to_string(), Holes { args: &args[..1], ..none }),
        ("an unknown mode".to_string(), Holes { permission: "--evil", ..none }),
    ];
    cases.extend(modes.iter().map(|mode| (format!("permission {mode}"), Holes { permission: mode, ..none })));
    let all = Holes {
        model: "opus",
        fallback: "sonnet",
        mcp: "/m.json",
        permission: modes.first().unwrap_or(&""),
        args,
        ..none
    };
    let [quoted, lines, dash, ..] = HOSTILE;
    let hostile = Holes {
        model: quoted,
        fallback: lines,
        mcp: dash,
        conversation: HOSTILE[4],
        settings: HOSTILE[5],
        dir: dash,
        ..all
    };
    cases.extend([("all".to_string(), all), ("all, and all hostile".to_string(), hostile)]);
    cases
}

#[test]
fn every_argv_is_the_one_of_the_table() {
    let args: Vec<String> = HOSTILE.iter().map(ToString::to_string).collect();
    let mut told = String::new();
    for (name, backend) in built_in() {
        let modes: Vec<&str> = backend.permissions.keys().map(String::as_str).collect();
        for (options, holes) in cases(&modes, &args) {
            let both = [("fresh", Some(launch_argv(&backend, &holes))), ("resume", resume_argv(&backend, &holes))];
            for (action, argv) in both {
                let line = json!({ "backend": name, "action": action, "options": options, "argv": argv });
                told.push_str(&format!("{line}\n"));
            }
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("FLIGHTDECK_GOLDEN").is_some_and(|word| word == "write") {
        std::fs::write(&path, &told).expect("the table can be written");
    }
    let table = std::fs::read_to_string(&path).expect("the table is there");
    let differing: Vec<_> = told.lines().filter(|line| !table.lines().any(|known| known == *line)).collect();
    assert!(differing.is_empty(), "not in {TABLE}:\n{}", differing.join("\n"));
    assert_eq!(told.lines().count(), table.lines().count(), "{TABLE} holds lines that nothing makes");
}

#[test]
fn a_hostile_value_is_an_element_of_its_own_and_nothing_more() {
    let args: Vec<String> = HOSTILE.iter().map(ToString::to_string).collect();
    for (name, backend) in built_in() {
        let argv = launch_argv(&backend, &Holes { args: &args, model: HOSTILE[1], ..Holes::default() });
        let count = argv.iter().filter(|element| element.as_str() == HOSTILE[1]).count();
        let expected = match &*name {
            "opencode-attached" => 0,
            "demo" | "opencode-server" => 1,
            _ => 2,
        };
        assert_eq!(count, expected, "{name}");
        if expected > 0 {
            assert_eq!(argv[argv.len() - HOSTILE.len()..], HOSTILE, "{name}");
        }
    }
}
