//! Ten thousand mistakes that chance makes in a file with every key in it. A mistake of a known kind must be refused for what it
//! is, at its line; what only looks different must be accepted and mean the same; of bytes that were damaged anywhere nothing may
//! be accepted that is no valid file.

use std::collections::BTreeMap;

use flightdeck::config::{Config, Problem, Sources, load};
use toml::Value;

use super::dice::Dice;
use super::{uncommented, workspace};

/// All of them together, in three tests that run beside each other.
const CASES: usize = 10_000;

/// A line of the file that gives a key its value.
struct Key {
    line: usize,
    table: String,
    name: String,
    value: Value,
}

/// Text keys that take any of many texts; others know their words.
const FREE: &[&str] = &[
    "name",
    "state_dir",
    "model",
    "fallback_model",
    "dir",
    "prompt",
    "env_file",
    "config_home",
    "provider",
    "command",
    "variable",
    "install",
    "compact",
    "submit_key",
    "user_line",
    "branch",
    "login",
    "open",
    "above",
    "close",
    "collapsed",
    "other_mode",
    "risky",
    "stash_key",
    "regex",
    "remote",
];

#[test]
fn seven_thousand_mistakes_of_known_kinds_are_refused_at_their_lines() {
    let base = base();
    let mut chance = Chance(Dice::new(1));
    let own = own_backend();
    let mut wrong = Vec::new();
    for case in 0..CASES * 7 / 10 {
        let mistake = mistake(if case % 10 == 0 { &own } else { &base }, &mut chance);
        let Some(problems) = refused(&mistake.file) else {
            wrong.push(format!("{} is accepted", mistake.what));
            continue;
        };
        for problem in &problems {
            is_told(problem, &mistake.file, &mistake.what);
        }
        let within = |line: usize| line == mistake.line || (mistake.open && line > mistake.line);
        let there = |problem: &Problem| problem.at.as_ref().is_some_and(|spot| within(spot.place.line));
        if !problems.iter().any(there) {
            let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
            wrong.push(format!("{} at line {}: {}", mistake.what, mistake.line, told.join(" && ")));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

#[test]
fn a_thousand_files_that_only_look_different_mean_the_same() {
    let base = base();
    let whole = meaning(&load(&sources(base.join("\n").as_bytes())).expect("it is in order"));
    let mut chance = Chance(Dice::new(2));
    for case in 0..CASES / 10 {
        let file = dressed(&base, &mut chance);
        match load(&sources(file.as_bytes())) {
            Ok(config) => assert!(meaning(&config) == whole, "{case}: it means something else:\n{file}"),
            Err(problems) => panic!("{case}: {}\n{file}", problems[0]),
        }
    }
}

#[test]
fn of_two_thousand_damaged_files_none_is_accepted_that_is_not_valid() {
    let base = base();
    let known = keys(&base);
    let mut chance = Chance(Dice::new(3));
    let mut accepted = 0;
    for case in 0..CASES / 5 {
        let bytes = damaged(base.join("\n").into_bytes(), &mut chance);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Err(problems) = load(&sources(&bytes)) else {
            accepted += 1;
            assert!(std::str::from_utf8(&bytes).is_ok(), "{case}: it is no text");
            let table: toml::Table = text.parse().unwrap_or_else(|why| panic!("{case}: it is no TOML: {why}"));
            is_valid(&table, "", &known);
            continue;
        };
        assert!(!problems.is_empty(), "{case}: refused for nothing");
        for problem in &problems {
            is_told(problem, &text, "damage");
        }
    }
    assert!((20..1_500).contains(&accepted), "{accepted} were accepted, which tests nothing");
}

/// Every key as it is when it is given, without comments and blank lines; backends of one's own in a file of their own, since
/// their many patterns take long.
fn base() -> Vec<String> {
    let lines = plain();
    lines.into_iter().take_while(|line| !line.starts_with("[backends")).collect()
}

/// A backend of one's own with every key, and one agent on it.
fn own_backend() -> Vec<String> {
    let backend = plain().into_iter().skip_while(|line| !line.starts_with("[backends"));
    let agent = ["version = 1", "[agents.builder]", "backend = \"mine\"", "dir = \"b\""].map(str::to_string);
    agent.into_iter().chain(backend.filter(|line| !line.starts_with("like = "))).collect()
}

fn plain() -> Vec<String> {
    let lines = uncommented();
    lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_string).collect()
}

/// The files of a workspace that has no prompts of its own.
fn sources(main: &[u8]) -> Sources {
    Sources { main: main.to_vec(), prompts: Vec::new(), ..workspace("") }
}

fn keys(base: &[String]) -> Vec<Key> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for (at, line) in base.iter().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).to_string();
            continue;
        }
        let (name, _) = line.split_once(" = ").expect("a line is a table or a key");
        let value = line.parse::<toml::Table>().expect("a line is TOML by itself").remove(name).expect("its key");
        keys.push(Key { line: at + 1, table: table.clone(), name: name.to_string(), value });
    }
    keys
}

