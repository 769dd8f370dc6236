//! Backends as they are written: `backends/*.toml` (built in) and `[backends.*]` of a workspace, one table each, and
//! their way to a checked [`Backend`] or to all problems at once. Reads no files and knows no backend by name.
//!
//! A table of a workspace may say `like = "claude"`: what it does not say is taken from that built-in one, and its
//! rules stand before the built-in rules.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::access::{Access, RawAccess};
use super::channels::CHANNELS;
use super::launch::hole_problem;
use super::loopback;
use super::model::{Backend, ComposerRule, McpWay, Region, ScreenNote, ScreenRule, ScreenSays};

/// Longest pattern; the longest built-in one has some 200 characters.
const PATTERN_CAP: usize = 4096;
/// Memory of one compiled pattern, in bytes: a hundred of them must stay small beside the engine.
const PATTERN_MEMORY: usize = 256 * 1024;
/// Patterns nested deeper than this are a mistake or an attack on the parser's stack.
const PATTERN_DEPTH: u32 = 50;
/// Longest gap around a submit key: more is no gap but a hang.
const GAP_CAP: Duration = Duration::from_secs(60);
/// Presses of the submit key after the first.
const RETRIES_CAP: usize = 8;

const SAYS: [(&str, ScreenSays); 9] = [
    ("idle", ScreenSays::Idle),
    ("busy", ScreenSays::Busy),
    ("dialog", ScreenSays::Dialog),
    ("limited", ScreenSays::Limited),
    ("poisoned", ScreenSays::Poisoned),
    ("fatal", ScreenSays::Fatal),
    ("retrying", ScreenSays::Retrying),
    ("auth-failed", ScreenSays::AuthFailed),
    ("exited", ScreenSays::Exited),
];

const REGIONS: [(&str, Region); 6] = [
    ("screen", Region::Screen),
    ("tail", Region::Tail),
    ("turn", Region::Turn),
    ("footer", Region::Footer),
    ("last-line", Region::LastLine),
    ("title", Region::Title),
];

const MCP_WAYS: [(&str, McpWay); 2] = [("args", McpWay::Args), ("opencode", McpWay::Opencode)];

const BUILT_IN: [(&str, &str); 6] = [
    ("claude", include_str!("backends/claude.toml")),
    ("opencode", include_str!("backends/opencode.toml")),
    ("opencode-attached", include_str!("backends/opencode-attached.toml")),
    ("opencode-server", include_str!("backends/opencode-server.toml")),
    ("codex", include_str!("backends/codex.toml")),
    ("demo", include_str!("backends/demo.toml")),
];

type Text = Spanned<String>;

/// A backend's table as written. Keys are those of [`Backend`]; durations are texts such as `"300ms"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawBackend {
    /// The built-in backend that fills what is not said here.
    pub like: Option<Text>,
    pub launch: Option<Vec<Text>>,
    pub resume: Option<Vec<Text>>,
    pub model_args: Option<Vec<Text>>,
    pub permissions: Option<BTreeMap<Text, Vec<Text>>>,
    pub fallback_args: Option<Vec<Text>>,
    pub mcp_args: Option<Vec<Text>>,
    pub mcp_way: Option<Text>,
    pub process_names: Option<Vec<Text>>,
    pub submit_key: Option<Text>,
    pub submit_gap: Option<Text>,
    pub submit_retries: Option<Vec<Text>>,
    pub paste_piece: Option<Spanned<(usize, usize)>>,
    pub composer: Option<RawComposer>,
    pub user_line: Option<Text>,
    pub chrome: Option<Vec<Text>>,
    pub masks: Option<Vec<Text>>,
    pub rules: Vec<RawRule>,
    pub notes: Vec<RawNote>,
    pub channel: Option<Text>,
    pub channel_args: Option<Vec<Text>>,
    pub tried: Option<Vec<Text>>,
    pub install: Option<Text>,
    pub compact: Option<Text>,
    pub access: Option<RawAccess>,
}

