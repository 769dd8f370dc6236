//! Writing the sequence back into `flightdeck.toml`: the one thing there that flightdeck itself changes. Everything else
//! in the file, comments and order included, stays as the operator wrote it.

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::pilot::id::PhaseId;

/// The file's text with `project.sequence` set to `phases`.
pub fn set_sequence(text: &str, phases: &[PhaseId]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        format!("flightdeck.toml is broken TOML: {}", error.message().lines().collect::<Vec<_>>().join(" "))
    })?;
    let project = document.entry("project").or_insert_with(|| Item::Table(Table::new()));
    let Some(project) = project.as_table_like_mut() else { return Err("`project` is no table".to_string()) };
    match project.get_mut("sequence") {
        Some(Item::Value(Value::Array(array))) => rewrite(array, phases),
        Some(item) => *item = Item::Value(Value::Array(phases.iter().map(PhaseId::as_str).collect())),
        None => {
            project.insert("sequence", Item::Value(Value::Array(phases.iter().map(PhaseId::as_str).collect())));
        }
    }
    Ok(document.to_string())
}

/// Keeps the elements that stay, with the comments and line breaks before them.
fn rewrite(array: &mut Array, phases: &[PhaseId]) {
    let old: Vec<Value> = array.iter().cloned().collect();
    let lines =
        old.iter().any(|value| value.decor().prefix().and_then(|it| it.as_str()).is_some_and(|it| it.contains('\n')));
    array.clear();
    for (at, phase) in phases.iter().enumerate() {
        let kept = old.iter().find(|value| value.as_str() == Some(phase.as_str()));
        let mut value = kept.cloned().unwrap_or_else(|| phase.as_str().into());
        let plain = value.decor().prefix().and_then(|it| it.as_str()).is_none_or(|it| it.trim().is_empty());
        if plain {
            let before = match (lines, at) {
                (true, _) => "\n    ",
                (false, 0) => "",
                (false, _) => " ",
            };
            value.decor_mut().set_prefix(before);
        }
        array.push_formatted(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, phases: &[&str]) -> String {
        let phases: Vec<PhaseId> = phases.iter().map(|id| PhaseId::parse(id).expect("a phase id")).collect();
        set_sequence(text, &phases).expect("it is TOML")
    }

    #[test]
    fn only_the_sequence_changes() {
        let text = "# top\nversion = 1 # one\n\n[project] # here\n# what comes\nsequence = [\"1a\", \"2\"] # now\n\n[stall]\nidle = '5m'\n";
        assert_eq!(set(text, &["1a", "1b", "2"]), text.replace("[\"1a\", \"2\"]", "[\"1a\", \"1b\", \"2\"]"));
        assert_eq!(set(text, &[]), text.replace("[\"1a\", \"2\"]", "[]"));
        assert_eq!(set(text, &["1a", "2"]), text);
    }

    #[test]
    fn comments_between_the_phases_stay_with_their_phase() {
        let text = "[project]\nsequence = [\n    # the walls\n    \"1a\",\n    # the roof\n    \"2\",\n]\n";
        assert_eq!(
            set(text, &["1a", "1b", "2"]),
            "[project]\nsequence = [\n    # the walls\n    \"1a\",\n    \"1b\",\n    # the roof\n    \"2\",\n]\n"
        );
        assert_eq!(set(text, &["2"]), "[project]\nsequence = [\n    # the roof\n    \"2\",\n]\n");
    }

    #[test]
    fn a_sequence_that_was_not_there_is_added() {
        assert_eq!(set("version = 1\n", &["1a"]), "version = 1\n\n[project]\nsequence = [\"1a\"]\n");
        assert_eq!(set("project = { name = 'x' }\n", &["1a"]), "project = { name = 'x' , sequence = [\"1a\"] }\n");
        assert!(set_sequence("[project", &[]).is_err());
        assert!(set_sequence("project = 1", &[]).is_err());
    }
}
