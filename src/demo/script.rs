//! The script language: what the demo agent does with a prompt. docs/testing-demo-agent.md describes it.
//!
//! ```text
//! # a comment
//! on claim(: think 500ms; write REVIEW.md all good; commit review(1a): pass; push; wait 5m
//! first 2 flaky on *: error overloaded; say done
//! on wake: say good morning
//! ```
//!
//! Only reads; nothing here acts. A rule is a line, and indented lines below it go on with it.

use std::time::Duration;

use super::screen::Dialog;

/// A script larger than this is a mistake.
const SCRIPT_CAP: usize = 256 * 1024;

/// Rules in the order they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) rules: Vec<Rule>,
}

/// What to do when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) guards: Vec<Guard>,
    pub(super) on: Trigger,
    pub(super) steps: Vec<Guarded>,
}

/// What sets a rule off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The program has started.
    Start,
    /// A wait is over.
    Wake,
    /// Any prompt.
    Any,
    /// A prompt with this text in it.
    Prompt(String),
}

/// When a rule or step applies at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The first so many times in one state folder.
    First { times: u64, name: String },
    /// In this phase.
    In(String),
    /// With `--faults` and this word.
    Faults(String),
    /// In a conversation that was resumed.
    Resumed,
}

/// A step with its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guarded {
    pub(super) guards: Vec<Guard>,
    pub(super) step: Step,
}

/// One thing an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Say(String),
    Think(Duration),
    Write {
        file: String,
        text: String,
    },
    Append {
        file: String,
        text: String,
    },
    Commit(String),
    Push,
    Pull,
    /// `## DONE` into the phase's status file, committed and pushed.
    Done,
    /// Whatever a builder has to do next in this phase.
    Build,
    /// Whatever an adversary has to do next.
    Review,
    /// The marker, and a wake-up when it is over.
    Wait(Duration),
    /// The wake-up of this turn's wait comes this much late.
    Late(Duration),
    Marker(String),
    Ask(Dialog),
    Limit(Duration),
    Fail(Failure),
    Overloaded {
        attempts: u32,
        every: Duration,
    },
    Exit(u8),
    Kill,
    Segv,
    /// `deaf`: hears neither TERM nor HUP.
    Wedge {
        deaf: bool,
    },
    Silence {
        spinner: bool,
    },
    Child {
        busy: bool,
        span: Duration,
    },
    Leak,
    Draft(String),
    Vim,
    Print {
        per_second: u32,
        span: Duration,
    },
    /// So many Enters after the next paste are lost.
    Swallow(u32),
    /// This conversation answers every prompt with 400 from now on, also when it is resumed.
    Poison,
}

/// How a turn fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Thinking400,
    TooLong,
    Fatal,
    Login,
    /// Words of the script's own.
    Other(String),
}

impl Failure {
    /// The line on the screen, without its `✗`.
    pub(super) fn text(&self) -> &str {
        match self {
            Failure::Thinking400 => "API error 400: `thinking` blocks cannot be modified",
            Failure::TooLong => "prompt is too long",
            Failure::Fatal => "FATAL: internal error",
            Failure::Login => "login expired · run /login",
            Failure::Other(text) => text,
        }
    }
}

/// A line that is no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) what: String,
}

/// Reads a script.
pub(super) fn parse(text: &str) -> Result<Script, Problem> {
    if text.len() > SCRIPT_CAP {
        return Err(Problem { line: 1, what: format!("the script has more than {SCRIPT_CAP} bytes") });
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let at = |what: String| Problem { line: n + 1, what };
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let rule = rules.last_mut().ok_or_else(|| at("an indented line needs a rule above it".to_string()))?;
            rule.steps.extend(steps(line).map_err(at)?);
        } else {
            rules.push(rule(line).map_err(at)?);
        }
    }
    Ok(Script { rules })
}

fn rule(line: &str) -> Result<Rule, String> {
    let (guards, rest) = guards(line)?;
    let rest = rest.strip_prefix("on ").ok_or("a rule begins with `on PATTERN:`")?.trim_start();
    let (pattern, quoted, rest) = match rest.strip_prefix('"') {
        Some(rest) => {
            let (pattern, rest) = rest.split_once('"').ok_or("the closing quote of the pattern is missing")?;
            (pattern, true, rest.trim_start().strip_prefix(':').ok_or("after the pattern comes `:`")?)
        }
        None => {
            let (pattern, rest) = rest.split_once(':').ok_or("after the pattern comes `:`")?;
            (pattern.trim(), false, rest)
        }
    };
    let on = match (pattern, quoted) {
        ("", _) => return Err("the pattern is empty: `*` is any prompt".to_string()),
        ("*", false) => Trigger::Any,
        ("start", false) => Trigger::Start,
        ("wake", false) => Trigger::Wake,
        (text, _) => Trigger::Prompt(text.to_string()),
    };
    Ok(Rule { guards, on, steps: steps(rest)? })
}

