//! What operators see of the configuration: every problem at once, each with its place and what to write instead.

#[path = "config/argv.rs"]
mod argv;
#[path = "sim/dice.rs"]
#[expect(dead_code, reason = "the simulation uses the rest of it")]
mod dice;
#[path = "config/mistakes.rs"]
mod mistakes;
#[path = "support/sources.rs"]
mod sources;

use std::path::PathBuf;

use flightdeck::config::model::Kind;
use flightdeck::config::parse::Machine;
use flightdeck::config::prices::{Billing, Budget, Price};
use flightdeck::config::prompts::{render_inbox, render_nudge, render_ping, render_resume_after_limit, render_start};
use flightdeck::config::{Config, Problem, Sources, load};
use flightdeck::pilot::id::{AgentId, PhaseId};
use flightdeck::pilot::message::clean_text;
use proptest::prelude::*;
use sources::{told, workspace};

const DEFAULT: &str = include_str!("../src/config/default.toml");

/// The default file with every commented key written out.
fn uncommented() -> String {
    let key = |line: &str| {
        let word = line.split_once(" = ").map_or("", |(word, _)| word);
        (line.starts_with('[') && line.ends_with(']') && !line.contains(['"', ',']))
            || (!word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if key(rest) => rest.to_string(),
        _ => line.to_string(),
    };
    DEFAULT.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn loaded(main: &str) -> Config {
    load(&workspace(main))
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")))
}

#[test]
fn the_default_file_is_valid_and_what_it_says_in_comments_is_the_default() {
    let plain = loaded(DEFAULT);
    let spelled_out = loaded(&uncommented());
    assert_eq!(plain.stall, spelled_out.stall);
    assert_eq!(plain.restart, spelled_out.restart);
    assert_eq!(plain.delivery, spelled_out.delivery);
    let mut handoff = spelled_out.handoff.clone();
    handoff.authors.clear();
    assert_eq!(plain.handoff, handoff);
    assert_eq!(plain.capture, spelled_out.capture);
    assert_eq!(plain.retention, spelled_out.retention);
    assert_eq!(plain.sequence, spelled_out.sequence);
    let mut project = spelled_out.project.clone();
    (project.name, project.remote) = (plain.project.name.clone(), None);
    assert_eq!(plain.project, project);
    let mut builder =
        spelled_out.agents.values().find(|agent| agent.id.as_str() == "builder").cloned().expect("a builder");
    builder.env_file = None;
    (builder.permission, builder.fallback_model, builder.mcp) = (String::new(), String::new(), None);
    assert_eq!(builder.compact_at.take(), Some(80));
    assert_eq!((builder.billing, builder.budget), (Billing::Tokens, Some(Budget::Money(5_000_000))));
    (builder.billing, builder.budget) = (Billing::Unknown, None);
    let names: Vec<&str> = builder.accounts.iter().map(|account| account.as_str()).collect();
    assert_eq!((names, builder.fallback[0].account.as_str()), (vec!["max", "key"], "key"));
    (builder.accounts, builder.fallback) = (Vec::new(), Vec::new());
    assert_eq!(spelled_out.accounts.len(), 3);
    assert!(plain.accounts.is_empty() && plain.prefer_oauth && spelled_out.prefer_oauth);
    let price = Price { input: 5_000_000, output: 25_000_000, cache_read: Some(500_000), cache_write: Some(6_250_000) };
    assert_eq!(spelled_out.prices.values().collect::<Vec<_>>(), [&price]);
    assert!(plain.prices.is_empty(), "no price is built in");
    let usual = plain.agents.values().find(|agent| agent.id.as_str() == "builder").expect("a builder");
    assert_eq!(format!("{usual:?}"), format!("{builder:?}"));
    assert_eq!(spelled_out.agents.len(), 6);
    assert_eq!(spelled_out.agents[&id("writer")].attach, Some(id("server")));
    assert!(spelled_out.backends.contains_key("mine"));
}

/// Each case is a line `table: snippet => problem && problem`, in which `\n` is a line break. `agent` is a Builder's table.
const CASES: &str = include_str!("config/cases.txt");

fn case_file(table: &str, snippet: &str) -> String {
    let snippet = snippet.replace("\\n", "\n");
    let agent = "[agents.builder]\nbackend = 'demo'\ndir = 'b'\n";
    match table {
        "top" if snippet.contains("[agents") => format!("version = 1\n{snippet}\n"),
        "top" => format!("version = 1\n{snippet}\n{agent}"),
        "agent" => format!("version = 1\n{agent}{snippet}\n"),
        _ => format!("version = 1\n[{table}]\n{snippet}\n{agent}"),
    }
}

#[test]
fn each_mistake_is_told_with_its_place_and_what_to_write_instead() {
    let mut wrong = Vec::new();
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (case, expected) = line.split_once(" => ").expect("a case has an expected problem");
        let (table, snippet) = case.split_once(": ").expect("a case names its table");
        let found = told(&workspace(&case_file(table, snippet))).join(" && ").replace("flightdeck.toml:", "");
        if found != expected {
            wrong.push(format!("{case} => {found}"));
        }
    }
    assert!(wrong.is_empty(), "these came out differently:\n{}", wrong.join("\n"));
}

#[test]
fn a_report_names_all_problems_of_all_files_in_order() {
    let mut sources = workspace(
        "version = 1\n[project]\nremote = 'ext::sh -c x'\nsequence = ['1a', '3']\n[stall]\nidle = 300\n\
         [agents.bulider]\nrole = 'builder'\nbackend = 'claud'\ndir = 'b'\npromt = 'builder'\n",
    );
    sources
        .prompts
        .push(("mine.md".to_string(), b"You are {{ agent }}.\nRead {{ plan }} and {{ nothing }}.\n".to_vec()));
    sources.prompts.push(("other.md".to_string(), b"{% if x %}".to_vec()));
    insta::assert_snapshot!("report", told(&sources).join("\n"));
}

#[test]
fn every_key_stands_in_the_default_file() {
    let spelled_out: toml::Table = uncommented().parse().expect("the default file is TOML");
    let known = |table: &str| -> Vec<String> {
        let wrong = told(&workspace(&format!("version = 1\n{table}\nzzzzzzzzzz = 1\n"))).join("\n");
        let problem = wrong.lines().find(|line| line.contains("unknown key \"zzzzzzzzzz\"")).expect(table).to_string();
        let list = problem.split_once(", expected one of ").expect(table).1;
        list.split(", ").map(|key| key.split(';').next().unwrap_or_default().to_string()).collect()
    };
    let agents = spelled_out["agents"].as_table().expect("agents");
    let agent_keys = agents.values().flat_map(|agent| agent.as_table().expect("an agent").keys().cloned()).collect();
    let keys = |table: &toml::Value| table.as_table().expect("a table").keys().cloned().collect::<Vec<_>>();
    let mine = &spelled_out["backends"]["mine"];
    let written: Vec<(&str, Vec<String>)> = vec![
        ("", spelled_out.keys().cloned().collect()),
        ("[project]", keys(&spelled_out["project"])),
        ("[stall]", keys(&spelled_out["stall"])),
        ("[restart]", keys(&spelled_out["restart"])),
        ("[delivery]", keys(&spelled_out["delivery"])),
        ("[handoff]", keys(&spelled_out["handoff"])),
        ("[capture]", keys(&spelled_out["capture"])),
        ("[retention]", keys(&spelled_out["retention"])),
        ("[setup]", keys(&spelled_out["setup"])),
        ("[agents.builder]", agent_keys),
        ("[prices.x]", keys(&spelled_out["prices"]["claude-opus-5-5"])),
        ("[accounts.x]", {
            let accounts = spelled_out["accounts"].as_table().expect("accounts").values();
            accounts.flat_map(keys).collect()
        }),
        ("[routing]", keys(&spelled_out["routing"])),
        ("[mcp.files]", keys(&spelled_out["mcp"]["files"])),
        ("[backends.mine]", keys(mine)),
        ("[backends.mine.composer]", keys(&mine["composer"])),
        ("[[backends.mine.rules]]", keys(&mine["rules"][0])),
        ("[[backends.mine.notes]]", keys(&mine["notes"][0])),
    ];
    for (table, written) in written {
        let missing: Vec<String> = known(table).into_iter().filter(|key| !written.contains(key)).collect();
        assert!(missing.is_empty(), "{table} has keys that default.toml does not show: {missing:?}");
    }
}

#[test]
fn a_newer_format_is_refused_with_both_versions_and_nothing_else() {
    let main = "version = 2\nnew_key = 1\n[agents.builder]\nbackend = 'future'\n";
    assert_eq!(
        told(&workspace(main)),
        ["flightdeck.toml:1:11: version: the file has version 2, expected version 1, the newest that this flightdeck \
          understands; use a newer flightdeck; nothing was changed"]
    );
}

#[test]
fn files_that_are_hardly_text_make_one_line_each_and_no_delay() {
    let with = |main: Vec<u8>| told(&Sources { main, ..workspace("") });
    let utf16: Vec<u8> = DEFAULT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(with([b"\xff\xfe".to_vec(), utf16].concat()).len(), 1);
    assert_eq!(
        with(b"version = 1\n\xc3\x28".to_vec()),
        ["flightdeck.toml:2:1: byte 0xc3 at offset 12 is not UTF-8; save it as UTF-8"]
    );
    assert_eq!(with([b"\xef\xbb\xbf", DEFAULT.as_bytes()].concat()), Vec::<String>::new());
    assert_eq!(with(DEFAULT.replace('\n', "\r\n").into_bytes()), Vec::<String>::new());
    assert!(!with(vec![0; 1000]).is_empty());
    let deep = [format!("x = {}", "[".repeat(10_000)), format!("x = {}", "{a=".repeat(10_000)), "[a".repeat(10_000)];
    for text in deep {
        assert!((1..=101).contains(&with(text.into_bytes()).len()));
    }
    let dotted = format!("{}x = 1\n", "a.".repeat(10_000));
    assert!(!with(dotted.into_bytes()).is_empty());
    let endless = format!("version = 1\n{} = 1\n", ".".repeat(200_000));
    assert_eq!(
        with(endless.into_bytes()),
        ["flightdeck.toml:2:1: a line of 200004 bytes, expected at most 65536 bytes a line"]
    );
    // A mebibyte, the largest file that is read, of keys nobody knows.
    let many: String = (0..100_000).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(with(many.into_bytes()).len(), 101);
}

#[test]
fn the_built_in_prompts_can_be_said_by_every_role_in_and_out_of_a_phase() {
    let config = loaded(&uncommented());
    for agent in config.agents.values().filter(|agent| agent.kind != Kind::Service).map(|agent| &agent.id) {
        for phase in [None, config.sequence.first()] {
            let start = render_start(&config, agent, phase).expect("a start prompt");
            assert!(start.contains(agent.as_str()));
            assert_eq!(clean_text(&start).as_deref(), Ok(start.as_str()));
            if let Some(phase) = phase {
                for file in ["STATUS", "BACKLOG", "REVIEW", "JOURNAL"] {
                    assert!(start.contains(&format!("{file}-{phase}.md")), "{file} for {agent}");
                }
                assert!(start.contains("/ws/phases/1a.md"));
            }
            assert!(render_nudge(&config, agent, phase).expect("a nudge").lines().count() == 1);
            assert!(render_resume_after_limit(&config, agent, phase).expect("a line").lines().count() == 1);
        }
        assert!(render_inbox(&config, agent, 1).expect("a line").contains(&format!("INBOX-{agent}.md")));
    }
    let builder = id("builder");
    assert!(render_start(&config, &builder, Some(&PhaseId::parse("9").expect("an id"))).is_err());
    assert!(render_start(&config, &id("nobody"), None).is_err());
}

#[test]
fn the_contract_on_loops_stands_in_their_start_prompt() {
    let config = loaded(DEFAULT);
    for agent in ["builder", "adversary"] {
        let start = render_start(&config, &id(agent), config.sequence.first()).expect("a start prompt");
        for said in [
            "at most 10 minutes",
            "\nWAITING-UNTIL: <UTC time in RFC 3339",
            "`claim(<id>): ",
            "`review(<id>): ",
            "about 80 % of your context",
            "Source of truth: the plan of this phase",
            "from {{ agent }}",
        ] {
            let said = said.replace("{{ agent }}", agent).replace("at most 10", "longer than 10");
            assert!(start.contains(&said), "{agent} is not told {said:?}:\n{start}");
        }
    }
    let builder = render_start(&config, &id("builder"), config.sequence.first()).expect("a start prompt");
    assert!(builder.contains("\n## DONE\n"));
}

#[test]
fn a_ping_is_one_short_line_of_checked_names() {
    let config = loaded(DEFAULT);
    let ping = |commits: &[(&str, &str, &str)]| render_ping(&config, &id("adversary"), commits);
    assert_eq!(
        ping(&[("claim", "1a-help", "0123456789")]).as_deref(),
        Ok("New on main: claim(1a-help) 0123456789. Pull and act on it.")
    );
    assert_eq!(
        ping(&[("claim", "a", "0123456789"), ("claim", "b", "abcdef0123")]).as_deref(),
        Ok("New on main: claim(a) 0123456789, claim(b) abcdef0123. Pull and act on them in this order.")
    );
    let gate = "g".repeat(32);
    let many = vec![("claim", gate.as_str(), "0123456789"); 1000];
    let text = ping(&many).expect("a thousand claims");
    assert!(text.len() < 700 && text.contains(" and 993 more"), "{text}");
    let long = "g".repeat(33);
    for bad in [
        ("claim", "a b", "0123456789"),
        ("claim", "a\n", "0123456789"),
        ("claim", "", "0123456789"),
        ("claim", "a)(", "0123456789"),
        ("claim", "-a", "0123456789"),
        ("claim", &long, "0123456789"),
        ("claim", "a", "HEAD"),
        ("claim", "a", "0123456789\u{1b}"),
        ("other", "a", "0123456789"),
    ] {
        assert!(ping(&[bad]).is_err(), "{bad:?}");
    }
    assert!(ping(&[]).is_err());
}

#[test]
fn a_template_that_cannot_be_said_is_refused_when_it_is_loaded() {
    let with = |name: &str, text: &str| {
        let mut sources = workspace(DEFAULT);
        sources.prompts.retain(|(other, _)| other != name);
        sources.prompts.push((name.to_string(), text.as_bytes().to_vec()));
        told(&sources)
    };
    assert_eq!(with("builder.md", "Hello {{ agent }}{% if remote %} of {{ remote }}{% endif %}"), Vec::<String>::new());
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}";
    let cases = [
        ("builder.md", "Hello\n  {{ agnet }}"),
        ("builder.md", "{% if role == 'x' %}\n{{ nothing.at.all }}{% endif %}"),
        ("builder.md", "a\n{{ agent"),
        ("builder.md", "a\n{{ agent | shout }}"),
        ("builder.md", "a\n{{ agent.name }}"),
        ("builder.md", "a\n{% include 'none' %}"),
        ("builder.md", "{% include 'builder' %}"),
        ("builder.md", "a\u{1b}[2J"),
        ("builder.md", endless),
        ("preamble.md", "{{ phase }}"),
        ("ping.md", "a\nb"),
        ("ping.md", "{{ phase_id }}"),
        ("nudge.md", ""),
    ];
    let report: Vec<String> =
        cases.iter().map(|(name, text)| format!("{text:?}\n  {}", with(name, text).join("\n  "))).collect();
    insta::assert_snapshot!("templates", report.join("\n\n"));
}

