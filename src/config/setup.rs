//! What all agent programs of an operator are given alike: permission rules and MCP servers from `[setup]`, and slash commands
//! from `prompts/commands/*.md`. Reads and judges both; how each program writes them down is not known here.

use std::collections::BTreeMap;

use super::model::McpServer;
use super::problem::{Problem, quoted};
use super::raw::{Report, Table, Written};
use super::text::Text;
use super::values;

/// The slash commands that are there where the workspace has no folder of its own for them, in the order of `init`.
pub const COMMANDS: [(&str, &str); 3] = [
    ("handoff", include_str!("../../prompts/commands/handoff.md")),
    ("phase-status", include_str!("../../prompts/commands/phase-status.md")),
    ("wait", include_str!("../../prompts/commands/wait.md")),
];

/// Longest pattern of a rule; the longest sensible ones have some dozens of characters.
const PATTERN_CAP: usize = 200;
/// Longest description; programs show it on one line of a menu.
const DESCRIPTION_CAP: usize = 200;
/// What a rule looks like, for messages.
const RULE: &str = "a tool (bash, edit, read, webfetch, websearch), or a command such as \"bash(git status *)\"";

/// `[setup]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// In the order of the file: all that are allowed, all that ask, all that are denied.
    pub rules: Vec<Rule>,
    /// Those of `[mcp.*]` that all programs get, by name.
    pub mcp: Vec<String>,
}

/// Whether an agent may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub verdict: Verdict,
    pub tool: Tool,
    /// Of a command line, with `*` for anything; only for [`Tool::Bash`]. `None`: all of it.
    pub pattern: Option<String>,
}

/// What becomes of a request; a later one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Allow,
    Ask,
    Deny,
}

impl Verdict {
    /// The word that all programs have for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Ask => "ask",
            Verdict::Deny => "deny",
        }
    }
}

/// What an agent does something with; those that mean the same in all programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Bash,
    Edit,
    Read,
    WebFetch,
    WebSearch,
}

/// One slash command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlashCommand {
    /// What is typed after the slash.
    pub name: String,
    pub description: String,
    pub body: String,
}

/// `[setup]`
pub fn read(mut table: Table<'_>, servers: &BTreeMap<String, McpServer>, report: &mut Report<'_>) -> Setup {
    let mut rules: Vec<Rule> = Vec::new();
    for verdict in [Verdict::Allow, Verdict::Ask, Verdict::Deny] {
        let each = values::checked(RULE, |text| rule(verdict, text));
        let Some(written) = table.get(report, verdict.word(), values::list("a list of rules", each)) else { continue };
        for element in &written.value {
            let new = element.get_ref();
            if rules.iter().any(|old| (old.tool, &old.pattern) == (new.tool, &new.pattern)) {
                let place = Written { value: (), key: written.key.clone(), span: element.span() };
                report.refuse(&place, "a rule that is there twice", "each tool or command once");
            }
            rules.push(new.clone());
        }
    }
    let names: Vec<&str> = servers.keys().map(String::as_str).collect();
    let known = values::judged(|text: &str| match servers.contains_key(text) {
        true => Ok(text.to_string()),
        false => Err(values::unknown("MCP server", text, &names)),
    });
    let mcp = table.get(report, "mcp", values::list("a list of names of [mcp.NAME]", known));
    table.close(report);
    let mcp = mcp.into_iter().flat_map(|written| written.value).map(toml::Spanned::into_inner).collect();
    Setup { rules, mcp }
}

fn rule(verdict: Verdict, text: &str) -> Option<Rule> {
    let (word, pattern) = match text.split_once('(') {
        Some((word, rest)) => (word, Some(rest.strip_suffix(')')?)),
        None => (text, None),
    };
    let tool = match word {
        "bash" => Tool::Bash,
        "edit" => Tool::Edit,
        "read" => Tool::Read,
        "webfetch" => Tool::WebFetch,
        "websearch" => Tool::WebSearch,
        _ => return None,
    };
    let pattern = match pattern {
        None | Some("*") => None,
        // Paths and addresses are matched in other ways by each program; only command lines mean the same.
        Some(pattern) if tool == Tool::Bash && same_everywhere(pattern) => Some(pattern.to_string()),
        Some(_) => return None,
    };
    Some(Rule { verdict, tool, pattern })
}

/// Whether all programs take the pattern for the same: no character that one of them reads in a way of its own.
fn same_everywhere(pattern: &str) -> bool {
    let plain = pattern.chars().all(|c| !c.is_control() && !"()\\?\"'`".contains(c));
    let begins = pattern.starts_with(|c: char| c.is_alphanumeric() || "./_-".contains(c));
    plain && begins && pattern.len() <= PATTERN_CAP && pattern.trim() == pattern && !pattern.ends_with(":*")
}