/// Steps between semicolons; `\;` is one that does not part them, `\n` a line break, `\\` a backslash.
fn steps(text: &str) -> Result<Vec<Guarded>, String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            ';' => {
                parts.push(String::new());
                continue;
            }
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c @ (';' | '\\')) => c,
                other => return Err(format!("unknown escape `\\{}`: there are \\n \\; \\\\", other.unwrap_or(' '))),
            },
            c => c,
        };
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    let parts = parts.iter().map(|part| part.trim_matches([' ', '\t'])).filter(|part| !part.is_empty());
    parts.map(guarded).collect()
}

fn guarded(text: &str) -> Result<Guarded, String> {
    let (guards, rest) = guards(text)?;
    Ok(Guarded { guards, step: step(rest)? })
}

/// Takes the conditions off the front.
fn guards(text: &str) -> Result<(Vec<Guard>, &str), String> {
    let mut guards = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (word, after) = split(rest);
        let (guard, after) = match word {
            "once" => {
                let (name, after) = split(after);
                (Guard::First { times: 1, name: guard_name(name)? }, after)
            }
            "first" => {
                let (times, after) = split(after);
                let (name, after) = split(after);
                (Guard::First { times: number(times)?.into(), name: guard_name(name)? }, after)
            }
            "in" => {
                let (phase, after) = split(after);
                (Guard::In(phase.to_string()), after)
            }
            "faults" => {
                let (name, after) = split(after);
                (Guard::Faults(name.to_string()), after)
            }
            "resumed" => (Guard::Resumed, after),
            _ => return Ok((guards, rest)),
        };
        guards.push(guard);
        rest = after;
    }
}

/// The name becomes a file's name.
fn guard_name(word: &str) -> Result<String, String> {
    let name = word.trim_end_matches(':');
    let fit = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fit { Ok(name.to_string()) } else { Err(format!("`{word}` is no name: use letters, digits and `-`")) }
}

fn step(text: &str) -> Result<Step, String> {
    let (verb, rest) = split(text);
    let step = match verb {
        "say" => Step::Say(rest.to_string()),
        "think" => Step::Think(span(rest)?),
        "write" | "append" => {
            let (file, text) = split(rest);
            let (file, text) = (inside(file)?, text.to_string());
            if verb == "write" { Step::Write { file, text } } else { Step::Append { file, text } }
        }
        "commit" => Step::Commit(some(verb, rest)?),
        "push" => Step::Push,
        "pull" => Step::Pull,
        "done" => Step::Done,
        "build" => Step::Build,
        "review" => Step::Review,
        "wait" => Step::Wait(span(rest)?),
        "late" => Step::Late(span(rest)?),
        "marker" => Step::Marker(rest.to_string()),
        "dialog" => Step::Ask(dialog(rest)?),
        "limit" => Step::Limit(span(rest)?),
        "error" => failure(rest)?,
        "exit" => Step::Exit(u8::try_from(number(rest)?).map_err(|_| "an exit code is at most 255")?),
        "kill" => Step::Kill,
        "segv" => Step::Segv,
        "wedge" => Step::Wedge { deaf: flag(verb, rest, "deaf")? },
        "silence" => Step::Silence { spinner: !flag(verb, rest, "no-spinner")? },
        "child" => child(rest)?,
        "leak" => Step::Leak,
        "draft" => Step::Draft(some(verb, rest)?),
        "vim" => Step::Vim,
        "print" => print(rest)?,
        "swallow" => Step::Swallow(number(rest)?),
        "poison" => Step::Poison,
        _ => return Err(format!("unknown step `{verb}`")),
    };
    Ok(step)
}

fn dialog(word: &str) -> Result<Dialog, String> {
    match word {
        "permission" => Ok(Dialog::Permission),
        "trust" => Ok(Dialog::Trust),
        _ => Err(format!("unknown dialog `{word}`: there are permission and trust")),
    }
}

fn failure(text: &str) -> Result<Step, String> {
    let (word, rest) = split(text);
    let failure = match (word, rest) {
        ("400", "") => Failure::Thinking400,
        ("toolong", "") => Failure::TooLong,
        ("fatal", "") => Failure::Fatal,
        ("login", "") => Failure::Login,
        ("overloaded", "") => return Ok(Step::Overloaded { attempts: 2, every: Duration::from_secs(5) }),
        ("overloaded", rest) => {
            let (attempts, every) = split(rest);
            return Ok(Step::Overloaded { attempts: number(attempts)?, every: span(every)? });
        }
        ("", _) => return Err("error what: 400, toolong, fatal, login, overloaded, or words of your own".to_string()),
        _ => Failure::Other(text.to_string()),
    };
    Ok(Step::Fail(failure))
}

fn child(text: &str) -> Result<Step, String> {
    match split(text) {
        ("busy", rest) => Ok(Step::Child { busy: true, span: span(rest)? }),
        ("sleep", rest) => Ok(Step::Child { busy: false, span: span(rest)? }),
        _ => Err("expected `child busy 5s` or `child sleep 5s`".to_string()),
    }
}