#[test]
fn the_digest_changes_with_every_file_and_with_nothing_else() {
    let digest = |sources: &Sources| load(sources).expect("it is valid").digest;
    let base = workspace(DEFAULT);
    let mut moved = base.clone();
    moved.root = PathBuf::from("/elsewhere");
    assert_eq!(digest(&base), digest(&moved));
    assert_ne!(digest(&base), digest(&workspace(&format!("{DEFAULT}\n"))));
    let mut renamed = base.clone();
    renamed.phases[0].0 = "x.md".to_string();
    assert_ne!(digest(&base), digest(&renamed));
    let mut edited = base.clone();
    edited.prompts[3].1.push(b'!');
    assert_ne!(digest(&base), digest(&edited));
}

#[test]
fn a_backend_is_the_one_of_the_environment_else_the_agents_own_else_the_first_that_is_there_else_what_to_install() {
    let agent = |key: &str| format!("version = 1\n[agents.builder]\ndir = 'b'\n{key}\n");
    let on = |key: &str, wish: Option<&str>, found: &[&str]| {
        let machine =
            Machine { backend: wish.map(str::to_string), found: found.iter().map(ToString::to_string).collect() };
        match load(&Sources { machine, ..workspace(&agent(key)) }) {
            Ok(config) => config.agents[&id("builder")].backend.clone(),
            Err(problems) => problems[0].to_string(),
        }
    };
    for (key, wish, found, backend) in [
        ("backend = 'codex'", Some("demo"), &["claude"][..], "demo"),
        ("", Some("demo"), &[], "demo"),
        ("backend = 'codex'", None, &["claude"], "codex"),
        ("backend = 'codex'", None, &[], "codex"),
        ("backend = 'auto'", None, &["codex", "claude", "opencode"], "claude"),
        ("", None, &["codex", "opencode"], "opencode"),
        ("", None, &["codex"], "codex"),
    ] {
        assert_eq!(on(key, wish, found), backend, "{key} {wish:?} {found:?}");
    }
    let none = on("backend = 'auto'", None, &["gemini"]);
    assert!(
        none.starts_with("flightdeck.toml:4:11: agents.builder.backend: none of claude, opencode, codex is"),
        "{none}"
    );
    assert!(none.contains("npm install -g @anthropic-ai/claude-code"), "{none}");
    assert_eq!(
        on("", Some("calude"), &["claude"]),
        "flightdeck.toml: FLIGHTDECK_BACKEND names the unknown backend \"calude\", expected one of claude, codex, demo, \
         opencode, opencode-attached, opencode-server; did you mean \"claude\"?"
    );
    // What is wrong in the file is told all the same.
    assert!(on("backend = 'calude'", Some("demo"), &[]).contains("unknown backend \"calude\""));
}

