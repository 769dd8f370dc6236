//! OpenCode: its screen, and the server that it is at the same time, with a password and on the loopback device.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{Agent, Place, Program};
use crate::http;
use crate::stub::Stub;

pub(crate) const OPENCODE: Program = Program { name: "opencode", file: "opencode-1.18.33" };

/// In its first seconds it takes connections that it never answers.
const GLANCE: Duration = Duration::from_secs(2);

/// How long a call may take on a loaded machine, where it needs 40 ms on an idle one.
const DEADLINE: Duration = Duration::from_secs(30);

/// Whether its shell asks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Free,
    Asks,
}

/// A running OpenCode with one session.
pub(crate) struct OpenCode {
    pub(crate) agent: Agent,
    address: SocketAddr,
    session: String,
    events: Arc<Mutex<Vec<Value>>>,
}

impl OpenCode {
    pub(crate) async fn start(shell: Shell) -> OpenCode {
        let place = Place::new();
        let stub = Stub::start();
        place.write_home(".config/opencode/opencode.json", &config(&stub, shell).to_string());
        let address = free_address();
        let variables = [
            ("OPENCODE_SERVER_PASSWORD", http::PASSWORD),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ];
        let argv = vec![OPENCODE.path(), "--port".to_string(), address.port().to_string()];
        let agent = Agent::start(place, stub, &variables, argv).await;
        let healthy = async || http::ask(GLANCE, address, ("GET", "/global/health"), &Value::Null).await.0 == 200;
        agent.wait("its server", healthy).await;
        let events = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(listen(address, events.clone()));
        let connected =
            || events.lock().expect("nobody panics with it").iter().any(|event| event["type"] == "server.connected");
        agent.wait("its events", async || connected()).await;
        let made = call(address, "POST", "/session", &json!({"title": "work"})).await;
        let session = made["id"].as_str().expect("a session has an id").to_string();
        OpenCode { agent, address, session, events }
    }

    /// Hands over a prompt: at once, whatever the session does.
    pub(crate) async fn prompt(&self, text: &str) {
        let path = format!("/session/{}/prompt_async", self.session);
        let body = json!({"parts": [{"type": "text", "text": text}]});
        assert_eq!(http::ask(DEADLINE, self.address, ("POST", &path), &body).await.0, 204, "{text:?}");
    }

    /// Prompts, and waits until the session is idle again; the events of the time between.
    pub(crate) async fn turn(&self, text: &str) -> Vec<Value> {
        let before = self.events().len();
        self.prompt(text).await;
        self.happens(before, "session.idle").await;
        self.events().split_off(before)
    }

    /// Waits for an event of this type behind the first `before`.
    pub(crate) async fn happens(&self, before: usize, kind: &str) -> Value {
        let find = || self.events().into_iter().skip(before).find(|event| event["type"] == kind);
        self.agent.wait(kind, async || find().is_some()).await;
        find().expect("it was there")
    }

    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().expect("nobody panics with it").clone()
    }

    /// The state of the session: `idle`, `busy` or `retry`. One that is idle is not in the list.
    pub(crate) async fn status(&self) -> String {
        let all = self.get("/session/status").await;
        all[&self.session]["type"].as_str().unwrap_or("idle").to_string()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        call(self.address, "GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        call(self.address, "POST", path, body).await
    }

    /// What a stranger on this machine gets who knows no password.
    pub(crate) async fn status_without_password(&self) -> u16 {
        http::status_as_a_stranger(self.address, "/session/status").await
    }

    pub(crate) fn session(&self) -> &str {
        &self.session
    }
}

async fn call(to: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let (status, text, whole) = http::ask(DEADLINE, to, (method, path), body).await;
    assert!((200..300).contains(&status) && whole, "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Keeps every event of its stream, until that ends.
async fn listen(from: SocketAddr, events: Arc<Mutex<Vec<Value>>>) {
    let response = http::send(from, "GET", "/event", &Value::Null).await.expect("events");
    let mut body = response.into_body();
    let mut rest = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let event = line.strip_prefix(b"data: ").and_then(|data| serde_json::from_slice(data).ok());
            events.lock().expect("nobody panics with it").extend::<Option<Value>>(event);
        }
    }
}

/// Its configuration in a home: our model server and no other.
pub(crate) fn config(stub: &Stub, shell: Shell) -> Value {
    let model = json!({
        "name": "Stub Model", "limit": {"context": 200_000, "output": 8_000}, "cost": {"input": 3, "output": 15},
    });
    let provider = json!({
        "name": "Stub", "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": format!("{}/v1", stub.url()), "apiKey": "sk-fake-000000"}, "models": {"stub-model": model},
    });
    json!({
        "autoupdate": false, "share": "disabled", "snapshot": false, "model": "stub/stub-model",
        "small_model": "stub/stub-model", "enabled_providers": ["stub"], "provider": {"stub": provider},
        "permission": if shell == Shell::Asks { json!({"bash": "ask"}) } else { json!({}) },
    })
}

/// A port that was free a moment ago: OpenCode tells nobody which one it would have taken.
pub(crate) fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address")
}