/// `[composer]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawComposer {
    pub open: Option<Text>,
    pub above: Option<Text>,
    pub close: Option<Text>,
    pub placeholder: Option<Vec<Text>>,
    pub collapsed: Option<Text>,
    pub other_mode: Option<Text>,
    pub risky: Option<Text>,
    pub command: Option<Text>,
    pub stash_key: Option<Text>,
}

/// One of `[[rules]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    pub name: Text,
    pub says: Text,
    pub region: Text,
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub wakes: bool,
    pub regex: Text,
}

/// One of `[[notes]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawNote {
    pub name: Text,
    pub region: Text,
    pub regex: Text,
}

/// Something wrong in a backend's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendProblem {
    /// Bytes of the text the table was read from; `0..0` for a key that is missing: the table itself is the place.
    pub span: Range<usize>,
    /// As in `composer.open` or `rules[2].regex`.
    pub key: String,
    /// What should stand there, and what is wrong where that is not plain.
    pub expected: String,
}

/// The backends that need no configuration, by name. Each takes some 0.7 MB of memory: an engine that uses one of them
/// is better served by [`built_in_named`].
pub fn built_in() -> BTreeMap<String, Backend> {
    built_in_names().filter_map(|name| Some((name.to_string(), built_in_named(name)?))).collect()
}

/// One of them.
pub fn built_in_named(name: &str) -> Option<Backend> {
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    let raw: RawBackend = toml::from_str(text).expect("a built-in backend is valid TOML: a test reads them all");
    Some(compile(name, raw).expect("a built-in backend compiles: a test compiles them all"))
}

/// Names of the built-in backends.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The command that installs one of them.
pub fn install(name: &str) -> Option<String> {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    let raw: RawBackend = toml::from_str(text).expect("a built-in backend is valid TOML: a test reads them all");
    raw.install.map(Text::into_inner)
}

/// Checks a table, or says everything that is wrong with it.
pub fn compile(name: &str, raw: RawBackend) -> Result<Backend, Vec<BackendProblem>> {
    let mut check = Check { problems: Vec::new() };
    let raw = check.complete(raw);
    let backend = Backend {
        name: name.to_string(),
        launch: check.launch("launch", raw.launch.as_deref()).unwrap_or_default(),
        resume: check.launch("resume", raw.resume.as_deref()),
        model_args: check.launch("model_args", raw.model_args.as_deref()).unwrap_or_default(),
        permissions: check.permissions(raw.permissions.as_ref()),
        fallback_args: check.launch("fallback_args", raw.fallback_args.as_deref()).unwrap_or_default(),
        mcp_args: check.launch("mcp_args", raw.mcp_args.as_deref()).unwrap_or_default(),
        mcp_way: raw.mcp_way.as_ref().and_then(|word| check.word("mcp_way", word, &MCP_WAYS)).unwrap_or_default(),
        process_names: check.process_names(raw.process_names.as_deref().unwrap_or_default()),
        submit_key: raw.submit_key.as_ref().map_or("Enter".to_string(), |key| check.key_name("submit_key", key)),
        submit_gap: raw.submit_gap.as_ref().map_or(Duration::from_millis(300), |text| check.gap("submit_gap", text)),
        submit_retries: check.retries(raw.submit_retries.as_deref()),
        paste_piece: raw.paste_piece.as_ref().and_then(|piece| check.paste_piece(piece)),
        composer: check.composer(&raw.composer.unwrap_or_default()),
        user_line: check.optional("user_line", raw.user_line.as_ref()),
        chrome: check.patterns("chrome", raw.chrome.as_deref().unwrap_or_default()),
        masks: check.patterns("masks", raw.masks.as_deref().unwrap_or_default()),
        rules: check.rules(&raw.rules),
        notes: check.notes(&raw.notes),
        channel: raw.channel.as_ref().and_then(|word| check.word("channel", word, &CHANNELS)).unwrap_or_default(),
        channel_args: check.launch("channel_args", raw.channel_args.as_deref()).unwrap_or_default(),
        tried: raw.tried.iter().flatten().enumerate().map(|(at, text)| check.version(at, text)).collect(),
        compact: raw.compact.as_ref().map(|text| check.one_line("compact", text)),
        install: raw.install.map(Text::into_inner).unwrap_or_default(),
        access: raw.access.map(Access::from).unwrap_or_default(),
    };
    let argvs = [("launch", &raw.launch), ("resume", &raw.resume), ("channel_args", &raw.channel_args)];
    check.problems.extend(loopback::problems(backend.channel, argvs));
    if backend.launch.is_empty() {
        check.missing("launch", "an argv with at least the program, such as [\"claude\", \"{args}\"]");
    }
    if check.problems.is_empty() { Ok(backend) } else { Err(check.problems) }
}

