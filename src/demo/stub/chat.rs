//! The wire of OpenAI's chat completions: OpenCode with any provider that is compatible.

use serde_json::{Value, json};

use super::answer::{Message, Stop};
use super::asked::Asked;
use super::wire::{Number, Step, broken, spoken, tool};

pub(crate) fn whole(message: &Message, asked: &Asked, number: Number) -> Value {
    let mut said = json!({"role": "assistant", "content": message.text});
    if let Some(calls) = tool_calls(message, asked, number) {
        said["tool_calls"] = calls;
    }
    let choice = json!({"index": 0, "finish_reason": finish(message), "message": said});
    json!({
        "id": number.id("chatcmpl"), "object": "chat.completion", "created": 0, "model": asked.model,
        "choices": [choice], "usage": usage(message),
    })
}

pub(crate) fn stream(message: &Message, asked: &Asked, number: Number) -> Vec<Step> {
    let chunk = |choices: Value| {
        json!({
            "id": number.id("chatcmpl"), "object": "chat.completion.chunk", "created": 0, "model": asked.model,
            "choices": choices,
        })
    };
    let delta = |delta: Value, finish: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]));
    let mut steps = vec![send(&delta(json!({"role": "assistant", "content": ""}), Value::Null))];
    let (thoughts, pause) = message.thoughts();
    for thought in thoughts {
        steps.push(send(&delta(json!({"reasoning_content": thought}), Value::Null)));
        steps.push(Step::Pause(pause));
    }
    steps.extend(spoken(message, |piece| event(&delta(json!({"content": piece}), Value::Null))));
    if let Some(kind) = message.breaks {
        let error = json!({"message": "Overloaded", "type": "server_error", "code": "server_is_overloaded"});
        steps.extend(broken(kind, event(&json!({"error": error}))));
        return steps;
    }
    if let Some(calls) = tool_calls(message, asked, number) {
        steps.push(send(&delta(json!({"tool_calls": calls}), Value::Null)));
    }
    steps.push(send(&delta(json!({}), json!(finish(message)))));
    let mut last = chunk(json!([]));
    last["usage"] = usage(message);
    steps.push(send(&last));
    steps.push(Step::Send("data: [DONE]\n\n".to_string()));
    steps
}

fn tool_calls(message: &Message, asked: &Asked, number: Number) -> Option<Value> {
    let (name, input) = tool(message.call.as_ref()?, asked);
    let function = json!({"name": name, "arguments": input.to_string()});
    Some(json!([{"index": 0, "id": number.id("call"), "type": "function", "function": function}]))
}

fn finish(message: &Message) -> &'static str {
    match message.stop {
        Stop::End if message.call.is_some() => "tool_calls",
        Stop::End => "stop",
        Stop::MaxTokens => "length",
        Stop::Refusal => "content_filter",
    }
}

fn usage(message: &Message) -> Value {
    let (input, output) = (message.input_tokens, message.output_tokens() as u64);
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

fn send(data: &Value) -> Step {
    Step::Send(event(data))
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
