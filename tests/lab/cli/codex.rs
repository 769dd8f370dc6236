//! Codex, with a provider of its own that is our model server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::edge::clock;
use serde_json::Value;

use super::{Agent, Place, Program, json_lines};
use crate::stub::Stub;

pub(crate) const CODEX: Program = Program { name: "codex", file: "codex-0.169.0" };

/// What its shell may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    Off,
    Project,
}

/// A running Codex.
pub(crate) struct Codex {
    pub(crate) agent: Agent,
    notes: PathBuf,
}

impl Codex {
    pub(crate) async fn start(sandbox: Sandbox) -> Codex {
        let place = Place::new();
        let stub = Stub::start();
        let notes = place.home.join("notes.jsonl");
        place.write_home("notify", &format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", notes.display()));
        place.write_home(".codex/config.toml", &config(&place, &stub, sandbox));
        let agent = Agent::start(place, stub, &[("STUB_KEY", "sk-fake")], vec![CODEX.path()]).await;
        let codex = Codex { agent, notes };
        codex.agent.wait("its input box", async || codex.in_box().await.is_some()).await;
        codex
    }

    /// What stands in its box, from its sign down to the footer; grey hints count as text.
    pub(crate) async fn in_box(&self) -> Option<String> {
        let screen = self.agent.screen().await;
        let begin = screen.iter().rposition(|line| line.starts_with('›'))?;
        let lines = screen[begin..].iter().take_while(|line| !line.contains(" default · "));
        Some(lines.map(String::as_str).collect::<Vec<_>>().join("\n"))
    }

    /// Puts a text into the box, sees its end there, and presses this key until the text has left the box: in its first
    /// seconds Codex takes text and loses keys.
    pub(crate) async fn hand_over(&self, text: &str, key: &str) {
        self.agent.wait("its input box", async || self.in_box().await.is_some()).await;
        self.agent.paste(text).await;
        let word = text.split_whitespace().last().expect("a text");
        let holds = async || self.in_box().await.is_some_and(|text| text.contains(word));
        self.agent.wait(&format!("{word} in the box"), holds).await;
        clock::pause(Duration::from_millis(300)).await;
        self.press_until(key, async || !holds().await).await;
    }

    /// Presses a key until this is no longer on the screen.
    pub(crate) async fn press_until_gone(&self, key: &str, text: &str) {
        self.press_until(key, async || !self.agent.screen().await.iter().any(|line| line.contains(text))).await;
    }

    async fn press_until(&self, key: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..3 {
            self.agent.press(key).await;
            let begun = clock::monotonic_ms();
            while clock::monotonic_ms() - begun < 2_000 {
                if is_so().await {
                    return;
                }
                clock::pause(Duration::from_millis(20)).await;
            }
        }
        panic!("{key} did nothing, three times:\n{}", self.agent.screen().await.join("\n"));
    }

    /// Hands over a prompt, and waits for the end of its turn.
    pub(crate) async fn turn(&self, text: &str) -> Value {
        let before = self.ends().len();
        self.hand_over(text, "Enter").await;
        self.finishes(before + 1).await
    }

    /// Waits until so many turns have ended; how the last of them did.
    pub(crate) async fn finishes(&self, count: usize) -> Value {
        self.agent.wait(&format!("the end of turn {count}"), async || self.ends().len() >= count).await;
        self.ends().swap_remove(count - 1)
    }

    /// The ends of turns in its rollout, in order.
    pub(crate) fn ends(&self) -> Vec<Value> {
        let ends = |line: &Value| line["type"] == "task_complete" || line["type"] == "turn_aborted";
        self.rollout().into_iter().map(|line| line["payload"].clone()).filter(ends).collect()
    }

    /// The lines of its rollouts.
    pub(crate) fn rollout(&self) -> Vec<Value> {
        rollouts(&self.agent.home)
    }

    /// What its `notify` program was told.
    pub(crate) fn notes(&self) -> Vec<Value> {
        json_lines(&self.notes)
    }
}

/// The lines of all rollouts at this home.
pub(crate) fn rollouts(home: &Path) -> Vec<Value> {
    let mut folders = vec![home.join(".codex/sessions")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files.iter().flat_map(|file| json_lines(file)).collect()
}

/// Its configuration, in front of this server; with a `notify` program of its user's.
pub(crate) fn config(place: &Place, stub: &Stub, sandbox: Sandbox) -> String {
    let mode = if sandbox == Sandbox::Off { "danger-full-access" } else { "workspace-write" };
    let (home, project, url) = (place.home.display(), place.project.display(), stub.url());
    format!(
        "model = \"gpt-5.4\"\nmodel_provider = \"stub\"\napproval_policy = \"on-request\"\nsandbox_mode = \"{mode}\"\n\
         check_for_update_on_startup = false\nnotify = [\"/bin/sh\", \"{home}/notify\"]\n\
         [model_providers.stub]\nname = \"Stub\"\nbase_url = \"{url}/v1\"\nenv_key = \"STUB_KEY\"\n\
         wire_api = \"responses\"\nrequest_max_retries = 1\nstream_max_retries = 1\n\
         [projects.\"{project}\"]\ntrust_level = \"trusted\"\n[analytics]\nenabled = false\n"
    )
}