/// A file with one mistake.
struct Mistake {
    file: String,
    /// From 1.
    line: usize,
    /// What is opened there ends nowhere: where that shows is further down.
    open: bool,
    what: String,
}

fn mistake(base: &[String], chance: &mut Chance) -> Mistake {
    let keys = keys(base);
    let mut lines = base.to_vec();
    loop {
        let key = &keys[chance.below(keys.len())];
        let at = key.line - 1;
        let (line, what) = match chance.below(6) {
            // Actions are the cockpit's to know.
            0 if key.table == "cockpit.keys" => continue,
            0 => {
                let name = chance.word();
                lines.insert(at + 1, format!("{name} = {}", chance.pick(&["1", "true", "\"x\"", "[]", "{}"])));
                (key.line + 1, format!("the unknown key {name} in {}", key.table))
            }
            1 => {
                let table = chance.word();
                lines.push(format!("[{table}]"));
                (lines.len(), format!("the unknown table {table}"))
            }
            2 => {
                let Some(value) = other_kind(&key.value, chance) else { continue };
                lines[at] = format!("{} = {value}", key.name);
                (key.line, format!("{}.{} = {value}", key.table, key.name))
            }
            3 => {
                let Some(value) = out_of_range(key, chance) else { continue };
                lines[at] = format!("{} = {value}", key.name);
                (key.line, format!("{}.{} = {value}", key.table, key.name))
            }
            4 => {
                lines.insert(at + 1, lines[at].clone());
                (key.line + 1, format!("{}.{} twice", key.table, key.name))
            }
            _ => {
                let broken =
                    chance.pick(&["", "=", "\"", "[", "'''", "1 2", "tru", "\"\\q\"", "01", "{ a = ", "\"\\uD800\""]);
                lines[at] = format!("{} = {broken}", key.name);
                (key.line, format!("{}.{} = {broken}", key.table, key.name))
            }
        };
        let open = [" = [", " = '''", " = { a ="].iter().any(|end| what.trim_end().ends_with(end));
        return Mistake { file: lines.join("\n") + "\n", line, open, what };
    }
}

/// A value that is never meant where one of this kind stands.
fn other_kind(value: &Value, chance: &mut Chance) -> Option<String> {
    let number = chance.below(1000).to_string();
    let kinds: &[&str] = match value {
        Value::String(_) => &[&number, "true", "1.5", "1979-05-27", "{ a = 1 }", "[[]]"],
        Value::Integer(_) => &["\"1\"", "true", "1.5", "[1]", "{}", "inf", "1979-05-27T07:32:00Z"],
        Value::Float(_) => &["\"1.5\"", "true", "nan", "-inf", "[1.5]", "{}"],
        Value::Boolean(_) => &["\"true\"", &number, "[true]", "1.0", "{}"],
        Value::Array(_) => &[&number, "true", "\"x\"", "[[1]]", "[true]", "{ a = 1 }"],
        Value::Table(_) => &[&number, "true", "\"x\"", "[1]"],
        Value::Datetime(_) => return None,
    };
    Some(chance.pick(kinds).to_string())
}

/// A value of the right kind that is too little, too much, or no word that the key knows.
fn out_of_range(key: &Key, chance: &mut Chance) -> Option<String> {
    let values: &[&str] = match &key.value {
        // Any number puts rules in an order.
        Value::Integer(_) if key.table.starts_with("backends") && key.name == "priority" => {
            &["-9223372036854775808", "9223372036854775807"]
        }
        Value::Integer(_) => &["-1", "0", "10000000", "-9223372036854775808", "9223372036854775807"],
        Value::Float(_) => &["-0.5", "1e300"],
        Value::String(text) if is_rate(text) => {
            &["\"0 in 10m\"", "\"3 in 0s\"", "\"-3 in 10m\"", "\"3 in\"", "\"3\"", "\"9999 in 10m\"", "\"3 in 9999d\""]
        }
        Value::String(text) if is_span(text) => &[
            "\"99999d\"",
            "\"-5m\"",
            "\"5\"",
            "\"m\"",
            "\"5 parsecs\"",
            "\"\"",
            "\"5m5\"",
            "\"1e3s\"",
            "\"99999999999999999999s\"",
        ],
        Value::String(_) if key.name == "schedule" => {
            &["\"x\"", "\"61 * * * *\"", "\"* * * *\"", "\"* * * * * * *\"", "\"\""]
        }
        Value::String(_) if !FREE.contains(&key.name.as_str()) => {
            &["\"nobody-knows\"", "\"\\u0007\"", "\" \"", "\"-\""]
        }
        Value::String(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_) | Value::Datetime(_) => return None,
    };
    Some(chance.pick(values).to_string())
}

