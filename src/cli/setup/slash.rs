//! Slash commands: from the workspace's `prompts/commands/*.md`, or the built-in ones, to the files of the agent programs.
//! Each such file has a line that says it is ours and what it held; so one that somebody changed is known, and left alone.

use std::path::Path;

use crate::config::fnv::fnv;
use crate::config::setup::{COMMANDS, SlashCommand, command};
use crate::config::text::Text;
use crate::edge::files;

use super::super::error::{CliError, Kind};

/// Largest source; the longest command anybody types has a tenth of it.
const CAP: u64 = 256 * 1024;
/// Commands of one workspace.
const COUNT_CAP: usize = 100;
/// How our line begins. A comment to YAML, so no agent is told it.
const MARK: &str = "# made by flightdeck setup (";

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    /// Ours once, and changed since.
    Changed,
    Theirs,
}

/// The commands of a workspace, by name: those of its folder where it has one, else the built-in ones. Whoever can write one
/// can make an agent do anything: as with the other files of a workspace, nobody but its owner may.
pub(super) fn commands(root: &Path) -> Result<Vec<SlashCommand>, CliError> {
    let folder = root.join("prompts").join("commands");
    let mut texts = Vec::new();
    match std::fs::read_dir(&folder) {
        Ok(listing) => {
            for entry in listing {
                let name = entry?.file_name().to_string_lossy().into_owned();
                let Some(stem) = name.strip_suffix(".md").filter(|stem| !stem.starts_with('.')) else { continue };
                let shown = format!("prompts/commands/{name}");
                if !is_name(stem) {
                    return Err(wrong(format!("{shown}: a command is 1 to 32 of a-z, 0-9 and `-`")));
                }
                let bytes = files::read_private(&folder.join(&name), CAP).map_err(|why| wrong(why.to_string()))?;
                let text = Text::decode(&shown, &bytes).map_err(|problem| wrong(problem.to_string()))?;
                texts.push((stem.to_string(), text));
            }
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let name = |name: &str| format!("prompts/commands/{name}.md");
            texts.extend(COMMANDS.map(|(stem, text)| (stem.to_string(), Text::of(&name(stem), text))));
        }
        Err(cause) => return Err(wrong(format!("{}: {cause}", folder.display()))),
    }
    if texts.len() > COUNT_CAP {
        return Err(wrong(format!("prompts/commands holds {} files, at most {COUNT_CAP} are taken", texts.len())));
    }
    texts.sort_by(|(one, _), (other, _)| one.cmp(other));
    let read = |(name, text): &(String, Text)| command(name, text).map_err(|problem| wrong(problem.to_string()));
    texts.iter().map(read).collect()
}

/// The file as all programs read it: a front matter with the description, and the text.
pub(super) fn file(command: &SlashCommand) -> String {
    let description = serde_json::Value::from(command.description.as_str());
    let rest = format!("description: {description}\n---\n\n{}\n", command.body);
    let source = format!("{:016x}); its source is prompts/commands/{}.md", hash(&rest), command.name);
    format!("---\n{MARK}{source}\n{rest}")
}

/// Whose file this is.
pub(super) fn whose(text: &str) -> Whose {
    let ours = text.strip_prefix("---\n").and_then(|text| text.strip_prefix(MARK));
    let Some((line, rest)) = ours.and_then(|text| text.split_once('\n')) else { return Whose::Theirs };
    let told = line.split_once(')').map(|(hash, _)| hash);
    if told == Some(format!("{:016x}", hash(rest)).as_str()) { Whose::Ours } else { Whose::Changed }
}

/// Tells a changed file.
fn hash(text: &str) -> u64 {
    fnv(text.bytes())
}

fn is_name(stem: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&stem.len()) && stem.chars().all(fits)
}

fn wrong(what: String) -> CliError {
    CliError::new(Kind::Usage, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_files_are_known_and_changed_ones_too() {
        let command = SlashCommand {
            name: "wait".to_string(),
            description: "say: \"when\" # now".to_string(),
            body: "Wait.\n\nWell.".to_string(),
        };
        let text = file(&command);
        assert!(text.contains("\ndescription: \"say: \\\"when\\\" # now\"\n---\n\nWait.\n\nWell.\n"), "{text}");
        assert_eq!(whose(&text), Whose::Ours);
        assert_eq!(whose(&text.replace("Well", "No")), Whose::Changed);
        assert_eq!(whose("---\ndescription: mine\n---\nx\n"), Whose::Theirs);
        assert_eq!(whose(""), Whose::Theirs);
    }
}
