//! Hands a message over to an OpenCode, into the conversation that its screen shows. The message gets a name that is noted
//! before it is sent, and a conversation that holds this name already gets it never again. Sent twice under one name it is one
//! message all the same: the program puts the same part in the same place.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::access::{self, Access, Posted};
use super::call::{self, Answer, CallError};
use crate::edge::clock;
use crate::pilot::id::{AgentId, Incarnation, MessageId};

/// Each call: it needs 40 ms at rest.
const SPAN: Duration = Duration::from_secs(10);
/// So long a name stays good for another try. The program takes the order of names for the order of time: under an old one a
/// message would stand above answers that are there already, and get none.
const FRESH_MS: i64 = 60_000;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The program took it.
    Over,
    /// It stood in the conversation already, with exactly this text.
    Before,
    /// It positively did not get there.
    Not(String),
    /// Nobody can say.
    Unknown(String),
}

/// Hands over one message to this life of an agent.
pub async fn hand_over(
    agents: &Path,
    agent: &AgentId,
    incarnation: Incarnation,
    (message, text): (MessageId, &str),
) -> Handed {
    let path = access::path(agents, agent);
    let Some(access) = access::read(&path, incarnation) else { return Handed::Not("it has no server".to_string()) };
    let mut again = None;
    if let Some(posted) = access.posted.clone().filter(|posted| posted.message == message) {
        match find(&access, &posted, text).await {
            Ok(true) => return Handed::Before,
            Ok(false) => again = Some(posted),
            Err(why) => return Handed::Unknown(why),
        }
    }
    let shown = match conversation(&path, &access).await {
        Ok(shown) => shown,
        Err(why) => return Handed::Not(why),
    };
    let now = clock::wall().0;
    let again = again.filter(|posted| now - posted.at_ms < FRESH_MS && posted.session == shown.id);
    let posted = again.unwrap_or_else(|| name(message, &shown.id, now));
    if let Err(error) = access::update(&path, incarnation, |access| access.posted = Some(posted.clone())) {
        return Handed::Not(error.to_string());
    }
    match prompt(&access, &shown, &posted, text).await {
        Ok((200..=299, _)) => Handed::Over,
        Ok((status @ 400..=499, answer)) => Handed::Not(format!("its server refused it: {status} {}", words(&answer))),
        Ok((status, answer)) => Handed::Unknown(format!("its server answered {status} {}", words(&answer))),
        Err(CallError::Unreached(why)) => Handed::Not(why),
        Err(error @ CallError::Broken(_)) => Handed::Unknown(error.to_string()),
    }
}

/// A turn failed, and left the message that was handed over last without an answer: under its own name it is no new one, and
/// the program goes on with it. Prompts of others are theirs to repeat.
pub(super) async fn prompt_again(path: &Path, incarnation: Incarnation, left: &str) {
    let Some(access) = access::read(path, incarnation) else { return };
    let Some(posted) = access.posted.clone().filter(|posted| posted.id == left) else { return };
    let at = format!("/session/{}/message/{}", posted.session, posted.id);
    let Ok((200, message)) = call::get(&access, &at, SPAN).await else { return };
    let Some(text) = message["parts"][0]["text"].as_str() else { return };
    let Ok((200, info)) = call::get(&access, &format!("/session/{}", posted.session), SPAN).await else { return };
    let shown = Shown { id: posted.session.clone(), info };
    let sent = prompt(&access, &shown, &posted, text).await;
    tracing::info!(message = %posted.message, took = sent.is_ok(), "a failed turn left it without an answer");
}

/// Whether a message stands in its conversation, word for word.
async fn find(access: &Access, posted: &Posted, text: &str) -> Result<bool, String> {
    let path = format!("/session/{}/message/{}", posted.session, posted.id);
    match call::get(access, &path, SPAN).await.map_err(|error| error.to_string())? {
        (404, _) => Ok(false),
        (200, message) => match message["parts"].as_array().map(Vec::as_slice) {
            // Its name is there before its words are.
            Some([]) => Ok(false),
            Some(parts) if parts.iter().any(|part| part["text"] == text) => Ok(true),
            Some(_) | None => Err("another text stands under its name".to_string()),
        },
        (status, _) => Err(format!("its server answered {status}")),
    }
}

