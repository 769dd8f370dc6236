//! Adding to somebody's JSON text. Only ever inserts: every byte that was there is there afterwards, in its order, but for what we
//! have made ourselves. New lines are indented like those beside them.

use serde_json::{Value, json};

use crate::config::Problem;
use crate::config::servers::literal;
use crate::config::text::Text;

use super::jsonc::{self, Dialect, Json, Node};
use super::servers;
use super::slash::Whose;

/// Something that should stand in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A text in the list at this path.
    Listed { path: Vec<String>, text: String },
    /// A key of the object at this path.
    Keyed { path: Vec<String>, key: String, value: String, place: Place },
    /// A registration behind what else the object at this path holds. One of ours is written anew.
    Whole { path: Vec<String>, key: String, value: Value },
}

/// Where a key goes among those that are there: the later ones are stronger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    /// Behind `*` where the object begins with it, and behind those of these keys and values that follow there without a gap.
    /// Before whatever else there is, then.
    Behind(Vec<(String, String)>),
    Last,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grown {
    /// The text with what was added.
    Added(String),
    /// It stands there already.
    There,
    /// Its owner wrote something else there, which stays: in words.
    Theirs(String),
}

/// Fulfils one wish.
pub(super) fn grow(name: &str, text: &str, dialect: Dialect, wish: &Wish) -> Result<Grown, Box<Problem>> {
    let read = Text::of(name, text);
    let root = jsonc::parse(&read, dialect)?;
    let (path, leaf) = match wish {
        Wish::Listed { path, text } => (path, Leaf::Item(text)),
        Wish::Keyed { path, key, value, place } => (path, Leaf::Member(key, value, place)),
        Wish::Whole { path, key, value } => (path, Leaf::Whole(key, value)),
    };
    let mut node = &root;
    for (depth, key) in path.iter().enumerate() {
        let Json::Object(members) = &node.value else { return Ok(theirs(&path[..depth], "is no object")) };
        match members.iter().find(|(name, _, _)| name == key) {
            Some((_, _, inner)) => node = inner,
            None => {
                let branch = built(&path[depth + 1..], &leaf);
                return Ok(Grown::Added(insert(text, node, members.len(), Some(key), &branch)));
            }
        }
    }
    Ok(match (&node.value, leaf) {
        (Json::Array(items), Leaf::Item(wanted)) => {
            if items.iter().any(|item| item.value == Json::Text(wanted.clone())) {
                return Ok(Grown::There);
            }
            Grown::Added(insert(text, node, items.len(), None, &Value::from(wanted.as_str())))
        }
        (Json::Object(members), Leaf::Member(key, value, place)) => {
            if let Some((_, _, found)) = members.iter().find(|(name, _, _)| name == key) {
                let same = found.value == Json::Text(value.clone());
                return Ok(if same {
                    Grown::There
                } else {
                    theirs(path, &format!("says {}", &text[found.span.clone()]))
                });
            }
            let at = match place {
                Place::First => 0,
                Place::Behind(weaker) => {
                    let star = usize::from(members.first().is_some_and(|(name, _, _)| name == "*"));
                    let known = |(name, _, node): &&(String, std::ops::Range<usize>, Node)| {
                        weaker.iter().any(|(key, value)| key == name && node.value == Json::Text(value.clone()))
                    };
                    star + members[star..].iter().take_while(known).count()
                }
                Place::Last => members.len(),
            };
            Grown::Added(insert(text, node, at, Some(key), &Value::from(value.as_str())))
        }
        (Json::Object(members), Leaf::Whole(key, value)) => match members.iter().find(|(name, _, _)| name == key) {
            Some((_, _, found)) => whole(text, path, found, value),
            None => Grown::Added(insert(text, node, members.len(), Some(key), value)),
        },
        (_, Leaf::Item(_)) => theirs(path, "is no list"),
        (_, Leaf::Whole(..)) => theirs(path, "is no object"),
        // One word for all is what this key says.
        (Json::Text(word), Leaf::Member(key, value, _)) if key == "*" && word == value => Grown::There,
        (_, Leaf::Member(..)) => theirs(path, &format!("is the one word {}", &text[node.span.clone()])),
    })
}

