//! The command line as a shell sees it: what is printed, where, and with which exit code.

mod backend;
mod calls;
mod cockpit_keys;
mod codes;
mod deck;
mod fleet;
mod live;
mod messages;
mod sentences;
mod sharing;
mod stand_in;
mod usage;

use std::path::Path;

use assert_cmd::Command;

#[test]
fn without_a_verb_and_without_a_terminal_the_cockpit_says_what_to_do_and_the_code_is_2() {
    let run = flightdeck().assert().code(2);
    assert_eq!(stdout(&run), "");
    assert_eq!(
        stderr(&run),
        "error: the cockpit needs a terminal\n\
         hint: `flightdeck status` prints the fleet, `flightdeck --help` lists the verbs\n"
    );
}

#[test]
fn every_verb_explains_itself_with_its_exit_codes() {
    for verb in verbs() {
        let run = flightdeck().args([&verb, "--help"]).assert().code(0);
        assert!(stdout(&run).contains("Usage: flightdeck"), "{verb}");
        assert!(stdout(&run).contains("130  interrupted"), "{verb}");
    }
}

#[test]
fn help_among_other_words_never_acts() {
    let folder = tempfile::tempdir().expect("a folder");
    flightdeck().current_dir(&folder).args(["man", "pages", "--help"]).assert().code(0);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn an_unknown_verb_is_refused_with_the_nearest_known_one() {
    let run = flightdeck().arg("complations").assert().code(2);
    assert!(stderr(&run).contains("'completions'"), "{}", stderr(&run));
}

#[test]
fn completions_come_for_bash_zsh_and_fish() {
    for shell in ["bash", "zsh", "fish"] {
        let run = flightdeck().args(["completions", shell]).assert().code(0);
        assert!(stdout(&run).contains("flightdeck"), "{shell}");
    }
}

#[test]
fn the_manual_has_a_page_for_the_program_and_each_verb() {
    let folder = tempfile::tempdir().expect("a folder");
    flightdeck().current_dir(&folder).args(["man", "share/man1"]).assert().code(0);
    let pages = names(&folder.path().join("share/man1"));
    assert!(pages.contains(&"flightdeck.1".to_string()));
    for verb in verbs() {
        assert!(pages.contains(&format!("flightdeck-{verb}.1")), "{verb} in {pages:?}");
    }
}

#[test]
fn a_failure_says_what_why_and_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let run = flightdeck().current_dir(&folder).args(["man", "file/man1"]).assert().code(1);
    assert!(stderr(&run).starts_with("error: the manual pages could not be written to file/man1\n  because: "));
    let run = flightdeck().current_dir(&folder).args(["man", "file/man1", "--json"]).assert().code(1);
    let said: serde_json::Value = serde_json::from_str(&stdout(&run)).expect("JSON");
    assert_eq!(said["exit"], 1);
    assert_eq!(stderr(&run), "");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for words in [["completions", "bash"], ["man", "--json"], ["man", "--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = flightdeck::edge::spawn::blocking(env!("CARGO_BIN_EXE_flightdeck"));
        let run = command.args(words).stdout(writer).output().expect("it runs");
        assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(0), ""), "{words:?}");
    }
}

fn flightdeck() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flightdeck"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// The verbs that the help of the program lists.
fn verbs() -> Vec<String> {
    let listed: Vec<String> = flightdeck::cli::command()
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| verb.get_name().to_string())
        .collect();
    assert!(!listed.is_empty());
    listed
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn stdout(run: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&run.get_output().stdout).into_owned()
}

fn stderr(run: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&run.get_output().stderr).into_owned()
}