#[test]
fn the_digest_tells_machines_apart_where_an_agent_takes_what_is_there() {
    let on = |key: &str, found: &str| {
        let machine = Machine { backend: None, found: vec![found.to_string()] };
        let main = format!("version = 1\n[agents.builder]\ndir = 'b'\n{key}\n");
        load(&Sources { machine, ..workspace(&main) }).map(|config| config.digest).expect("it is in order")
    };
    assert_ne!(on("", "claude"), on("", "codex"));
    assert_eq!(on("backend = 'demo'", "claude"), on("backend = 'demo'", "codex"));
}

/// The default file, spelled out, with some of its bytes lost, doubled or replaced.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let bytes = uncommented().into_bytes();
    let length = bytes.len();
    let change = (0..length, 0..4u8, prop::sample::select(b"[]{}=\"'\n#.,-1a\\\x00\xff\xc3 ".to_vec()), 1..40usize);
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, how, byte, count) in changes {
            let at = at.min(bytes.len().saturating_sub(1));
            let end = (at + count).min(bytes.len());
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes[at] = byte,
                2 => drop(bytes.drain(at..end)),
                _ => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_never_panics_and_every_problem_is_one_line_with_a_place(main in mutated()) {
        let sources = Sources { main: main.clone(), ..workspace("") };
        for problem in load(&sources).err().unwrap_or_default() {
            let line = problem.to_string();
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            let lines = String::from_utf8_lossy(&main).lines().count();
            let utf16 = problem.found.contains("UTF-16");
            let place = problem.at.map(|spot| spot.place);
            prop_assert!(utf16 || place.is_some_and(|place| (1..=lines + 1).contains(&place.line)), "{line}");
        }
    }

    #[test]
    fn hostile_names_never_get_into_a_configuration(name in "\\PC{0,40}|[#(){}$`;|&<>\\x00-\\x1f]{1,20}") {
        let quoted = toml::Value::String(name.clone()).to_string();
        let main = format!("version = 1\n[agents.{quoted}]\nrole = 'builder'\nbackend = 'demo'\ndir = {quoted}\n[project]\nremote = {quoted}\n");
        if let Ok(config) = load(&workspace(&main)) {
            for agent in config.agents.values() {
                prop_assert!(agent.id.as_str().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)));
                prop_assert!(!agent.dir.to_string_lossy().contains(['#', '\n', '\0']));
            }
            prop_assert!(config.project.remote.is_none_or(|remote| !remote.starts_with('-') && !remote.starts_with("ext")));
        }
    }
}

fn id(text: &str) -> AgentId {
    AgentId::parse(text).expect("an agent's name")
}
