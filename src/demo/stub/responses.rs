//! The wire of OpenAI's responses: Codex.

use serde_json::{Value, json};

use super::answer::{Message, Stop};
use super::asked::Asked;
use super::wire::{Number, Step, broken, spoken, tool};

pub(crate) fn whole(message: &Message, asked: &Asked, number: Number) -> Value {
    let items: Vec<Value> = [said(message, number), called(message, asked, number)].into_iter().flatten().collect();
    finished(message, asked, number, &items)
}

pub(crate) fn stream(message: &Message, asked: &Asked, number: Number) -> Vec<Step> {
    let mut events = Events::default();
    events.push("response.created", json!({"response": response(asked, number, "in_progress", &[])}));
    let mut items = Vec::new();
    if message.thinks.is_some() {
        items.push(events.thoughts(message, number));
    }
    if let Some(item) = said(message, number) {
        events.text(message, &item, items.len());
        if let Some(kind) = message.breaks {
            let mut failed = response(asked, number, "failed", &[]);
            failed["error"] = json!({"code": "server_is_overloaded", "message": "Overloaded"});
            let error = event("response.failed", 0, json!({"response": failed}));
            events.0.extend(broken(kind, error));
            return events.0;
        }
        events.item_done(&item, items.len());
        items.push(item);
    }
    if let Some(item) = called(message, asked, number) {
        events.call(&item, items.len());
        events.item_done(&item, items.len());
        items.push(item);
    }
    let response = finished(message, asked, number, &items);
    let kind = if message.stop == Stop::MaxTokens { "response.incomplete" } else { "response.completed" };
    events.push(kind, json!({"response": response}));
    events.0
}

/// The events so far; each says its number.
#[derive(Default)]
struct Events(Vec<Step>);

impl Events {
    fn push(&mut self, kind: &str, data: Value) {
        self.0.push(Step::Send(event(kind, self.0.len(), data)));
    }

    fn item_done(&mut self, item: &Value, index: usize) {
        self.push("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn thoughts(&mut self, message: &Message, number: Number) -> Value {
        let id = number.id("rs");
        let item = json!({"type": "reasoning", "id": id, "summary": []});
        self.push("response.output_item.added", json!({"output_index": 0, "item": item}));
        let (thoughts, pause) = message.thoughts();
        for thought in &thoughts {
            let delta = json!({"output_index": 0, "item_id": id, "summary_index": 0, "delta": thought});
            self.push("response.reasoning_summary_text.delta", delta);
            self.0.push(Step::Pause(pause));
        }
        let summary = json!([{"type": "summary_text", "text": thoughts.concat()}]);
        let item = json!({"type": "reasoning", "id": id, "summary": summary});
        self.item_done(&item, 0);
        item
    }

    fn text(&mut self, message: &Message, item: &Value, index: usize) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["content"] = json!([]);
        self.push("response.output_item.added", json!({"output_index": index, "item": begun}));
        let id = &item["id"];
        let part = json!({"type": "output_text", "text": "", "annotations": []});
        let place = |name: &str, value: Value| {
            let mut place = json!({"output_index": index, "item_id": id, "content_index": 0});
            place[name] = value;
            place
        };
        self.push("response.content_part.added", place("part", part));
        let begin = self.0.len();
        let delta = |piece: &str| event("response.output_text.delta", begin, place("delta", json!(piece)));
        self.0.extend(spoken(message, delta));
        if message.breaks.is_none() {
            self.push("response.output_text.done", place("text", json!(message.text)));
            self.push("response.content_part.done", place("part", item["content"][0].clone()));
        }
    }

    fn call(&mut self, item: &Value, index: usize) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["arguments"] = json!("");
        self.push("response.output_item.added", json!({"output_index": index, "item": begun}));
        let (id, arguments) = (&item["id"], &item["arguments"]);
        let delta = json!({"output_index": index, "item_id": id, "delta": arguments});
        self.push("response.function_call_arguments.delta", delta);
        let done = json!({"output_index": index, "item_id": id, "arguments": arguments});
        self.push("response.function_call_arguments.done", done);
    }
}

fn said(message: &Message, number: Number) -> Option<Value> {
    let content = json!([{"type": "output_text", "text": message.text, "annotations": []}]);
    let item = json!({
        "type": "message", "id": number.id("msg"), "role": "assistant", "status": "completed", "content": content,
    });
    (!message.text.is_empty()).then_some(item)
}

fn called(message: &Message, asked: &Asked, number: Number) -> Option<Value> {
    let (name, input) = tool(message.call.as_ref()?, asked);
    Some(json!({
        "type": "function_call", "id": number.id("fc"), "call_id": number.id("call"), "name": name,
        "arguments": input.to_string(), "status": "completed",
    }))
}

fn finished(message: &Message, asked: &Asked, number: Number, items: &[Value]) -> Value {
    let status = if message.stop == Stop::MaxTokens { "incomplete" } else { "completed" };
    let mut response = response(asked, number, status, items);
    let (input, output) = (message.input_tokens, message.output_tokens() as u64);
    response["usage"] = json!({
        "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output,
    });
    if message.stop == Stop::MaxTokens {
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    response
}

fn response(asked: &Asked, number: Number, status: &str, items: &[Value]) -> Value {
    json!({
        "id": number.id("resp"), "object": "response", "created_at": 0, "model": asked.model, "status": status,
        "output": items,
    })
}

fn event(kind: &str, sequence: usize, mut data: Value) -> String {
    data["type"] = json!(kind);
    data["sequence_number"] = json!(sequence);
    format!("event: {kind}\ndata: {data}\n\n")
}