fn is_span(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(['s', 'm', 'h', 'd']) && !text.contains(' ')
}

fn is_rate(text: &str) -> bool {
    text.split_once(" in ").is_some_and(|(count, span)| count.parse::<u32>().is_ok() && is_span(span))
}

/// The same file in other clothes.
fn dressed(base: &[String], chance: &mut Chance) -> String {
    let end = chance.pick(&["\n", "\r\n"]);
    let mut file = chance.pick(&["", "\u{feff}", "# first\n"]).to_string();
    for line in base {
        let line = match (chance.below(8), line.split_once(" = ")) {
            (0, Some((name, value))) => format!("  {name}   =\t{value}"),
            (1, Some((name, value))) => format!("\"{name}\" = {value}"),
            (2, _) => format!("{line}  # said \"so\" ]"),
            (3, _) => format!("{line}{end}{end}# x = 1"),
            (4, Some((name, value))) if !value.contains(['\'', '\\']) && value.matches('"').count() == 2 => {
                format!("{name} = {}", value.replace('"', "'"))
            }
            _ => line.clone(),
        };
        file.push_str(&line);
        file.push_str(end);
    }
    file
}

/// All that a configuration says, but for what tells files apart.
fn meaning(config: &Config) -> String {
    let mut agents = config.agents.clone();
    // Told by its text, since what it was made into is long.
    let times: Vec<_> = agents.values_mut().filter_map(|agent| agent.schedule.take()).map(|time| time.text).collect();
    let Config { project, sequence, accounts, mcp, prices, stall, restart, delivery, handoff, setup, .. } = config;
    let members = format!("{project:?} {sequence:?} {agents:?} {times:?} {accounts:?} {mcp:?} {prices:?} {setup:?}");
    // Keys of the cockpit know where they stand in the file.
    let cockpit = (config.cockpit.theme, config.cockpit.mouse, config.cockpit.clock, config.cockpit.keys.len());
    let rest = (&config.capture, &config.retention);
    format!("{members} {stall:?} {restart:?} {delivery:?} {handoff:?} {cockpit:?} {rest:?}")
}

fn damaged(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    for _ in 0..1 + chance.below(3) {
        let at = chance.below(bytes.len());
        let end = (at + 1 + chance.below(30)).min(bytes.len());
        match chance.below(6) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes.insert(at, b"[]{}=\"'\n#.,-1a\\\x00\xff\xc3 "[chance.below(19)]),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => bytes.swap(at, end - 1),
            _ => bytes[at] = b"0123456789abcxyz"[chance.below(16)],
        }
    }
    bytes
}

/// Each key of a file that was accepted is one that there is, with a value of its kind.
fn is_valid(table: &toml::Table, path: &str, known: &[Key]) {
    // Names that operators choose; below some of them anything goes.
    let family = |path: &str| path.split('.').next().unwrap_or_default().to_string();
    let free = ["backends", "prices", "cockpit.keys", "handoff.authors"].iter().any(|of| path.starts_with(of));
    for (name, value) in table {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if let (Value::Table(inner), true) = (value, path.matches('.').count() < 1) {
            is_valid(inner, &below, known);
            continue;
        }
        let named = known.iter().filter(|key| &key.name == name && family(&key.table) == family(path));
        let kinds: BTreeMap<&str, ()> = named.map(|key| (key.value.type_str(), ())).collect();
        assert!(free || !kinds.is_empty(), "the unknown key {below} is accepted");
        assert!(free || kinds.contains_key(value.type_str()), "{below} is accepted as {}", value.type_str());
    }
}

fn refused(file: &str) -> Option<Vec<Problem>> {
    load(&sources(file.as_bytes())).err().filter(|problems| !problems.is_empty())
}

/// One line, with a place within the file and a reason.
fn is_told(problem: &Problem, file: &str, what: &str) {
    let line = problem.to_string();
    assert!(!line.chars().any(char::is_control), "{what}: {line:?}");
    assert!(!problem.found.is_empty(), "{what}: {line}");
    let lines = file.split('\n').count();
    let spot = problem.at.as_ref().map(|spot| spot.place);
    let within = spot.is_some_and(|place| (1..=lines).contains(&place.line) && place.column >= 1);
    assert!(within || problem.found.contains("UTF-16") || problem.file != "flightdeck.toml", "{what}: {line}");
}

/// The same mistakes in every run.
struct Chance(Dice);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.below(u64::try_from(end).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// A word that is nobody's key.
    fn word(&mut self) -> String {
        let letters = (0..4 + self.below(8)).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap_or(0)));
        format!("q{}", letters.collect::<String>())
    }
}