/// A conversation as its screen shows it.
struct Shown {
    id: String,
    info: Value,
}

/// The agent's conversation; where it has none, one is begun and shown on its screen.
async fn conversation(path: &Path, access: &Access) -> Result<Shown, String> {
    if let Some(id) = &access.session
        && let Some(info) = look_up(access, id).await?
    {
        return Ok(Shown { id: id.clone(), info });
    }
    if access.shares.is_some() {
        // Every screen on the server would show another one.
        return Err("its conversation is gone from its server: a restart begins a new one".to_string());
    }
    let id = begin(access, &json!({})).await?;
    access::update(path, access.incarnation, |access| access.session = Some(id.clone()))
        .map_err(|error| error.to_string())?;
    let show = json!({ "sessionID": id });
    let shown = call::call(access, ("POST", "/tui/select-session"), Some(&show), SPAN).await;
    if !matches!(shown, Ok((200, _))) {
        tracing::warn!("a conversation was begun that its screen may not show");
    }
    Ok(Shown { id, info: Value::Null })
}

/// What the server knows of a conversation; `None`: it was deleted.
pub(super) async fn look_up(access: &Access, id: &str) -> Result<Option<Value>, String> {
    match call::get(access, &format!("/session/{id}"), SPAN).await.map_err(|error| error.to_string())? {
        (200, info) => Ok(Some(info)),
        (404, _) => Ok(None),
        (status, _) => Err(format!("its server answered {status} when asked for its conversation")),
    }
}

/// Begins a conversation.
pub(super) async fn begin(access: &Access, what: &Value) -> Result<String, String> {
    let (status, answer) =
        call::call(access, ("POST", "/session"), Some(what), SPAN).await.map_err(|error| error.to_string())?;
    let made: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
    let (200, Some(id)) = (status, made["id"].as_str()) else {
        return Err(format!("its server begins no conversation: {status} {}", words(&answer)));
    };
    Ok(id.to_string())
}

/// A name as the program makes them: the time, so that they stand in order, then what tells them apart: for us, the message.
fn name(message: MessageId, session: &str, now_ms: i64) -> Posted {
    let time = (now_ms.unsigned_abs() << 12 | 1) & 0xffff_ffff_ffff;
    let id = format!("msg_{time:012x}fd{:012}", message.0);
    Posted { message, session: session.to_string(), id, at_ms: now_ms }
}

/// Prompts it under this name; its answer comes when the program has the words, not when the model has spoken.
async fn prompt(access: &Access, shown: &Shown, posted: &Posted, text: &str) -> Result<Answer, CallError> {
    let path = format!("/session/{}/prompt_async", shown.id);
    call::call(access, ("POST", &path), Some(&body(access, shown, posted, text)), SPAN).await
}

/// What is sent. Without a model and a mode the program would take its defaults, whatever its screen says: so those of its last
/// prompt are named, or those of its argv.
fn body(access: &Access, shown: &Shown, posted: &Posted, text: &str) -> Value {
    let part = posted.id.replacen("msg_", "prt_", 1);
    let mut body = json!({ "messageID": posted.id, "parts": [{ "id": part, "type": "text", "text": text }] });
    let last = &shown.info["model"];
    let last = last["providerID"].as_str().zip(last["id"].as_str());
    if let Some((provider, model)) = last.or(access.model.as_deref().and_then(|model| model.split_once('/'))) {
        body["model"] = json!({ "providerID": provider, "modelID": model });
        if let Some(variant) = shown.info["model"]["variant"].as_str().filter(|variant| *variant != "default") {
            body["variant"] = json!(variant);
        }
    }
    if let Some(mode) = shown.info["agent"].as_str().or(access.mode.as_deref()) {
        body["agent"] = json!(mode);
    }
    body
}

/// The beginning of an answer, for a person.
fn words(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_time_and_carry_the_message() {
        let made = name(MessageId(42), "ses_1", 1_795_286_881_466);
        assert_eq!(made.id, "msg_1ff6fd4ba001fd000000000042");
        assert!(name(MessageId(1), "ses_1", 1_795_286_881_467).id > made.id);
    }
}
