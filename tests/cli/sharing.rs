//! `flightdeck setup`: what two agent programs are given alike, in a home that is somebody's. Each test has a home of its
//! own, and programs that are only files on the search path.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flightdeck::edge::scaffold;
use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "[setup]\nallow = ['read', 'bash(git status *)', 'bash(git *)']\nask = ['bash(git push *)', 'webfetch']\n\
                     deny = ['bash(git push --force *)']\n";
const SETTINGS: &str = ".claude/settings.json";
const OPENCODE: &str = ".config/opencode/opencode.json";
const WAIT: [&str; 2] = [".claude/commands/wait.md", ".config/opencode/command/wait.md"];

struct Desk {
    dir: TempDir,
}

impl Desk {
    /// A workspace with these tables, both programs, and an empty home.
    fn with(tables: &str) -> Desk {
        let desk = Desk { dir: tempfile::tempdir().expect("a folder") };
        scaffold::init(&desk.at("deck")).expect("a workspace");
        let main = format!("version = 1\n[agents.builder]\nbackend = 'claude'\ndir = 'b'\n{tables}");
        fs::write(desk.at("deck/flightdeck.toml"), main).expect("a file");
        for folder in ["bin", "home"] {
            fs::create_dir(desk.at(folder)).expect("a folder");
        }
        for program in ["claude", "opencode"] {
            fs::write(desk.at("bin").join(program), "").expect("a file");
        }
        desk
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("it is there").join(path)
    }

    fn home(&self, path: &str) -> PathBuf {
        self.at("home").join(path)
    }

