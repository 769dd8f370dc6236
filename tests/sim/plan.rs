//! What a simulated agent does with a prompt: how long its turn is, what it looks like, how it ends.

use std::time::Duration;

use flightdeck::pilot::fact::Exit;

/// One turn.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) lasts: Duration,
    /// No spinner moves, nothing is shown.
    pub(crate) frozen: bool,
    pub(crate) child: Option<Child>,
    /// Answers, of how many tokens each and of which model; told when the turn begins.
    pub(crate) uses: Option<(u32, u64, String)>,
    pub(crate) end: End,
}

/// A process the agent starts for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Busy,
    Quiet,
}

/// How a turn ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// An answer without a marker.
    Says(String),
    /// An answer with a marker so far ahead; it wakes by itself that much late, or never.
    Waits {
        ahead: Duration,
        late: Option<Duration>,
    },
    /// A marker with this text as its time; it never wakes.
    Marks(String),
    /// An error line; the turn is over.
    Shows(String),
    /// A usage limit: how it is told, and how long it really lasts.
    Limited {
        until: String,
        lasts: Duration,
    },
    /// This conversation is broken for ever.
    Poisoned,
    /// This program is broken until it is started again.
    Broken,
    Exits(Exit),
    /// Garbage, then nothing ever again.
    Wedges,
    /// A question that takes the composer's place.
    Asks(Asking),
    /// The turn goes on and on.
    Never,
}

/// A dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Permission,
    Trust,
}

impl Plan {
    /// A healthy turn.
    pub(crate) fn usual() -> Self {
        let end = End::Waits { ahead: Duration::from_secs(300), late: Some(Duration::ZERO) };
        Plan { lasts: Duration::from_secs(10), frozen: false, child: None, uses: None, end }
    }

    /// Reads `works 30s frozen with a busy child, waits 5m and wakes 37s late` and `works 30s using 3 x 1000 of MODEL, says done`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (work, end) = text.split_once(", ").ok_or_else(|| format!("no `, ` in {text:?}"))?;
        let mut words = work.split(' ');
        if words.next() != Some("works") {
            return Err(format!("a plan begins with `works`: {text:?}"));
        }
        let lasts = span(words.next().unwrap_or_default())?;
        let rest: Vec<&str> = words.collect();
        let rest = rest.join(" ");
        let child = match (rest.contains("busy child"), rest.contains("quiet child")) {
            (true, _) => Some(Child::Busy),
            (_, true) => Some(Child::Quiet),
            _ => None,
        };
        let uses = rest.split_once("using ").map(|(_, uses)| answers(uses)).transpose()?;
        Ok(Plan { lasts, frozen: rest.contains("frozen"), child, uses, end: End::parse(end)? })
    }
}

impl End {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (verb, rest) {
            ("says", said) => Ok(End::Says(said.to_string())),
            ("waits", rest) => waits(rest),
            ("marks", marked) => Ok(End::Marks(marked.to_string())),
            ("shows", shown) => Ok(End::Shows(shown.to_string())),
            ("limited", rest) => {
                let (lasts, until) = rest.trim_start_matches("for ").split_once(" until").unwrap_or((rest, ""));
                Ok(End::Limited { until: until.trim_start().to_string(), lasts: span(lasts)? })
            }
            ("poisoned", "") => Ok(End::Poisoned),
            ("broken", "") => Ok(End::Broken),
            ("exits", status) => {
                Ok(End::Exits(Exit::Status(status.parse().map_err(|_| format!("no status: {status:?}"))?)))
            }
            ("killed", signal) => {
                Ok(End::Exits(Exit::Signal(signal.parse().map_err(|_| format!("no signal: {signal:?}"))?)))
            }
            ("wedges", "") => Ok(End::Wedges),
            ("asks", "permission") => Ok(End::Asks(Asking::Permission)),
            ("asks", "trust") => Ok(End::Asks(Asking::Trust)),
            ("never", "ends") => Ok(End::Never),
            _ => Err(format!("no end of a turn: {text:?}")),
        }
    }
}

/// `3 x 1000 of MODEL`
fn answers(text: &str) -> Result<(u32, u64, String), String> {
    let wrong = || format!("no `3 x 1000 of MODEL`: {text:?}");
    let words: Vec<&str> = text.split(' ').collect();
    let [count, "x", tokens, "of", model] = words.as_slice() else { return Err(wrong()) };
    Ok((count.parse().map_err(|_| wrong())?, tokens.parse().map_err(|_| wrong())?, (*model).to_string()))
}

fn waits(text: &str) -> Result<End, String> {
    let mut words = text.split(' ');
    let ahead = span(words.next().unwrap_or_default())?;
    let rest: Vec<&str> = words.collect();
    let late = match rest.as_slice() {
        [] => Some(Duration::ZERO),
        ["and", "never", "wakes"] => None,
        ["and", "wakes", late, "late"] => Some(span(late)?),
        _ => return Err(format!("no wait: {text:?}")),
    };
    Ok(End::Waits { ahead, late })
}

/// A duration as people write it.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|why| format!("{text:?}: {why}"))
}
