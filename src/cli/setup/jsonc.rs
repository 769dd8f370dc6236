//! Somebody's JSON file as a tree whose parts know their places, with the comments and trailing commas that some programs
//! allow. Made for adding to such a file without touching what stands there; values themselves are read only where a key or
//! a text is compared.

use std::ops::Range;

use crate::config::Problem;
use crate::config::text::Text;

/// Deeper files are no settings.
const DEEPEST: usize = 100;

/// Whether comments and trailing commas are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Strict,
    Comments,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Json,
}

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Object(Vec<(String, Range<usize>, Node)>),
    Array(Vec<Node>),
    Text(String),
    /// A number, `true`, `false` or `null`.
    Word,
}

/// The tree of a whole file, or what is wrong with it and where.
pub(super) fn parse(text: &Text, dialect: Dialect) -> Result<Node, Box<Problem>> {
    let mut reader = Reader { text, at: 0, dialect };
    reader.blank()?;
    let node = reader.node(0)?;
    reader.blank()?;
    if reader.at < text.text.len() { Err(reader.wrong("something after the end")) } else { Ok(node) }
}

struct Reader<'t> {
    text: &'t Text,
    at: usize,
    dialect: Dialect,
}

impl<'t> Reader<'t> {
    fn node(&mut self, depth: usize) -> Result<Node, Box<Problem>> {
        if depth > DEEPEST {
            return Err(self.wrong("it is nested too deeply"));
        }
        let start = self.at;
        let value = match self.rest().as_bytes().first() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Json::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.wrong("the file ends where a value should stand")),
        };
        Ok(Node { span: start..self.at, value })
    }

    fn object(&mut self, depth: usize) -> Result<Json, Box<Problem>> {
        let mut members: Vec<(String, Range<usize>, Node)> = Vec::new();
        self.at += 1;
        loop {
            self.blank()?;
            if self.closes('}', members.is_empty())? {
                return Ok(Json::Object(members));
            }
            let start = self.at;
            let key = self.string()?;
            let span = start..self.at;
            if members.iter().any(|(name, _, _)| *name == key) {
                self.at = start;
                return Err(self.wrong("a key that is there twice"));
            }
            self.blank()?;
            self.take(':')?;
            self.blank()?;
            members.push((key, span, self.node(depth + 1)?));
            self.blank()?;
            if !self.comma('}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Box<Problem>> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blank()?;
            if self.closes(']', items.is_empty())? {
                return Ok(Json::Array(items));
            }
            items.push(self.node(depth + 1)?);
            self.blank()?;
            if !self.comma(']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    /// The end of a list whose next part should begin here: right away, or after a comma where that is allowed.
    fn closes(&mut self, end: char, empty: bool) -> Result<bool, Box<Problem>> {
        if !self.rest().starts_with(end) {
            return Ok(false);
        }
        if !empty && self.dialect == Dialect::Strict {
            return Err(self.wrong("a comma with nothing after it"));
        }
        self.at += 1;
        Ok(true)
    }

    /// True: another part follows. False: that was the end.
    fn comma(&mut self, end: char) -> Result<bool, Box<Problem>> {
        if self.rest().starts_with(end) {
            self.at += 1;
            return Ok(false);
        }
        self.take(',').map(|()| true)
    }

    fn take(&mut self, wanted: char) -> Result<(), Box<Problem>> {
        if self.rest().starts_with(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(&format!("no `{wanted}`")))
    }

    fn string(&mut self) -> Result<String, Box<Problem>> {
        let rest = self.rest();
        if !rest.starts_with('"') {
            return Err(self.wrong("no text in double quotes"));
        }
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends || *c == '\n'
        });
        let Some((end, '"')) = end else { return Err(self.wrong("a text without its closing quote")) };
        let read = serde_json::from_str(&rest[..=end]).map_err(|_| self.wrong("a text that is not valid"))?;
        self.at += end + 1;
        Ok(read)
    }

    fn word(&mut self) -> Result<Json, Box<Problem>> {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || ",:]}/\"[{".contains(c)).unwrap_or(rest.len());
        if serde_json::from_str::<serde_json::Value>(&rest[..length]).is_err() {
            return Err(self.wrong("no value"));
        }
        self.at += length;
        Ok(Json::Word)
    }

    /// Steps over blanks, and over comments where they are allowed.
    fn blank(&mut self) -> Result<(), Box<Problem>> {
        loop {
            let rest = self.rest();
            let inked = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            self.at += rest.len() - inked.len();
            let length = match (inked, self.dialect) {
                (inked, Dialect::Comments) if inked.starts_with("//") => inked.find('\n').unwrap_or(inked.len()),
                (inked, Dialect::Comments) if inked.starts_with("/*") => match inked.find("*/") {
                    Some(end) => end + 2,
                    None => return Err(self.wrong("a comment without end")),
                },
                _ => return Ok(()),
            };
            self.at += length;
        }
    }

    fn rest(&self) -> &'t str {
        &self.text.text[self.at..]
    }

    fn wrong(&self, found: &str) -> Box<Problem> {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        Box::new(Problem::at(self.text, self.at..self.at + length, "", format!("broken JSON: {found}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, dialect: Dialect) -> Result<Node, String> {
        parse(&Text::of("x.json", text), dialect).map_err(|problem| problem.to_string())
    }

    #[test]
    fn comments_and_trailing_commas_are_read_where_they_are_allowed_only() {
        let text = "{ // a\n \"a\": [1, 2,], /* b */\n}";
        assert!(read(text, Dialect::Comments).is_ok());
        assert!(read(text, Dialect::Strict).is_err_and(|why| why.starts_with("x.json:1:3: ")));
        assert!(read("{\"a\": [1,]}", Dialect::Strict).is_err_and(|why| why.contains(":1:10: ")));
    }

    #[test]
    fn what_is_broken_is_told_with_its_place() {
        for (text, place) in [
            ("", "1:1"),
            ("{", "1:2"),
            ("{\n \"a\" 1}", "2:6"),
            ("{\"a\": 1,\n \"a\": 2}", "2:2"),
            ("{\"a\": nope}", "1:7"),
            ("{\"a\": \"b\n\"}", "1:7"),
            ("{} {}", "1:4"),
        ] {
            let why = read(text, Dialect::Strict).expect_err(text);
            assert!(why.starts_with(&format!("x.json:{place}: broken JSON: ")), "{text}: {why}");
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            "\\PC{0,8}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_json_is_read_and_no_text_breaks_the_reader(value in value(), text in "[\\PC\n]{0,60}", cut in 0..200_usize) {
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            prop_assert!(read(&pretty, Dialect::Strict).is_ok());
            prop_assert!(read(&value.to_string(), Dialect::Comments).is_ok());
            let _ = read(&text, Dialect::Comments);
            let part: String = pretty.chars().take(cut).collect();
            let strict = read(&part, Dialect::Strict).is_ok();
            prop_assert_eq!(strict, serde_json::from_str::<serde_json::Value>(&part).is_ok());
        }
    }
}
