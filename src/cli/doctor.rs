//! `flightdeck doctor`: the machine and the workspace, looked at. Changes nothing and repairs nothing.

mod ground;
mod machine;

use serde::Serialize;

use crate::words::text;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, out, workspace};

/// Look at the machine and the workspace, and say what is missing or wrong and what to do
///
/// Each line is ok, warn or bad. Ends with 1 when something is bad. Outside of a workspace only
/// the machine is looked at.
///
/// Examples:
///   flightdeck doctor
///   flightdeck doctor --json | jq 'select(.verdict != "ok")'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do about it; nothing where it is well.
    advice: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Finding { what, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warn(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding { what, verdict: Verdict::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn bad(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding { what, verdict: Verdict::Bad, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything and prints it, one line each.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    // One that was named must be there; none at all is no mistake.
    let root = match workspace::find(global.workspace.as_deref()) {
        Ok(root) => Some(root),
        Err(error) if global.workspace.is_some() => return Err(error),
        Err(_) => None,
    };
    let mut findings = machine::look(root.as_deref())?;
    findings.extend(ground::look(root.as_deref())?);
    if global.json {
        findings.iter().try_for_each(out::json)?;
    } else {
        out::text(&shown(&findings))?;
    }
    let bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn shown(findings: &[Finding]) -> String {
    let mut shown = String::new();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Bad => "bad",
        };
        shown.push_str(&format!("{verdict:<4}  {:<12}  {}\n", finding.what, text::line(&finding.found)));
        if let Some(advice) = &finding.advice {
            shown.push_str(&format!("{:20}do: {}\n", "", text::line(advice)));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do_and_without_escapes() {
        let findings =
            [Finding::ok("git", "git version 2.43.0"), Finding::bad("tmux", "odd \u{1b}[31m", "install tmux")];
        assert_eq!(
            shown(&findings),
            "ok    git           git version 2.43.0\nbad   tmux          odd [31m\n                    do: install tmux\n"
        );
    }
}
