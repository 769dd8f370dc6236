//! `flightdeck setup`: the same slash commands, MCP servers and permission rules for Claude Code and OpenCode, from one source. Only
//! ever adds to what the user wrote; touches no hooks and nothing of a project's own.

mod deed;
mod graft;
mod homes;
mod jsonc;
mod prune;
mod servers;
mod slash;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::Config;
use crate::config::setup::SlashCommand;
use crate::words::text;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, check, out, workspace};

use deed::{Change, Deed};
use graft::{Grown, Wish};
use homes::{Home, Registry};
use slash::Whose;

/// Give Claude Code and OpenCode the same slash commands, MCP servers and permission rules
///
/// Commands come from prompts/commands/*.md of the workspace, rules and the names of servers from
/// `[setup]` in flightdeck.toml. They are written to the home of whoever calls: ~/.claude/commands
/// and settings.json, and ~/.config/opencode/command and opencode.json; Claude Code registers servers
/// itself (`claude mcp add-json --scope user`). What stands there already is never changed or
/// removed, only added to; the former file is kept as *.flightdeck-backup. A second run changes
/// nothing. A program that is not installed is left out.
///
/// Ends with 1 when a file could not be read, understood or written; it is left as it is then.
///
/// Examples:
///   flightdeck setup --dry-run
///   flightdeck setup
///   flightdeck setup --clean
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Say what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove the commands and servers that setup has made; rules and what was changed stay
    #[arg(long)]
    clean: bool,
    /// The home to write to [default: yours]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

/// Decides about each file, then does it and says so.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let config = check::config(&root)?;
    let commands = slash::commands(&root)?;
    let named = args.home.clone().or_else(|| std::env::var_os("HOME").map(PathBuf::from));
    let home = named.ok_or_else(|| CliError::new(Kind::Usage, "no home is known").hint("name one with --home"))?;
    let home = home.canonicalize().map_err(|why| CliError::new(Kind::Usage, format!("{}: {why}", home.display())))?;
    let mut telling = Telling { json: global.json, dry_run: args.dry_run, changed: 0, failed: 0 };
    telling.begin()?;
    let path = std::env::var_os("PATH");
    for home in homes::homes(&home, args.home.is_some()) {
        // What was made for a program that is gone can still be cleaned up.
        if !args.clean && !home.installed(path.as_deref()) {
            telling.left_out(&home)?;
            continue;
        }
        let deeds = if args.clean { cleaning(&home) } else { giving(&home, &commands, &config) };
        for (path, deed) in deeds {
            let done = deed.and_then(|deed| match args.dry_run {
                true => Ok(deed),
                false => done(&home, &deed).map(|()| deed),
            });
            telling.tell(&home, &path, done)?;
        }
    }
    telling.end()
}

fn done(home: &Home, deed: &Deed) -> Result<(), String> {
    match &deed.change {
        Change::Asked { calls } => servers::ask(home, deed, calls),
        Change::Nothing | Change::Written { .. } | Change::Removed => deed::carry_out(&home.base, deed),
    }
}

type Decided = (PathBuf, Result<Deed, String>);

/// What each file of a program should become.
fn giving(home: &Home, commands: &[SlashCommand], config: &Config) -> Vec<Decided> {
    let mut deeds: Vec<Decided> = Vec::new();
    for command in commands {
        let below = home.commands.join(format!("{}.md", command.name));
        deeds.push((home.base.join(&below), give_command(home, &below, &slash::file(command))));
    }
    let mut wishes = home.wishes(&config.setup.rules);
    let servers = servers::wanted(config);
    match home.registry {
        Registry::Settings => wishes.extend(servers::wishes(&servers)),
        Registry::Asked if servers.is_empty() => {}
        Registry::Asked => deeds.push(servers::give_claude(home, &servers)),
    }
    if !wishes.is_empty() {
        deeds.push((home.base.join(&home.settings), give_settings(home, &wishes)));
    }
    deeds
}

fn give_command(home: &Home, below: &Path, new: &str) -> Result<Deed, String> {
    let old = deed::read(&home.base, below)?;
    let seen = old.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let mut deed =
        Deed { path: home.base.join(below), change: Change::Nothing, lines: Vec::new(), kept: Vec::new(), old };
    match (&deed.old, slash::whose(&seen)) {
        (Some(_), Whose::Theirs) => deed.kept.push("a command of your own stands there".to_string()),
        (Some(_), Whose::Changed) => deed.kept.push("it was changed by hand".to_string()),
        (Some(_), Whose::Ours) if seen == new => {}
        (Some(_), Whose::Ours) | (None, _) => {
            deed.lines = deed::diff(&seen, new);
            deed.change = Change::Written { new: new.as_bytes().to_vec(), ours: true };
        }
    }
    Ok(deed)
}