fn print(text: &str) -> Result<Step, String> {
    let (count, rest) = split(text);
    let rest = rest.strip_prefix("lines per second for ").ok_or("expected `print N lines per second for 5s`")?;
    let per_second = number(count)?;
    if (1..=1000).contains(&per_second) {
        Ok(Step::Print { per_second, span: span(rest)? })
    } else {
        Err("1 to 1000 lines per second".to_string())
    }
}

fn flag(verb: &str, word: &str, flag: &str) -> Result<bool, String> {
    match word {
        "" => Ok(false),
        word if word == flag => Ok(true),
        word => Err(format!("`{verb}` knows `{flag}`, not `{word}`")),
    }
}

fn some(verb: &str, text: &str) -> Result<String, String> {
    if text.is_empty() { Err(format!("`{verb}` needs a text")) } else { Ok(text.to_string()) }
}

/// A path that stays below the working folder.
fn inside(file: &str) -> Result<String, String> {
    let path = std::path::Path::new(file);
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain && !file.is_empty() { Ok(file.to_string()) } else { Err(format!("`{file}` is no file of this folder")) }
}

fn number(word: &str) -> Result<u32, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

fn span(word: &str) -> Result<Duration, String> {
    humantime::parse_duration(word).map_err(|_| format!("`{word}` is no duration like 300ms, 2s or 5m"))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(text: &str) -> Vec<Step> {
        let script = parse(text).expect("a good script");
        script.rules.into_iter().flat_map(|rule| rule.steps).map(|guarded| guarded.step).collect()
    }

    #[test]
    fn a_rule_goes_on_over_indented_lines() {
        let script = parse("# hello\non claim(: think 300ms; say a\\; b\\nc\n\n  # more\n  push; wait 2s\non *: leak")
            .expect("good");
        let steps: Vec<&Step> = script.rules[0].steps.iter().map(|guarded| &guarded.step).collect();
        let wanted = [
            &Step::Think(Duration::from_millis(300)),
            &Step::Say("a; b\nc".to_string()),
            &Step::Push,
            &Step::Wait(Duration::from_secs(2)),
        ];
        assert_eq!(steps, wanted);
        assert_eq!(script.rules[0].on, Trigger::Prompt("claim(".to_string()));
        assert_eq!(script.rules[1].on, Trigger::Any);
    }

    #[test]
    fn guards_stand_before_rules_and_before_steps() {
        let script =
            parse("once a on \"wake: up\": faults demo in 1b once stall: wedge; first 2 x exit 3").expect("good");
        let rule = &script.rules[0];
        assert_eq!(rule.guards, [Guard::First { times: 1, name: "a".to_string() }]);
        assert_eq!(rule.on, Trigger::Prompt("wake: up".to_string()));
        let stall = Guard::First { times: 1, name: "stall".to_string() };
        let guards = [Guard::Faults("demo".to_string()), Guard::In("1b".to_string()), stall];
        assert_eq!(rule.steps[0], Guarded { guards: guards.into(), step: Step::Wedge { deaf: false } });
        assert_eq!(rule.steps[1].step, Step::Exit(3));
    }

    #[test]
    fn every_step_of_the_language_is_read() {
        let all = "on *: say hi; think 1s; write a/b x y; append a z; commit claim(1a): x; push; pull; done; build; review; \
                   wait 2s; late 37s; marker soon; dialog trust; limit 30s; error 400; error toolong; error fatal; \
                   error login; error overloaded; error overloaded 3 1s; error own words; exit 3; kill; segv; wedge; \
                   wedge deaf; silence; silence no-spinner; child busy 5s; child sleep 60s; leak; draft hm; vim; \
                   print 10 lines per second for 3s; swallow 1; poison";
        let steps = only(all);
        assert_eq!(steps.len(), 37);
        assert!(steps.contains(&Step::Commit("claim(1a): x".to_string())));
        assert!(steps.contains(&Step::Overloaded { attempts: 3, every: Duration::from_secs(1) }));
        assert!(steps.contains(&Step::Fail(Failure::Other("own words".to_string()))));
        assert!(steps.contains(&Step::Print { per_second: 10, span: Duration::from_secs(3) }));
    }

    #[test]
    fn a_bad_line_is_named_with_its_number() {
        for (text, line, word) in [
            ("on *: sya hi", 1, "sya"),
            ("\non *: think fast", 2, "fast"),
            ("on *: write ../x y", 1, "../x"),
            ("on *: write /etc/x y", 1, "/etc/x"),
            ("  say hi", 1, "rule above"),
            ("say hi", 1, "on PATTERN"),
            ("on *: exit 300", 1, "255"),
            ("on *: once ../x kill", 1, "../x"),
            ("on *: say \\x", 1, "escape"),
        ] {
            let problem = parse(text).expect_err(text);
            assert!(problem.line == line && problem.what.contains(word), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,200}", verb in "(on|once|first|in|say|print|\\*|:|;|\\\\| |\n){0,30}") {
            let _ = parse(&text);
            let _ = parse(&verb);
            let _ = parse(&format!("on *: {text}"));
        }
    }
}
