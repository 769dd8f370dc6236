//! What an operator looks at, in full: a further word of the language of scenarios.

use flightdeck::pilot::step;
use flightdeck::pilot::view::View;
use serde_json::Value;

use super::world::World;

/// `why AGENT`: all that `why` and `status --json` know of it; `accounts`, `phases`, `watch`, `outbox`: the same of these.
pub(crate) fn operator(world: &mut World, words: &str) -> Result<(), String> {
    let Some(engine) = &world.engine else { return Err("no engine runs".to_string()) };
    let view = step::view(&engine.state, &world.rules, world.clock());
    for line in lines(&view, words)? {
        world.note(&format!("| {line}"));
    }
    Ok(())
}

fn lines(view: &View, words: &str) -> Result<Vec<String>, String> {
    let told = |value: serde_json::Result<Value>| value.map_err(|error| error.to_string());
    Ok(match words.split(' ').collect::<Vec<_>>()[..] {
        ["why", name] => {
            let agent = view.agents.iter().find(|agent| agent.id.as_str() == name).ok_or("no such agent")?;
            fields(&told(serde_json::to_value(agent))?)
        }
        ["phases"] => fields(&told(serde_json::to_value(&view.phase))?),
        ["watch"] => fields(&told(serde_json::to_value(&view.watch))?),
        ["accounts"] => elements(&told(serde_json::to_value(&view.accounts))?),
        ["outbox"] => elements(&told(serde_json::to_value(&view.outbox))?),
        _ => return Err(format!("nothing to look at: {words:?}")),
    })
}

/// One line for each field that says something; lists have one for each element.
fn fields(value: &Value) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    let lines = fields.flat_map(|(key, value)| match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all.iter().map(|one| format!("{key}: {one}")).collect(),
        one => vec![format!("{key}: {one}")],
    });
    lines.collect()
}

fn elements(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(Value::to_string).collect()
}