fn give_settings(home: &Home, wishes: &[Wish]) -> Result<Deed, String> {
    let old = deed::read(&home.base, &home.settings)?;
    let path = home.base.join(&home.settings);
    let name = path.display().to_string();
    let mut text = match &old {
        Some(bytes) => String::from_utf8(bytes.clone()).map_err(|_| format!("{name} is not UTF-8"))?,
        None => home.blank.to_string(),
    };
    let (mut lines, mut kept) = (Vec::new(), Vec::new());
    for wish in wishes {
        let shown = shown(wish);
        match graft::grow(&name, &text, home.dialect, wish).map_err(|problem| problem.to_string())? {
            Grown::Added(new) => {
                text = new;
                lines.push(format!("+ {shown}"));
            }
            Grown::There => {}
            Grown::Theirs(why) => kept.push(format!("{shown}: {why}")),
        }
    }
    let change = match lines.is_empty() {
        true => Change::Nothing,
        false => Change::Written { new: text.into_bytes(), ours: false },
    };
    Ok(Deed { path, old, change, lines, kept })
}

/// The commands of ours go; what somebody changed since is his.
fn cleaning(home: &Home) -> Vec<Decided> {
    let registered = match home.registry {
        Registry::Settings => servers::clean_opencode(home),
        Registry::Asked => servers::clean_claude(home),
    };
    registered.into_iter().chain(clean_commands(home)).collect()
}

fn clean_commands(home: &Home) -> Vec<Decided> {
    let folder = home.base.join(&home.commands);
    let Ok(listing) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut names: Vec<_> = listing.flatten().map(|entry| entry.file_name()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "md"));
    names.sort();
    let decide = |name: std::ffi::OsString| -> Option<Decided> {
        let below = home.commands.join(&name);
        let old = match deed::read(&home.base, &below) {
            Ok(old) => old?,
            // Links and what else can't be ours is nobody's trouble here.
            Err(_) => return None,
        };
        let seen = String::from_utf8_lossy(&old).into_owned();
        let (change, lines, kept) = match slash::whose(&seen) {
            Whose::Theirs => return None,
            Whose::Changed => (Change::Nothing, Vec::new(), vec!["it was changed by hand".to_string()]),
            Whose::Ours => (Change::Removed, deed::diff(&seen, ""), Vec::new()),
        };
        let path = home.base.join(&below);
        Some((path.clone(), Ok(Deed { path, old: Some(old), change, lines, kept })))
    };
    names.into_iter().filter_map(decide).collect()
}

fn shown(wish: &Wish) -> String {
    match wish {
        Wish::Listed { path, text } => format!("{}: {text}", path.join(".")),
        Wish::Keyed { path, key, value, .. } => format!("{}: {key} = {value}", path.join(".")),
        Wish::Whole { path, key, value } => format!("{}.{key} = {value}", path.join(".")),
    }
}

/// What was decided, for people or for programs.
struct Telling {
    json: bool,
    dry_run: bool,
    changed: u32,
    failed: u32,
}

impl Telling {
    fn begin(&self) -> Result<(), CliError> {
        if self.dry_run && !self.json { out::line("this would change; nothing is written:") } else { Ok(()) }
    }

    fn left_out(&self, home: &Home) -> Result<(), CliError> {
        if self.json {
            return out::json(&json!({ "program": home.program, "change": "not installed" }));
        }
        out::line(&format!("{}: `{}` is not installed, nothing to do", home.title, home.program))
    }

    fn tell(&mut self, home: &Home, path: &Path, done: Result<Deed, String>) -> Result<(), CliError> {
        let (word, lines, kept, why) = match done {
            Ok(deed) => (deed.change.word(), deed.lines, deed.kept, None),
            Err(why) => ("refused", Vec::new(), Vec::new(), Some(why)),
        };
        self.failed += u32::from(why.is_some());
        self.changed += u32::from(matches!(word, "written" | "removed"));
        if self.json {
            let file = path.display().to_string();
            return out::json(&json!({
                "program": home.program, "file": file, "change": word, "lines": lines, "kept": kept, "why": why,
            }));
        }
        out::line(&text::line(&format!("{word:<9}  {}", path.display())))?;
        for line in &lines {
            out::line(&text::line(&format!("    {line}")))?;
        }
        for line in &kept {
            out::line(&text::line(&format!("    kept as it is: {line}")))?;
        }
        why.map_or(Ok(()), |why| out::line(&text::line(&format!("    {why}"))))
    }

    fn end(&self) -> Result<Exit, CliError> {
        if !self.json {
            let changed = match (self.changed, self.dry_run) {
                (0, _) => "nothing to change".to_string(),
                (1, true) => "1 file would change".to_string(),
                (1, false) => "1 file changed".to_string(),
                (many, true) => format!("{many} files would change"),
                (many, false) => format!("{many} files changed"),
            };
            out::line(&changed)?;
        }
        Ok(if self.failed > 0 { Exit::Failed } else { Exit::Done })
    }
}