enum Leaf<'w> {
    Item(&'w String),
    Member(&'w String, &'w String, &'w Place),
    Whole(&'w String, &'w Value),
}

/// What becomes of a registration in the place of which something stands.
fn whole(text: &str, path: &[String], found: &Node, value: &Value) -> Grown {
    let stands = &text[found.span.clone()];
    // What has comments in it is no text of ours.
    let old = serde_json::from_str::<Value>(stands).unwrap_or_default();
    match servers::whose(&old) {
        _ if servers::same(&old, value) => Grown::There,
        Whose::Ours => {
            let shown = shown(value, &indent(text, found.span.start), &unit(text));
            Grown::Added(format!("{}{shown}{}", &text[..found.span.start], &text[found.span.end..]))
        }
        Whose::Changed => theirs(path, "was changed by hand"),
        Whose::Theirs => theirs(path, "has another one of yours of that name"),
    }
}

fn theirs(path: &[String], what: &str) -> Grown {
    let name = if path.is_empty() { "the file".to_string() } else { path.join(".") };
    Grown::Theirs(format!("{name} {what}"))
}

/// The value that holds the leaf below these keys.
fn built(path: &[String], leaf: &Leaf<'_>) -> Value {
    let inner = match leaf {
        Leaf::Item(text) => json!([text]),
        Leaf::Member(key, value, _) => json!({ key.as_str(): value }),
        Leaf::Whole(key, value) => json!({ key.as_str(): value }),
    };
    path.iter().rev().fold(inner, |inner, key| json!({ key.as_str(): inner }))
}

/// The text with a new part of `parent` before its `at`-th one.
fn insert(text: &str, parent: &Node, at: usize, key: Option<&str>, value: &Value) -> String {
    let parts: Vec<(usize, usize)> = match &parent.value {
        Json::Object(members) => members.iter().map(|(_, key, node)| (key.start, node.span.end)).collect(),
        Json::Array(items) => items.iter().map(|item| (item.span.start, item.span.end)).collect(),
        Json::Text(_) | Json::Word => Vec::new(),
    };
    let outer = indent(text, parent.span.start);
    let spread = parts.first().is_none_or(|(first, _)| text[parent.span.start..*first].contains('\n'));
    let inner = match parts.first() {
        Some((first, _)) if spread => indent(text, *first),
        _ => format!("{outer}{}", unit(text)),
    };
    let shown = if spread { shown(value, &inner, &unit(text)) } else { literal(value) };
    let new = key.map_or(shown.clone(), |key| format!("{}: {shown}", Value::from(key)));
    let gap = if spread { format!("\n{inner}") } else { " ".to_string() };
    match (parts.get(at), parts.last()) {
        (Some((next, _)), _) => {
            let (head, tail) = text.split_at(*next);
            format!("{head}{new},{gap}{tail}")
        }
        (None, Some((_, last))) => {
            let (head, tail) = text.split_at(*last);
            behind(head, tail, &text[*last..parent.span.end], &format!("{gap}{new}"))
        }
        (None, None) => {
            let (head, tail) = text.split_at(parent.span.start + 1);
            let broken = tail.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
            let end = if broken { String::new() } else { format!("\n{outer}") };
            format!("{head}{gap}{new}{end}{tail}")
        }
    }
}

/// Behind the last part: after the comma that may stand there, and after a comment on its line, which belongs to it.
fn behind(head: &str, tail: &str, rest: &str, new: &str) -> String {
    let comma = after_last(rest);
    let end = comma.unwrap_or(0);
    let comment = rest[end..].trim_start_matches([' ', '\t']).starts_with("//");
    let line = if comment { rest[end..].find('\n').unwrap_or(0) } else { 0 };
    let (between, tail) = tail.split_at(end + line);
    match comma {
        Some(_) => format!("{head}{between}{new},{tail}"),
        None => format!("{head},{between}{new}{tail}"),
    }
}

/// A value over several lines, the first of which is indented already.
fn shown(value: &Value, indent: &str, unit: &str) -> String {
    let deeper = format!("{indent}{unit}");
    let lines = |parts: Vec<String>| {
        let parts: Vec<String> = parts.iter().map(|part| format!("\n{deeper}{part}")).collect();
        format!("{}\n{indent}", parts.join(","))
    };
    match value {
        Value::Object(members) => {
            let part = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), shown(value, &deeper, unit))
            };
            format!("{{{}}}", lines(members.iter().map(part).collect()))
        }
        Value::Array(items) => {
            format!("[{}]", lines(items.iter().map(|item| shown(item, &deeper, unit)).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => literal(value),
    }
}

/// Up to where a comma stands after the last part, that comma included; comments before it are stepped over.
pub(super) fn after_last(rest: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let left = &rest[at..];
        let inked = left.trim_start();
        at += left.len() - inked.len();
        if inked.starts_with(',') {
            return Some(at + 1);
        } else if inked.starts_with("//") {
            at += inked.find('\n')?;
        } else if inked.starts_with("/*") {
            at += inked.find("*/")? + 2;
        } else {
            return None;
        }
    }
}

