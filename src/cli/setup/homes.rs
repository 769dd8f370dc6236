//! Where Claude Code and OpenCode keep what they are told, and how each of them writes a permission rule. Writes nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::config::setup::{Rule, Tool, Verdict};

use super::graft::{Place, Wish};
use super::jsonc::Dialect;

/// An agent program and its files.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// For people.
    pub(super) title: &'static str,
    /// The program by which we see that it is installed.
    pub(super) program: &'static str,
    /// A folder of the user's that is there; nothing above it is our affair.
    pub(super) base: PathBuf,
    /// From there: where its commands lie, and its settings.
    pub(super) commands: PathBuf,
    pub(super) settings: PathBuf,
    pub(super) dialect: Dialect,
    /// What a new settings file begins with.
    pub(super) blank: &'static str,
    /// Where MCP servers are registered.
    pub(super) registry: Registry,
    rule: fn(&[Rule], usize) -> Wish,
}

/// Where a program keeps its MCP servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registry {
    /// In its settings.
    Settings,
    /// In a file that only itself may write.
    Asked,
}

/// Both, below this home; `given`: it was named, so that what the environment says of the user's own does not count.
pub(super) fn homes(home: &Path, given: bool) -> [Home; 2] {
    let own = |name: &str| std::env::var_os(name).filter(|path| !given && !path.is_empty()).map(PathBuf::from);
    let claude = match own("CLAUDE_CONFIG_DIR") {
        Some(base) => (base, PathBuf::new()),
        None => (home.to_path_buf(), PathBuf::from(".claude")),
    };
    let opencode = match own("XDG_CONFIG_HOME") {
        Some(base) => (base, PathBuf::from("opencode")),
        None => (home.to_path_buf(), PathBuf::from(".config/opencode")),
    };
    // With comments is the one it reads last, so that one wins.
    let with_comments = opencode.1.join("opencode.jsonc");
    let settings = match opencode.0.join(&with_comments).symlink_metadata() {
        Ok(_) => with_comments,
        Err(_) => opencode.1.join("opencode.json"),
    };
    [
        Home {
            title: "Claude Code",
            program: "claude",
            commands: claude.1.join("commands"),
            settings: claude.1.join("settings.json"),
            base: claude.0,
            dialect: Dialect::Strict,
            blank: "{}\n",
            registry: Registry::Asked,
            rule: for_claude,
        },
        Home {
            title: "OpenCode",
            program: "opencode",
            commands: opencode.1.join("command"),
            settings,
            base: opencode.0,
            dialect: Dialect::Comments,
            blank: "{\n  \"$schema\": \"https://opencode.ai/config.json\"\n}\n",
            registry: Registry::Settings,
            rule: for_opencode,
        },
    ]
}

impl Home {
    /// What its settings should hold, in the order in which it is to be added.
    pub(super) fn wishes(&self, rules: &[Rule]) -> Vec<Wish> {
        (0..rules.len()).map(|at| (self.rule)(rules, at)).collect()
    }

    /// Whether its program is on this search path.
    pub(super) fn installed(&self, path: Option<&OsStr>) -> bool {
        let folders = path.into_iter().flat_map(std::env::split_paths);
        folders.map(|folder| folder.join(self.program)).any(|program| program.is_file())
    }
}

/// Lists by verdict; a denial goes before a question, and that before a permission, wherever they stand.
fn for_claude(rules: &[Rule], at: usize) -> Wish {
    let rule = &rules[at];
    let tool = match rule.tool {
        Tool::Bash => "Bash",
        Tool::Edit => "Edit",
        Tool::Read => "Read",
        Tool::WebFetch => "WebFetch",
        Tool::WebSearch => "WebSearch",
    };
    let text = match &rule.pattern {
        None => tool.to_string(),
        // The form for "and whatever follows" that all versions know.
        Some(pattern) => match pattern.strip_suffix(" *").filter(|rest| !rest.contains('*')) {
            Some(rest) => format!("{tool}({rest}:*)"),
            None => format!("{tool}({pattern})"),
        },
    };
    Wish::Listed { path: vec!["permissions".to_string(), rule.verdict.word().to_string()], text }
}

/// One object for each tool, in which the last pattern that fits wins. What the user wrote is stronger than what we allow or
/// ask, and what we deny is stronger than all, as it is for Claude Code.
fn for_opencode(rules: &[Rule], at: usize) -> Wish {
    let rule = &rules[at];
    let value = rule.verdict.word().to_string();
    let permission = "permission".to_string();
    let (tool, patterned) = match rule.tool {
        Tool::Bash => ("bash", true),
        Tool::Edit => ("edit", true),
        Tool::Read => ("read", true),
        Tool::WebFetch => ("webfetch", false),
        Tool::WebSearch => ("websearch", false),
    };
    if !patterned {
        return Wish::Keyed { path: vec![permission], key: tool.to_string(), value, place: Place::Last };
    }
    let known = |one: &Rule| Some((one.pattern.clone()?, one.verdict.word().to_string()));
    let earlier = || rules[..at].iter().filter(|one| one.tool == rule.tool).filter_map(known);
    let place = match (&rule.pattern, rule.verdict) {
        (None, _) => Place::First,
        (Some(_), Verdict::Deny) => Place::Last,
        (Some(_), Verdict::Allow | Verdict::Ask) => Place::Behind(earlier().collect()),
    };
    let key = rule.pattern.clone().unwrap_or_else(|| "*".to_string());
    Wish::Keyed { path: vec![permission, tool.to_string()], key, value, place }
}