struct Check {
    problems: Vec<BackendProblem>,
}

impl Check {
    fn problem(&mut self, span: Range<usize>, key: &str, expected: String) {
        self.problems.push(BackendProblem { span, key: key.to_string(), expected });
    }

    fn missing(&mut self, key: &str, expected: &str) {
        // An element that was refused has been told already.
        if !self.problems.iter().any(|problem| problem.key.starts_with(key)) {
            self.problem(0..0, key, expected.to_string());
        }
    }

    fn complete(&mut self, raw: RawBackend) -> RawBackend {
        let Some(like) = raw.like.clone() else { return raw };
        let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| name == like.get_ref()) else {
            let names: Vec<&str> = built_in_names().collect();
            self.problem(like.span(), "like", format!("one of the built-in backends {}", names.join(", ")));
            return raw;
        };
        raw.over(toml::from_str(text).expect("a built-in backend is valid TOML: a test reads them all"))
    }

    fn launch(&mut self, key: &str, elements: Option<&[Text]>) -> Option<Vec<String>> {
        let elements = elements?;
        for (at, element) in elements.iter().enumerate() {
            let text = element.get_ref();
            if let Some(expected) = hole_problem(text) {
                self.problem(element.span(), &format!("{key}[{at}]"), expected);
            } else if text.contains('\0') {
                self.problem(element.span(), &format!("{key}[{at}]"), "no NUL: no program can take one".to_string());
            }
        }
        Some(elements.iter().map(|element| element.get_ref().clone()).collect())
    }

    fn permissions(&mut self, modes: Option<&BTreeMap<Text, Vec<Text>>>) -> BTreeMap<String, Vec<String>> {
        let mut checked = BTreeMap::new();
        for (mode, args) in modes.into_iter().flatten() {
            let name = mode.get_ref();
            let key = format!("permissions.{name}");
            if !(1..=40).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                let expected = "a mode's name of 1 to 40 letters, digits and `-`".to_string();
                self.problem(mode.span(), "permissions", expected);
            }
            checked.insert(name.clone(), self.launch(&key, Some(args)).unwrap_or_default());
        }
        checked
    }

    fn process_names(&mut self, names: &[Text]) -> Vec<String> {
        for (at, name) in names.iter().enumerate() {
            let valid = (1..=64).contains(&name.get_ref().len()) && !name.get_ref().contains(['/', '\0', '\n']);
            if !valid {
                let expected = "a process name of 1 to 64 bytes without a slash".to_string();
                self.problem(name.span(), &format!("process_names[{at}]"), expected);
            }
        }
        names.iter().map(|name| name.get_ref().clone()).collect()
    }

    fn key_name(&mut self, name: &str, key: &Text) -> String {
        let text = key.get_ref();
        let valid = (1..=16).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !text.starts_with('-');
        if !valid {
            self.problem(key.span(), name, "a key name of tmux such as `Enter` or `C-m`".to_string());
        }
        text.clone()
    }

    fn one_line(&mut self, key: &str, text: &Text) -> String {
        if text.get_ref().is_empty() || text.get_ref().chars().any(char::is_control) {
            self.problem(text.span(), key, "one line of text".to_string());
        }
        text.get_ref().clone()
    }

    fn version(&mut self, at: usize, text: &Text) -> String {
        let version = text.get_ref();
        let valid = (1..=40).contains(&version.len())
            && version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
        if !valid {
            self.problem(text.span(), &format!("tried[{at}]"), "a version such as \"2.1.329\"".to_string());
        }
        version.clone()
    }

    fn gap(&mut self, key: &str, text: &Text) -> Duration {
        match humantime::parse_duration(text.get_ref()) {
            Ok(gap) if gap <= GAP_CAP => gap,
            Ok(_) => {
                self.problem(text.span(), key, "at most \"60s\"".to_string());
                GAP_CAP
            }
            Err(why) => {
                self.problem(text.span(), key, format!("a duration such as \"300ms\": {why}"));
                GAP_CAP
            }
        }
    }

    fn retries(&mut self, gaps: Option<&[Text]>) -> Vec<Duration> {
        let Some(gaps) = gaps else { return [1, 2, 4].map(Duration::from_secs).to_vec() };
        if let Some(extra) = gaps.get(RETRIES_CAP) {
            self.problem(extra.span(), "submit_retries", format!("at most {RETRIES_CAP} presses after the first"));
        }
        gaps.iter()
            .take(RETRIES_CAP)
            .enumerate()
            .map(|(at, gap)| self.gap(&format!("submit_retries[{at}]"), gap))
            .collect()
    }

    fn paste_piece(&mut self, piece: &Spanned<(usize, usize)>) -> Option<(usize, usize)> {
        let (characters, breaks) = *piece.get_ref();
        // Below 64 characters a message of the largest size would be a thousand pastes.
        if characters < 64 || breaks == 0 {
            self.problem(piece.span(), "paste_piece", "[characters >= 64, line breaks >= 1]".to_string());
            return None;
        }
        Some((characters, breaks))
    }

    fn composer(&mut self, raw: &RawComposer) -> ComposerRule {
        let open = self.optional("composer.open", raw.open.as_ref());
        match (&open, &raw.open) {
            (None, _) => self.missing("composer.open", "a regular expression for the composer's first line"),
            (Some(open), Some(text)) if !open.capture_names().flatten().any(|name| name == "text") => {
                self.problem(text.span(), "composer.open", "a group `(?P<text>…)` around the content".to_string());
            }
            (Some(_), _) => {}
        }
        ComposerRule {
            open: open.unwrap_or_else(nothing),
            above: self.optional("composer.above", raw.above.as_ref()),
            close: self.optional("composer.close", raw.close.as_ref()),
            placeholder: self.patterns("composer.placeholder", raw.placeholder.as_deref().unwrap_or_default()),
            collapsed: self.optional("composer.collapsed", raw.collapsed.as_ref()),
            other_mode: self.optional("composer.other_mode", raw.other_mode.as_ref()),
            risky: self.optional("composer.risky", raw.risky.as_ref()),
            command: self.optional("composer.command", raw.command.as_ref()),
            stash_key: raw.stash_key.as_ref().map(|key| self.key_name("composer.stash_key", key)),
        }
    }

    fn rules(&mut self, raw: &[RawRule]) -> Vec<ScreenRule> {
        let rules = raw.iter().enumerate().map(|(at, rule)| self.rule(&format!("rules[{at}]"), rule));
        let mut rules: Vec<ScreenRule> = rules.collect();
        // A stable sort: among equals the earlier in the file comes first.
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        rules
    }

    fn notes(&mut self, raw: &[RawNote]) -> Vec<ScreenNote> {
        let note = |(at, raw): (usize, &RawNote)| {
            let key = format!("notes[{at}]");
            ScreenNote {
                name: self.name(&key, &raw.name),
                region: self.word(&format!("{key}.region"), &raw.region, &REGIONS).unwrap_or(Region::Tail),
                regex: self.pattern(&format!("{key}.regex"), &raw.regex).unwrap_or_else(nothing),
            }
        };
        raw.iter().enumerate().map(note).collect()
    }

    fn name(&mut self, key: &str, name: &Text) -> String {
        let text = name.get_ref();
        let valid =
            (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_ ".contains(c));
        if !valid {
            let expected = "a name of 1 to 40 letters, digits, blanks, `-` and `_`".to_string();
            self.problem(name.span(), &format!("{key}.name"), expected);
        }
        text.clone()
    }

    fn rule(&mut self, key: &str, raw: &RawRule) -> ScreenRule {
        ScreenRule {
            name: self.name(key, &raw.name),
            says: self.word(&format!("{key}.says"), &raw.says, &SAYS).unwrap_or(ScreenSays::Idle),
            region: self.word(&format!("{key}.region"), &raw.region, &REGIONS).unwrap_or(Region::Tail),
            regex: self.pattern(&format!("{key}.regex"), &raw.regex).unwrap_or_else(nothing),
            priority: raw.priority,
            wakes: raw.wakes,
        }
    }

    fn word<T: Copy>(&mut self, key: &str, text: &Text, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| word == text.get_ref()).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.problem(text.span(), key, format!("one of {}", words.join(", ")));
        }
        found
    }

    fn patterns(&mut self, key: &str, texts: &[Text]) -> Vec<Regex> {
        texts.iter().enumerate().filter_map(|(at, text)| self.pattern(&format!("{key}[{at}]"), text)).collect()
    }

    fn optional(&mut self, key: &str, text: Option<&Text>) -> Option<Regex> {
        text.and_then(|text| self.pattern(key, text))
    }

    fn pattern(&mut self, key: &str, text: &Text) -> Option<Regex> {
        if text.get_ref().is_empty() || text.get_ref().len() > PATTERN_CAP {
            self.problem(text.span(), key, format!("a regular expression of 1 to {PATTERN_CAP} bytes"));
            return None;
        }
        let built = RegexBuilder::new(text.get_ref())
            .multi_line(true)
            .size_limit(PATTERN_MEMORY)
            .dfa_size_limit(PATTERN_MEMORY)
            .nest_limit(PATTERN_DEPTH)
            .build();
        if let Err(why) = &built {
            // The parser draws a picture of several lines; its last line is the sentence.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.problem(text.span(), key, format!("a regular expression: {why}"));
        }
        built.ok()
    }
}

