//! The Anthropic wire: Claude Code, and OpenCode where it is told so.

use serde_json::{Value, json};

use super::answer::{Message, Stop};
use super::asked::Asked;
use super::wire::{Number, Step, broken, spoken, tool};

pub(crate) fn whole(message: &Message, asked: &Asked, number: Number) -> Value {
    let mut content = Vec::new();
    if !message.text.is_empty() {
        content.push(json!({"type": "text", "text": message.text}));
    }
    if let Some(call) = &message.call {
        let (name, input) = tool(call, asked);
        content.push(json!({"type": "tool_use", "id": number.id("toolu"), "name": name, "input": input}));
    }
    json!({
        "id": number.id("msg"), "type": "message", "role": "assistant", "model": asked.model, "content": content,
        "stop_reason": stop_reason(message), "stop_sequence": null, "usage": usage(message, message.output_tokens()),
    })
}

pub(crate) fn stream(message: &Message, asked: &Asked, number: Number) -> Vec<Step> {
    let start = json!({
        "id": number.id("msg"), "type": "message", "role": "assistant", "model": asked.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(message, 1),
    });
    let mut steps = vec![send(&json!({"type": "message_start", "message": start})), send(&json!({"type": "ping"}))];
    let mut index = 0;
    if message.thinks.is_some() {
        steps.extend(thinking(message, index));
        index += 1;
    }
    if !message.text.is_empty() {
        let block = json!({"type": "text", "text": ""});
        steps.push(send(&json!({"type": "content_block_start", "index": index, "content_block": block})));
        steps.extend(spoken(message, |piece| {
            let delta = json!({"type": "text_delta", "text": piece});
            event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
        }));
        if let Some(kind) = message.breaks {
            let error = json!({"type": "overloaded_error", "message": "Overloaded"});
            steps.extend(broken(kind, event(&json!({"type": "error", "error": error}))));
            return steps;
        }
        steps.push(send(&json!({"type": "content_block_stop", "index": index})));
        index += 1;
    }
    if let Some(call) = &message.call {
        let (name, input) = tool(call, asked);
        let block = json!({"type": "tool_use", "id": number.id("toolu"), "name": name, "input": {}});
        let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
        steps.push(send(&json!({"type": "content_block_start", "index": index, "content_block": block})));
        steps.push(send(&json!({"type": "content_block_delta", "index": index, "delta": delta})));
        steps.push(send(&json!({"type": "content_block_stop", "index": index})));
    }
    let delta = json!({"stop_reason": stop_reason(message), "stop_sequence": null});
    let usage = usage(message, message.output_tokens());
    steps.push(send(&json!({"type": "message_delta", "delta": delta, "usage": usage})));
    steps.push(send(&json!({"type": "message_stop"})));
    steps
}

fn thinking(message: &Message, index: usize) -> Vec<Step> {
    let block = json!({"type": "thinking", "thinking": "", "signature": ""});
    let mut steps = vec![send(&json!({"type": "content_block_start", "index": index, "content_block": block}))];
    let delta = |delta: Value| send(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
    let (thoughts, pause) = message.thoughts();
    for thought in thoughts {
        steps.push(delta(json!({"type": "thinking_delta", "thinking": thought})));
        steps.push(Step::Pause(pause));
    }
    steps.push(delta(json!({"type": "signature_delta", "signature": "c3R1Yg=="})));
    steps.push(send(&json!({"type": "content_block_stop", "index": index})));
    steps
}

fn stop_reason(message: &Message) -> &'static str {
    match message.stop {
        Stop::End if message.call.is_some() => "tool_use",
        Stop::End => "end_turn",
        Stop::MaxTokens => "max_tokens",
        Stop::Refusal => "refusal",
    }
}

fn usage(message: &Message, output: usize) -> Value {
    json!({
        "input_tokens": message.input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": output, "service_tier": "standard",
    })
}

fn send(data: &Value) -> Step {
    Step::Send(event(data))
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().expect("an event has a type"))
}