/// A slash command from its file: a front matter that holds its description and nothing else, then what the agent is told.
pub fn command(name: &str, text: &Text) -> Result<SlashCommand, Box<Problem>> {
    let wrong = |from: usize, found: &str, expected: &str| {
        let rest = &text.text[from.min(text.text.len())..];
        let length = rest.find('\n').unwrap_or(rest.len());
        Box::new(Problem::at(text, from..from + length, "", found).expected(expected))
    };
    let form = "`---`, a line `description: …`, `---`, and the text";
    let Some(inside) = text.text.strip_prefix("---\n") else { return Err(wrong(0, "no front matter", form)) };
    let Some(end) = inside.find("\n---\n") else { return Err(wrong(0, "a front matter without end", form)) };
    let mut at = "---\n".len();
    let mut description = None;
    for line in inside[..end].lines() {
        match line.split_once(':') {
            Some(("description", value)) if description.is_none() => {
                let value = value.trim();
                // As YAML reads it, quotes around the whole are no part of it.
                let bare = [value.strip_prefix('"'), value.strip_prefix('\'')].into_iter().flatten().next();
                description = Some(bare.map_or(value, |rest| &rest[..rest.len().saturating_sub(1)]).to_string());
            }
            _ if line.trim().is_empty() || line.starts_with('#') => {}
            _ => return Err(wrong(at, &format!("the line {}", quoted(line)), "`description: …` and nothing else")),
        }
        at += line.len() + 1;
    }
    let body = inside[end + "\n---\n".len()..].trim();
    let fits = |text: &String| !text.is_empty() && text.len() <= DESCRIPTION_CAP && !text.chars().any(char::is_control);
    let Some(description) = description.filter(fits) else {
        return Err(wrong(0, "no description", &format!("a line `description: …` of 1 to {DESCRIPTION_CAP} bytes")));
    };
    if body.is_empty() {
        return Err(wrong(0, "a command that says nothing", form));
    }
    Ok(SlashCommand { name: name.to_string(), description, body: body.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_a_tool_or_a_command_that_means_the_same_everywhere() {
        let read = |text: &str| rule(Verdict::Allow, text).map(|rule| (rule.tool, rule.pattern));
        assert_eq!(read("edit"), Some((Tool::Edit, None)));
        assert_eq!(read("bash"), Some((Tool::Bash, None)));
        assert_eq!(read("bash(*)"), Some((Tool::Bash, None)));
        assert_eq!(read("bash(git push *)"), Some((Tool::Bash, Some("git push *".to_string()))));
        for text in [
            "",
            "Bash",
            "bash(",
            "bash()",
            "bash(git",
            "bash(git:*)",
            "bash( git)",
            "bash($HOME/x)",
            "bash(~/x)",
            "bash(a (b))",
            "bash(a?)",
            "bash(a\u{1b})",
            "edit(src/*)",
            "webfetch(example.org)",
            "mcp",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_command_has_a_description_and_a_text_and_else_it_says_what_is_wrong_where() {
        let read = |text: &str| {
            let text = Text::decode("prompts/commands/x.md", text.as_bytes()).expect("text");
            command("x", &text).map_err(|problem| problem.to_string())
        };
        let good = read("---\ndescription: \"say: hi\"\n---\n\nHello $ARGUMENTS\n").expect("good");
        assert_eq!((good.description.as_str(), good.body.as_str()), ("say: hi", "Hello $ARGUMENTS"));
        for (text, line, word) in [
            ("Hello\n", 1, "no front matter"),
            ("---\ndescription: a\n", 1, "without end"),
            ("---\ndescription: a\nmodel: b\n---\nx\n", 3, "model: b"),
            ("---\n---\n", 1, "front matter"),
            ("---\ndescription:\n---\nx\n", 1, "no description"),
            ("---\ndescription: a\n---\n \n", 1, "says nothing"),
        ] {
            let problem = read(text).expect_err(text);
            assert!(
                problem.starts_with(&format!("prompts/commands/x.md:{line}:")) && problem.contains(word),
                "{problem}"
            );
        }
    }

    #[test]
    fn the_built_in_commands_are_in_order() {
        for (name, text) in COMMANDS {
            let text = Text::decode(name, text.as_bytes()).expect("text");
            assert!(command(name, &text).expect(name).body.len() > 100);
        }
    }
}