/// Stands in for a pattern that was refused; never seen outside, since a problem was noted.
fn nothing() -> Regex {
    Regex::new("$.^").expect("a constant pattern")
}

impl RawBackend {
    fn over(self, base: RawBackend) -> RawBackend {
        let mut rules = self.rules;
        rules.extend(base.rules);
        let mut notes = self.notes;
        notes.extend(base.notes);
        RawBackend {
            like: self.like,
            launch: self.launch.or(base.launch),
            resume: self.resume.or(base.resume),
            model_args: self.model_args.or(base.model_args),
            permissions: self.permissions.or(base.permissions),
            fallback_args: self.fallback_args.or(base.fallback_args),
            mcp_args: self.mcp_args.or(base.mcp_args),
            mcp_way: self.mcp_way.or(base.mcp_way),
            process_names: self.process_names.or(base.process_names),
            submit_key: self.submit_key.or(base.submit_key),
            submit_gap: self.submit_gap.or(base.submit_gap),
            submit_retries: self.submit_retries.or(base.submit_retries),
            paste_piece: self.paste_piece.or(base.paste_piece),
            composer: Some(self.composer.unwrap_or_default().over(base.composer.unwrap_or_default())),
            user_line: self.user_line.or(base.user_line),
            chrome: self.chrome.or(base.chrome),
            masks: self.masks.or(base.masks),
            rules,
            notes,
            channel: self.channel.or(base.channel),
            channel_args: self.channel_args.or(base.channel_args),
            tried: self.tried.or(base.tried),
            install: self.install.or(base.install),
            compact: self.compact.or(base.compact),
            access: Some(self.access.unwrap_or_default().over(base.access.unwrap_or_default())),
        }
    }
}

impl RawComposer {
    fn over(self, base: RawComposer) -> RawComposer {
        RawComposer {
            open: self.open.or(base.open),
            above: self.above.or(base.above),
            close: self.close.or(base.close),
            placeholder: self.placeholder.or(base.placeholder),
            collapsed: self.collapsed.or(base.collapsed),
            other_mode: self.other_mode.or(base.other_mode),
            risky: self.risky.or(base.risky),
            command: self.command.or(base.command),
            stash_key: self.stash_key.or(base.stash_key),
        }
    }
}

#[cfg(test)]
mod tests;