    fn has(&self, path: &str, text: &str) -> &Desk {
        fs::create_dir_all(self.home(path).parent().expect("a folder")).expect("folders");
        fs::write(self.home(path), text).expect("a file");
        self
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// Exit code and what was said.
    fn setup(&self, words: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flightdeck"));
        command.env_clear().env("PATH", self.at("bin")).env("HOME", self.at("home")).env("LANG", "C.UTF-8");
        let output =
            command.arg("setup").arg("--workspace").arg(self.at("deck")).args(words).output().expect("it runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().expect("it ended by itself"), said)
    }

    /// Everything in the home, with its mode.
    fn picture(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut seen = BTreeMap::new();
        let mut folders = vec![self.at("home")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
                let meta = entry.path().symlink_metadata().expect("it is there");
                let bytes = if meta.is_file() { fs::read(entry.path()).expect("a file") } else { Vec::new() };
                seen.insert(entry.path(), (meta.permissions().mode(), bytes));
                if meta.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        seen
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn both_programs_get_the_same_commands_and_rules_and_a_second_run_changes_nothing() {
    let desk = Desk::with(RULES);
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, said.lines().last()), (0, Some("8 files changed")), "{said}");
    assert_eq!(desk.read(WAIT[0]), desk.read(WAIT[1]));
    assert!(desk.read(WAIT[0]).contains("\nWAITING-UNTIL: <time") && desk.read(WAIT[0]).starts_with("---\n"));
    let claude = json(&desk.read(SETTINGS));
    assert_eq!(claude["permissions"]["allow"], json(r#"["Read", "Bash(git status:*)", "Bash(git:*)"]"#));
    assert_eq!(claude["permissions"]["ask"], json(r#"["Bash(git push:*)", "WebFetch"]"#));
    assert_eq!(claude["permissions"]["deny"], json(r#"["Bash(git push --force:*)"]"#));
    // The last pattern that fits wins there: what is stronger stands below.
    let opencode = desk.read(OPENCODE);
    let places = [
        "\"git status *\": \"allow\"",
        "\"git *\": \"allow\"",
        "\"git push *\": \"ask\"",
        "\"git push --force *\": \"deny\"",
    ];
    let places = places.map(|rule| opencode.find(rule).unwrap_or_else(|| panic!("{rule} in {opencode}")));
    assert!(places.is_sorted(), "{opencode}");
    assert_eq!(json(&opencode)["permission"]["read"], json(r#"{"*": "allow"}"#));
    assert_eq!(json(&opencode)["permission"]["webfetch"], "ask");
    let before = desk.picture();
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, said.lines().last()), (0, Some("nothing to change")), "{said}");
    assert_eq!(desk.picture(), before);
}

#[test]
fn what_the_user_wrote_stays_as_he_wrote_it_and_a_backup_of_it_too() {
    let mine = "{\n\t\"zebra\": 1,\n\t\"permissions\": {\n\t\t\"deny\": [\"Bash(rm:*)\"],\n\t\t\"allow\": [\"Bash(git:*)\"]\n\t},\n\t\"hooks\": {},\n\t\"apple\": 2.50\n}\n";
    let commented = "{\n  // how I like it\n  \"permission\": {\n    \"bash\": { \"*\": \"ask\", \"git status *\": \"deny\" }, // careful\n  },\n}\n";
    let desk = Desk::with(RULES);
    desk.has(SETTINGS, mine).has(OPENCODE, commented);
    fs::set_permissions(desk.home(SETTINGS), PermissionsExt::from_mode(0o640)).expect("ours");
    let (code, said) = desk.setup(&[]);
    assert_eq!(code, 0, "{said}");
    for (path, old) in [(SETTINGS, mine), (OPENCODE, commented)] {
        let mut left = old.chars().peekable();
        desk.read(path).chars().for_each(|c| {
            left.next_if_eq(&c);
        });
        assert_eq!(left.next(), None, "something was lost: {}", desk.read(path));
        assert_eq!(desk.read(&format!("{path}.flightdeck-backup")), old);
    }
    assert!(
        desk.read(SETTINGS).starts_with("{\n\t\"zebra\": 1,\n\t\"permissions\": {\n\t\t\"deny\": [\"Bash(rm:*)\", ")
    );
    assert!(desk.read(SETTINGS).contains("\n\t\"apple\": 2.50\n}\n"));
    assert_eq!([mode(&desk.home(SETTINGS)), mode(&desk.home(&format!("{SETTINGS}.flightdeck-backup")))], [0o640; 2]);
    // His denial stays, is told, and goes before what we allow.
    assert!(
        said.contains("kept as it is: permission.bash: git status * = allow: permission.bash says \"deny\""),
        "{said}"
    );
    let opencode = desk.read(OPENCODE);
    assert!(opencode.find("\"git *\"") < opencode.find("\"git status *\": \"deny\""), "{opencode}");
    assert!(opencode.find("\"git status *\": \"deny\"") < opencode.find("\"git push --force *\""), "{opencode}");
    assert!(opencode.contains("}, // careful\n"), "{opencode}");
    assert_eq!(desk.setup(&[]).1.lines().last(), Some("nothing to change"));
}

#[test]
fn one_word_for_all_is_not_taken_apart() {
    let desk = Desk::with(RULES);
    desk.has(OPENCODE, "{\"permission\": \"ask\"}");
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, desk.read(OPENCODE).as_str()), (0, "{\"permission\": \"ask\"}"));
    assert!(said.contains("kept as it is: permission.bash: git * = allow: permission is no object"), "{said}");
}

#[test]
fn a_malformed_file_is_left_alone_and_named_with_its_place_and_the_rest_is_done() {
    let desk = Desk::with(RULES);
    let broken = "{\n  \"permissions\": {,}\n}";
    desk.has(SETTINGS, broken);
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, desk.read(SETTINGS).as_str()), (1, broken), "{said}");
    assert!(said.contains(".claude/settings.json:2:19: broken JSON"), "{said}");
    assert!(desk.home(WAIT[0]).is_file() && desk.home(OPENCODE).is_file());
    assert!(!desk.home(&format!("{SETTINGS}.flightdeck-backup")).exists());
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let desk = Desk::with(RULES);
    let before = desk.picture();
    let (code, said) = desk.setup(&["--dry-run"]);
    assert_eq!((code, desk.picture()), (0, before), "{said}");
    assert!(said.contains("\n    + permissions.deny: Bash(git push --force:*)\n"), "{said}");
    assert!(said.contains("\n    + WAITING-UNTIL: <time"), "{said}");
    assert_eq!(said.lines().last(), Some("8 files would change"));
}

#[test]
fn only_our_own_unchanged_commands_are_cleaned() {
    let desk = Desk::with(RULES);
    desk.has(".claude/commands/handoff.md", "my own\n");
    let (code, said) = desk.setup(&[]);
    assert!(code == 0 && said.contains("kept as it is: a command of your own stands there"), "{said}");
    let changed = desk.read(WAIT[1]).replace("You are about to wait", "You wait");
    desk.has(WAIT[1], &changed);
    let settings = desk.read(SETTINGS);
    let (code, said) = desk.setup(&["--clean"]);
    assert_eq!(code, 0, "{said}");
    assert!(!desk.home(WAIT[0]).exists() && !desk.home(".claude/commands/phase-status.md").exists());
    assert_eq!(desk.read(".claude/commands/handoff.md"), "my own\n");
    assert_eq!((desk.read(WAIT[1]), desk.read(SETTINGS)), (changed, settings));
    assert!(said.contains("kept as it is: it was changed by hand"), "{said}");
    assert_eq!(desk.setup(&["--clean"]).1.lines().last(), Some("nothing to change"));
}

#[test]
fn a_program_that_is_not_installed_is_left_out_and_told() {
    let desk = Desk::with(RULES);
    fs::remove_file(desk.at("bin/opencode")).expect("it was there");
    let (code, said) = desk.setup(&[]);
    assert!(code == 0 && said.contains("OpenCode: `opencode` is not installed, nothing to do\n"), "{said}");
    assert!(desk.home(SETTINGS).is_file() && !desk.home(".config").exists());
    let rows = desk.setup(&["--json"]).1;
    let rows: Vec<Value> = rows.lines().map(json).collect();
    assert_eq!(rows.last().expect("a row")["change"], "not installed");
    assert!(rows[..4].iter().all(|row| row["change"] == "unchanged"), "{rows:?}");
}

#[test]
fn links_are_not_followed_wherever_they_stand() {
    let desk = Desk::with(RULES);
    let elsewhere = desk.at("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::write(elsewhere.join("settings.json"), "{}").expect("a file");
    fs::create_dir_all(desk.home(".claude")).expect("a folder");
    symlink(elsewhere.join("settings.json"), desk.home(SETTINGS)).expect("a link");
    fs::create_dir_all(desk.home(".config")).expect("a folder");
    symlink(&elsewhere, desk.home(".config/opencode")).expect("a link");
    let (code, said) = desk.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(".claude/settings.json is a symbolic link, which is not followed"), "{said}");
    assert!(said.contains(".config/opencode is a symbolic link, which is not followed"), "{said}");
    let names: Vec<_> = fs::read_dir(&elsewhere).expect("a folder").collect();
    assert_eq!((names.len(), fs::read_to_string(elsewhere.join("settings.json")).expect("a file").as_str()), (1, "{}"));
    assert!(desk.home(WAIT[0]).is_file());
}

#[test]
fn the_commands_of_the_workspace_are_what_is_given_and_new_files_are_the_users_alone() {
    let desk = Desk::with("");
    let folder = desk.at("deck/prompts/commands");
    fs::remove_dir_all(&folder).expect("init made it");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("greet.md"), "---\ndescription: Say hello\n---\nHello $ARGUMENTS\n").expect("a file");
    let (code, said) = desk.setup(&["--home", desk.at("home").to_str().expect("text")]);
    assert_eq!((code, said.lines().last()), (0, Some("2 files changed")), "{said}");
    let greet = desk.read(".claude/commands/greet.md");
    assert!(greet.contains("\ndescription: \"Say hello\"\n---\n\nHello $ARGUMENTS\n"), "{greet}");
    assert_eq!(mode(&desk.home(".claude/commands/greet.md")), 0o600);
    assert_eq!(mode(&desk.home(".claude")), 0o700);
    // A command of ours follows its source.
    fs::write(folder.join("greet.md"), "---\ndescription: Say hello\n---\nGood morning $ARGUMENTS\n").expect("a file");
    let (_, said) = desk.setup(&[]);
    assert!(said.contains("    - Hello $ARGUMENTS\n    + Good morning $ARGUMENTS\n"), "{said}");
    fs::write(folder.join("greet.md"), "---\ndescription: Say hello\nmodel: x\n---\nHello\n").expect("a file");
    let (code, said) = desk.setup(&[]);
    assert!(code == 2 && said.contains("prompts/commands/greet.md:3:1"), "{said}");
    fs::set_permissions(folder.join("greet.md"), PermissionsExt::from_mode(0o666)).expect("ours");
    let (code, said) = desk.setup(&[]);
    assert!(code == 2 && said.contains("can be written by others"), "{said}");
}

const SERVERS: &str = "[setup]\nmcp = ['files']\n[mcp.files]\ncommand = '/opt/files'\nargs = ['{env:X}']\nenv = ['TOKEN']\n\
                       [mcp.agents-only]\ncommand = 'x'\n";
const CLAUDES: &str = ".claude.json";
const OPENCODES: &str = ".config/opencode/opencode.jsonc";

/// A Claude Code that does what it is asked: it writes down the words, and its file.
const ASKED: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/asked"
case $2 in
add-json) printf '{"mcpServers": {"mine": {"command": "m"}, "%s": %s}}' "$5" "$6" > "$HOME/.claude.json" ;;
remove) printf '{"mcpServers": {"mine": {"command": "m"}}}' > "$HOME/.claude.json" ;;
esac
"#;

fn registering() -> Desk {
    let desk = Desk::with(SERVERS);
    let program = desk.at("bin/claude");
    fs::write(&program, ASKED).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    desk.has(CLAUDES, r#"{"mcpServers": {"mine": {"command": "m"}}}"#);
    desk.has(
        OPENCODES,
        "{\n  // mine\n  \"mcp\": {\n    \"mine\": {\"type\": \"local\", \"command\": [\"m\"]} // too\n  }\n}\n",
    );
    desk
}

#[test]
fn both_programs_get_the_same_servers_once_and_what_is_ours_can_be_taken_back() {
    let desk = registering();
    let before = desk.picture();
    let (code, said) = desk.setup(&["--dry-run"]);
    assert_eq!((code, desk.picture()), (0, before.clone()), "{said}");
    let claude = r#"+ mcpServers.files = {"args":["{env:X}"],"command":"/opt/files","env":{"FLIGHTDECK_SETUP":""#;
    let opencode =
        r#"+ mcp.files = {"command":["/opt/files","{env:X}"],"enabled":true,"environment":{"FLIGHTDECK_SETUP":""#;
    assert!(said.contains(claude) && said.contains(opencode) && !said.contains("agents-only"), "{said}");
    let (code, said) = desk.setup(&[]);
    assert_eq!(code, 0, "{said}");
    let asked = desk.read("asked");
    assert!(asked.starts_with("mcp add-json --scope user files {") && asked.lines().count() == 1, "{asked}");
    let written = json(&desk.read(CLAUDES));
    assert_eq!(written["mcpServers"]["files"]["env"]["TOKEN"], "${TOKEN}");
    let settings = desk.read(OPENCODES);
    assert!(settings.contains("// mine\n") && settings.contains("// too\n"), "{settings}");
    // Its own words for a variable would be put in before it reads the rest.
    assert!(settings.contains("\"\\u007benv:X}\"") && !settings.contains("TOKEN"), "{settings}");
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, said.lines().last()), (0, Some("nothing to change")), "{said}");
    assert_eq!((desk.read("asked"), desk.read(OPENCODES)), (asked, settings));
    // What the workspace says now is what stands there from now on.
    let main = fs::read_to_string(desk.at("deck/flightdeck.toml")).expect("a file");
    fs::write(desk.at("deck/flightdeck.toml"), main.replace("/opt/files", "/srv/files")).expect("a file");
    let (code, said) = desk.setup(&[]);
    assert_eq!((code, said.lines().last()), (0, Some("2 files changed")), "{said}");
    assert_eq!(json(&desk.read(CLAUDES))["mcpServers"]["files"]["command"], "/srv/files");
    assert!(desk.read(OPENCODES).contains("/srv/files") && !desk.read(OPENCODES).contains("/opt/files"));
    let (code, said) = desk.setup(&["--clean"]);
    assert!(code == 0 && said.contains("- mcpServers.files = ") && said.contains("- mcp.files = "), "{said}");
    assert!(desk.read("asked").ends_with("mcp remove --scope user files\n"));
    let left = desk.read(OPENCODES);
    assert!(!left.contains("files") && left.contains("\"mine\": {\"type\"") && left.contains("// too"), "{left}");
}

#[test]
fn a_server_of_the_users_own_stays_and_a_file_that_is_none_is_left_alone() {
    let desk = registering();
    let (mine, theirs) =
        (r#"{"mcpServers": {"files": {"command": "mine"}}}"#, "{\"mcp\": {\"files\": {\"type\": \"remote\"}}}\n");
    desk.has(CLAUDES, mine).has(OPENCODES, theirs);
    for words in [&[][..], &["--clean"]] {
        let (code, said) = desk.setup(words);
        assert_eq!((code, desk.read(CLAUDES).as_str(), desk.read(OPENCODES).as_str()), (0, mine, theirs), "{said}");
        assert_eq!(said.matches("kept as it is: ").count(), if words.is_empty() { 2 } else { 0 }, "{said}");
    }
    desk.has(CLAUDES, "{\"mcpServers\": ");
    let (code, said) = desk.setup(&[]);
    assert!(code == 1 && said.contains(".claude.json:1:16: broken JSON"), "{said}");
    assert!(desk.read(CLAUDES) == "{\"mcpServers\": " && !desk.home("asked").exists());
    fs::remove_file(desk.at("bin/claude")).expect("a file");
    let (code, said) = desk.setup(&[]);
    assert!(code == 0 && said.contains("`claude` is not installed"), "{said}");
}

#[test]
fn a_program_that_refuses_is_told_with_its_words() {
    let desk = registering();
    fs::write(desk.at("bin/claude"), "#!/bin/sh\necho not today\nexit 3\n").expect("a script");
    let (code, said) = desk.setup(&[]);
    assert!(code == 1 && said.contains("`claude mcp add-json` ended with exit status: 3: not today"), "{said}");
    fs::write(desk.at("bin/claude"), "#!/bin/sh\n").expect("a script");
    let (code, said) = desk.setup(&[]);
    assert!(code == 1 && said.contains("claude said it was done, and "), "{said}");
}
