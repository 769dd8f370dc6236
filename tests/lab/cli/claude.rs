//! Claude Code, with every dialog of its first start answered by its files.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use flightdeck::demo::guest::{KEY, Login, answered, credentials, credentials_of};
use flightdeck::edge::clock;
use serde_json::{Value, json};

use super::{Agent, Place, Program, json_lines};
use crate::stub::Stub;

/// The version that all is measured with.
pub(crate) const CLAUDE: Program = Program { name: "claude", file: "claude-2.1.329" };

/// An older one that operators still have: inline rendering, no wrapping of large pastes.
pub(crate) const CLAUDE_BEFORE: Program = Program { name: "claude-2.1.197", file: "claude-2.1.197" };

/// Events that every version since 2.0.76 knows; an unknown one would open a dialog at the start.
pub(crate) const SAFE_EVENTS: [&str; 9] = [
    "PreToolUse",
    "PostToolUse",
    "Notification",
    "UserPromptSubmit",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "SubagentStop",
    "PreCompact",
];

/// Events that came later.
const LATER_EVENTS: [&str; 2] = ["StopFailure", "PermissionRequest"];

/// Larger pastes reach the model wrapped as untrusted content.
const PIECE_CHARACTERS: usize = 700;
const PIECE_BREAKS: usize = 2;

/// A running Claude Code.
pub(crate) struct Claude {
    pub(crate) agent: Agent,
    /// What our hooks heard, given at launch by `--settings`.
    ours: PathBuf,
    /// What the user's own hooks heard, from `~/.claude/settings.json`.
    users: PathBuf,
    status: PathBuf,
}

impl Claude {
    pub(crate) async fn start(program: Program, login: Login) -> Claude {
        let place = Place::new();
        let stub = Stub::start();
        let [ours, users, status] = ["ours", "users", "status"].map(|name| place.home.join(format!("{name}.jsonl")));
        let events: Vec<&str> = match program.file {
            "claude-2.1.329" => SAFE_EVENTS.into_iter().chain(LATER_EVENTS).collect(),
            _ => SAFE_EVENTS.to_vec(),
        };
        place.write_home(".claude.json", &answered(&place.project).to_string());
        let users_own = json!({
            "skipDangerousModePermissionPrompt": true, "hooks": hooks(&SAFE_EVENTS, &users),
        });
        place.write_home(".claude/settings.json", &users_own.to_string());
        let status_line = json!({"type": "command", "command": keep(&status)});
        place.write_home("ours.json", &json!({"hooks": hooks(&events, &ours), "statusLine": status_line}).to_string());
        if login == Login::Subscription {
            place.write_home(".claude/.credentials.json", &credentials().to_string());
        }
        let url = stub.url();
        let mut variables = vec![
            ("ANTHROPIC_BASE_URL", url.as_str()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            ("IS_SANDBOX", "1"),
            // Its ten retries take three minutes.
            ("CLAUDE_CODE_MAX_RETRIES", "1"),
        ];
        if login == Login::ApiKey {
            variables.push(("ANTHROPIC_API_KEY", KEY));
        }
        let settings = place.home.join("ours.json").display().to_string();
        let argv = [&program.path(), "--settings", &settings, "--permission-mode", "default"].map(str::to_string);
        let agent = Agent::start(place, stub, &variables, argv.to_vec()).await;
        let claude = Claude { agent, ours, users, status };
        claude.agent.wait("its input box", async || claude.has_box().await).await;
        claude
    }

    /// Is its input box on the screen, with or without text? It stands under a rule, and its sign is followed by a space
    /// that does not break, where other lines have a usual one.
    pub(crate) async fn has_box(&self) -> bool {
        let screen = self.agent.screen().await;
        let signs =
            |line: &str| ["❯", ">"].iter().any(|sign| line == *sign || line.starts_with(&format!("{sign}\u{a0}")));
        screen.windows(2).any(|two| two[0].starts_with("─────") && signs(&two[1]))
    }

    /// Puts a text into the box in pieces, sees its end there, and presses Enter.
    pub(crate) async fn submit(&self, text: &str) {
        self.agent.wait("its input box", async || self.has_box().await).await;
        for piece in pieces(text) {
            self.agent.paste(piece).await;
        }
        // Its last word, which the box does not break over two lines.
        let word = text.split_whitespace().last().expect("a text");
        self.agent.shows(&word[word.floor_char_boundary(word.len().saturating_sub(12))..]).await;
        // An Enter at once may be taken as part of the paste: measured for versions up to 2.0.76.
        clock::pause(Duration::from_millis(300)).await;
        self.agent.press("Enter").await;
    }

    /// Submits, and waits for one of these events after it.
    pub(crate) async fn turn(&self, text: &str, ends: &[&str]) -> Value {
        let before = self.heard().len();
        self.submit(text).await;
        self.hears(before, ends).await
    }

    /// Waits for one of these events behind the first `before` of them.
    pub(crate) async fn hears(&self, before: usize, events: &[&str]) -> Value {
        let find = || self.heard().into_iter().skip(before).find(|heard| events.contains(&event_of(heard)));
        self.agent.wait(&format!("one of {events:?}"), async || find().is_some()).await;
        find().expect("it was there")
    }

    /// What our hooks got on their standard input, in order.
    pub(crate) fn heard(&self) -> Vec<Value> {
        json_lines(&self.ours)
    }

    /// What the user's own hooks got.
    pub(crate) fn users_heard(&self) -> Vec<Value> {
        json_lines(&self.users)
    }

    /// What its status line was told, in order.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        json_lines(&self.status)
    }

    /// Its own word about its state: `~/.claude/sessions/<pid>.json`.
    pub(crate) fn session(&self) -> Value {
        let path = self.agent.home.join(format!(".claude/sessions/{}.json", self.agent.born.pid));
        std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }

    /// Waits until it says so of itself: status, and what it waits for.
    pub(crate) async fn says(&self, status: &str, waiting_for: Option<&str>) {
        let is_so = || {
            let session = self.session();
            session["status"] == status && session["waitingFor"].as_str() == waiting_for
        };
        self.agent.wait(&format!("the state {status} {waiting_for:?}"), async || is_so()).await;
    }

    /// The lines of its transcripts, all sessions of this place.
    pub(crate) fn transcript(&self) -> Vec<Value> {
        let folder = self.agent.home.join(".claude/projects");
        let mut files: Vec<PathBuf> = entries(&folder).iter().flat_map(|project| entries(project)).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
        files.sort();
        files.iter().flat_map(|file| json_lines(file)).collect()
    }
}

pub(crate) fn event_of(heard: &Value) -> &str {
    heard["hook_event_name"].as_str().unwrap_or_default()
}

fn hooks(events: &[&str], file: &Path) -> Value {
    let hook = json!([{"hooks": [{"type": "command", "command": keep(file), "timeout": 10}]}]);
    events.iter().map(|event| (event.to_string(), hook.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// A command that appends its standard input to a file, as one line.
fn keep(file: &Path) -> String {
    format!("p=$(cat); printf '%s\\n' \"$p\" >> '{}'", file.display())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// A text in pieces that are no large pastes.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut characters, mut breaks) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        let is_break = usize::from(c == '\n');
        if characters == PIECE_CHARACTERS || breaks + is_break > PIECE_BREAKS {
            pieces.push(&text[begin..at]);
            (begin, characters, breaks) = (at, 0, 0);
        }
        characters += 1;
        breaks += is_break;
    }
    pieces.push(&text[begin..]);
    pieces
}