/// The blanks at the beginning of the line in which a byte stands.
fn indent(text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    text[start..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
}

/// One step of indentation, as the file has it; two blanks where it has none.
fn unit(text: &str) -> String {
    let blanks = |line: &str| line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect::<String>();
    text.lines().skip(1).map(blanks).find(|blanks| !blanks.is_empty()).unwrap_or_else(|| "  ".to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(keys: &str) -> Vec<String> {
        keys.split_whitespace().map(str::to_string).collect()
    }

    fn listed(keys: &str, text: &str) -> Wish {
        Wish::Listed { path: path(keys), text: text.to_string() }
    }

    fn keyed(keys: &str, key: &str, value: &str, place: Place) -> Wish {
        Wish::Keyed { path: path(keys), key: key.to_string(), value: value.to_string(), place }
    }

    /// What a text becomes; what was there is there still, and a second time changes nothing.
    fn grown(text: &str, wish: &Wish) -> String {
        match grow("x.json", text, Dialect::Comments, wish) {
            Ok(Grown::Added(new)) => {
                let mut old = text.chars().peekable();
                new.chars().for_each(|c| {
                    old.next_if_eq(&c);
                });
                assert_eq!(old.next(), None, "something was lost: {new}");
                assert_eq!(grow("x.json", &new, Dialect::Comments, wish), Ok(Grown::There), "{new}");
                new
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_list_is_made_where_it_is_missing_in_the_files_own_indentation() {
        let wish = listed("permissions allow", "Edit");
        let made = "{\n  \"permissions\": {\n    \"allow\": [\n      \"Edit\"\n    ]\n  }\n}";
        assert_eq!(grown("{}", &wish), made);
        assert_eq!(grown("{\n}", &wish), made);
        assert_eq!(
            grown("{\n\t\"model\": \"x\"\n}\n", &wish),
            "{\n\t\"model\": \"x\",\n\t\"permissions\": {\n\t\t\"allow\": [\n\t\t\t\"Edit\"\n\t\t]\n\t}\n}\n"
        );
        assert_eq!(
            grown("{\n  \"permissions\": { \"allow\": [\"Read\"] }\n}", &wish),
            "{\n  \"permissions\": { \"allow\": [\"Read\", \"Edit\"] }\n}"
        );
    }

    #[test]
    fn comments_and_trailing_commas_stay_with_what_they_belong_to() {
        let wish = keyed("permission bash", "git *", "allow", Place::Last);
        assert_eq!(
            grown("{\n  \"permission\": {\n    \"bash\": {\n      \"*\": \"ask\" // mine\n    }\n  }\n}", &wish),
            "{\n  \"permission\": {\n    \"bash\": {\n      \"*\": \"ask\", // mine\n      \"git *\": \"allow\"\n    }\n  }\n}"
        );
        assert_eq!(
            grown("{\n  \"permission\": {\n    \"bash\": {\n      \"*\": \"ask\", // mine\n    }\n  }\n}", &wish),
            "{\n  \"permission\": {\n    \"bash\": {\n      \"*\": \"ask\", // mine\n      \"git *\": \"allow\",\n    }\n  }\n}"
        );
    }

    #[test]
    fn a_key_goes_where_its_strength_is() {
        let text = "{\"bash\": {\"*\": \"ask\", \"rm *\": \"deny\"}}";
        let at = |place| grown(text, &keyed("bash", "a", "allow", place));
        assert_eq!(at(Place::First), "{\"bash\": {\"a\": \"allow\", \"*\": \"ask\", \"rm *\": \"deny\"}}");
        let known = |value: &str| vec![("rm *".to_string(), value.to_string())];
        assert_eq!(at(Place::Behind(known("deny"))), at(Place::Last));
        assert_eq!(at(Place::Behind(known("allow"))), at(Place::Behind(Vec::new())));
        assert_eq!(at(Place::Behind(Vec::new())), "{\"bash\": {\"*\": \"ask\", \"a\": \"allow\", \"rm *\": \"deny\"}}");
        assert_eq!(at(Place::Last), "{\"bash\": {\"*\": \"ask\", \"rm *\": \"deny\", \"a\": \"allow\"}}");
    }

    /// Settings with the names that we look for, in the places where they should be and in others.
    fn settings() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!("allow")), Just(json!("deny")), Just(json!(1.50)), Just(json!(null))];
        let keys = prop::sample::select(vec!["permission", "bash", "allow", "*", "git *", "other"]);
        let inside = leaf.prop_recursive(4, 30, 5, move |inner| {
            let object = prop::collection::btree_map(keys.clone(), inner.clone(), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                object.prop_map(|map| map.into_iter().map(|(key, value)| (key.to_string(), value)).collect()),
            ]
        });
        prop::collection::btree_map("permission|zebra", inside, 0..3).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn whatever_stands_there_nothing_is_lost_and_all_is_json(settings in settings(), pretty: bool, comma: bool, at in 0..3_usize) {
            let mut text = if pretty { format!("{settings:#}\n") } else { settings.to_string() };
            if comma && let Some(end) = text.rfind("\n}").filter(|end| !text[..*end].ends_with('{')) {
                text.insert_str(end, ", // mine");
            }
            let wishes = [
                listed("permission allow", "a"),
                keyed("permission bash", "git *", "allow", Place::Behind(vec![("*".to_string(), "allow".to_string())])),
                keyed("permission", "edit", "deny", Place::Last),
            ];
            match grow("x.json", &text, Dialect::Comments, &wishes[at]).map_err(|why| TestCaseError::fail(why.to_string()))? {
                Grown::Added(_) => drop(grown(&text, &wishes[at])),
                Grown::There | Grown::Theirs(_) => {}
            }
        }
    }

    #[test]
    fn what_its_owner_wrote_otherwise_stays_and_is_told() {
        let told = |text: &str, wish: &Wish| match grow("x.json", text, Dialect::Strict, wish) {
            Ok(Grown::Theirs(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(told("{\"p\": {\"a\": \"deny\"}}", &keyed("p", "a", "allow", Place::Last)), "p says \"deny\"");
        assert_eq!(told("{\"p\": \"allow\"}", &keyed("p", "a", "ask", Place::Last)), "p is the one word \"allow\"");
        assert_eq!(told("{\"p\": 5}", &listed("p q", "a")), "p is no object");
        assert_eq!(told("{\"p\": {}}", &listed("p", "a")), "p is no list");
        assert_eq!(told("[]", &listed("p", "a")), "the file is no object");
    }
}
