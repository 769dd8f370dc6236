//! Taking one part of ours out of somebody's JSON text. Every byte that is not of that part, of its comma or of the blanks before it
//! stays.

use serde_json::Value;

use crate::config::Problem;
use crate::config::text::Text;

use super::graft::after_last;
use super::jsonc::{self, Dialect, Json, Node};

type Member = (String, std::ops::Range<usize>, Node);

/// The members of the object at this key of the file, those without comments in them; none where it is no object.
pub(super) fn members(
    name: &str,
    text: &str,
    dialect: Dialect,
    key: &str,
) -> Result<Vec<(String, Value)>, Box<Problem>> {
    let read = Text::of(name, text);
    let root = jsonc::parse(&read, dialect)?;
    let value = |(name, _, node): &Member| Some((name.clone(), serde_json::from_str(&text[node.span.clone()]).ok()?));
    Ok(inside(&root, key).map(|(members, _)| members.iter().filter_map(value).collect()).unwrap_or_default())
}

/// The text without one of them.
pub(super) fn prune(name: &str, text: &str, dialect: Dialect, key: &str, gone: &str) -> Result<String, Box<Problem>> {
    let read = Text::of(name, text);
    let root = jsonc::parse(&read, dialect)?;
    let Some((members, end)) = inside(&root, key) else { return Ok(text.to_string()) };
    let Some(at) = members.iter().position(|(name, _, _)| name == gone) else { return Ok(text.to_string()) };
    let (start, stop) = (members[at].1.start, members[at].2.span.end);
    let head = text[..start].trim_end();
    // Behind a comment the line must go on, or what follows would belong to it.
    let last = head.rsplit('\n').next().unwrap_or_default();
    let head = if last.contains("//") { &text[..start] } else { head };
    Ok(match (after_last(&text[stop..end]), at.checked_sub(1).and_then(|before| members.get(before))) {
        (Some(comma), _) => format!("{head}{}", &text[stop + comma..]),
        (None, None) => format!("{head}{}", &text[stop..]),
        (None, Some((_, _, before))) => {
            let before = before.span.end;
            let comma = before + after_last(&text[before..start]).unwrap_or(0);
            format!("{}{}{}", &text[..comma - 1], &head[comma.min(head.len())..], &text[stop..])
        }
    })
}

fn inside<'r>(root: &'r Node, key: &str) -> Option<(&'r Vec<Member>, usize)> {
    let Json::Object(members) = &root.value else { return None };
    let (_, _, node) = members.iter().find(|(name, _, _)| name == key)?;
    let Json::Object(members) = &node.value else { return None };
    Some((members, node.span.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(text: &str, gone: &str) -> String {
        let text = prune("x.json", text, Dialect::Comments, "mcp", gone).expect("JSON");
        jsonc::parse(&Text::of("x.json", &text), Dialect::Comments).expect(&text);
        text
    }

    #[test]
    fn a_member_goes_with_its_comma_and_nothing_else_does() {
        let text = "{\n  \"mcp\": {\n    \"a\": {\"x\": 1}, // mine\n    \"b\": {}\n  }\n}";
        assert_eq!(pruned(text, "b"), "{\n  \"mcp\": {\n    \"a\": {\"x\": 1} // mine\n    \n  }\n}");
        assert_eq!(pruned(text, "a"), "{\n  \"mcp\": { // mine\n    \"b\": {}\n  }\n}");
        assert_eq!(pruned(text, "c"), text);
        let trailing = "{\"mcp\": {\"a\": {}, \"b\": {},}, \"z\": 1}";
        assert_eq!(pruned(trailing, "b"), "{\"mcp\": {\"a\": {},}, \"z\": 1}");
        assert_eq!(pruned(trailing, "a"), "{\"mcp\": { \"b\": {},}, \"z\": 1}");
        assert_eq!(pruned("{\"mcp\": {\"a\": {}}}", "a"), "{\"mcp\": {}}");
        assert_eq!(pruned("{\"mcp\": 5}", "a"), "{\"mcp\": 5}");
        let comment = "{\"mcp\": { // one\n \"a\": {} /* two */ }}";
        assert_eq!(pruned(comment, "a"), "{\"mcp\": { // one\n  /* two */ }}");
    }

    #[test]
    fn members_are_read_where_they_are_plain() {
        let read = members("x.json", "{\"mcp\": {\"a\": {\"b\": [1]}, \"c\": {/* x */}}}", Dialect::Comments, "mcp");
        assert_eq!(read.expect("JSON"), [("a".to_string(), serde_json::json!({"b": [1]}))]);
        assert!(members("x.json", "{", Dialect::Strict, "mcp").is_err());
        assert!(members("x.json", "[]", Dialect::Strict, "mcp").expect("JSON").is_empty());
    }
}
