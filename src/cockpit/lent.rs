//! Programs that get the operator's terminal for a while: tmux in front of an agent, an editor for a file. Each is a program with
//! its arguments, and no shell.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::edge::spawn;
use crate::edge::tmux::verb;
use crate::words::text;

/// A person's client in front of a session. What tmux complains of is kept for the notice, since our screen covers it at once.
pub(super) fn attach(socket: &Path, session: &str) -> Command {
    let mut command = spawn::foreground("tmux");
    command.args(verb::attach_argv(&socket.to_string_lossy(), session)).stderr(Stdio::piped());
    command
}

/// The operator's editor with a file.
pub(super) fn edit(path: &Path) -> Command {
    let words = editor([std::env::var("VISUAL").ok(), std::env::var("EDITOR").ok()]);
    let mut command = spawn::foreground(&words[0]);
    command.args(&words[1..]).arg(path);
    command
}

/// Program and arguments of the first that says something; they are parted at blanks, and nothing in them is expanded.
fn editor(wishes: [Option<String>; 2]) -> Vec<String> {
    let mut wishes = wishes.into_iter().flatten().map(|wish| wish.split_whitespace().map(str::to_string).collect());
    wishes.find(|words: &Vec<String>| !words.is_empty()).unwrap_or_else(|| vec!["vi".to_string()])
}

/// Waits for its end; what went wrong, for the operator.
pub(super) fn trouble(name: &OsString, child: Child) -> Option<String> {
    let name = text::line(&name.to_string_lossy());
    match child.wait_with_output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().map(text::line).rfind(|line| !line.trim().is_empty());
            Some(last.map_or_else(|| format!("{name} ended with {}", output.status), |said| format!("{name}: {said}")))
        }
        Err(cause) => Some(format!("{name} can't be waited for: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_is_the_first_that_is_set_and_vi_without_one() {
        let wish = |text: &str| Some(text.to_string());
        assert_eq!(editor([wish("code --wait"), wish("nano")]), ["code", "--wait"]);
        assert_eq!(editor([wish("  "), wish("nano $(id)")]), ["nano", "$(id)"]);
        assert_eq!(editor([None, None]), ["vi"]);
    }

    #[test]
    fn an_end_that_was_no_success_is_told_with_what_the_program_said() {
        let ends = |script: &str| {
            let mut command = spawn::foreground("sh");
            let child = command.args(["-c", script]).stderr(Stdio::piped()).spawn().expect("a shell");
            trouble(&"sh".into(), child)
        };
        assert_eq!(ends("exit 0"), None);
        assert_eq!(ends("exit 3").as_deref(), Some("sh ended with exit status: 3"));
        assert_eq!(ends("echo no such thing >&2; exit 1").as_deref(), Some("sh: no such thing"));
    }
}
