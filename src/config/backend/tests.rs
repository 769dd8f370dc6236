use super::*;

fn problems(text: &str) -> Vec<BackendProblem> {
    compile("mine", toml::from_str(text).expect("it is TOML")).expect_err("it has problems")
}

#[test]
fn every_built_in_backend_compiles() {
    let backends = built_in();
    assert_eq!(
        backends.keys().collect::<Vec<_>>(),
        ["claude", "codex", "demo", "opencode", "opencode-attached", "opencode-server"]
    );
    for backend in backends.values() {
        assert!(!backend.rules.is_empty(), "{}", backend.name);
        assert!(!backend.process_names.is_empty(), "{}", backend.name);
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_place() {
    let text = r#"
launch = ["x", "{modle}"]
submit_gap = "soon"
submit_key = "-X"
[composer]
open = "^> (.*)"
close = "("
[[rules]]
name = "r"
says = "happy"
region = "everywhere"
regex = "a{1000}{1000}"
"#;
    let found = problems(text);
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    let expected = ["launch[1]", "submit_key", "submit_gap", "composer.open", "composer.close"];
    assert_eq!(keys[..5], expected);
    assert_eq!(keys[5..], ["rules[0].says", "rules[0].region", "rules[0].regex"]);
    assert_eq!(&text[found[0].span.clone()], "\"{modle}\"");
    assert_eq!(&text[found[4].span.clone()], "\"(\"");
}

#[test]
fn a_table_without_its_necessary_keys_says_so() {
    let keys: Vec<String> = problems("").into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["composer.open", "launch"]);
}

#[test]
fn unknown_keys_are_refused() {
    assert!(toml::from_str::<RawBackend>("lunch = []").is_err());
    assert!(toml::from_str::<RawBackend>("[composer]\nopn = 'x'").is_err());
}

#[test]
fn a_table_may_start_from_a_built_in_one() {
    let text = r#"
like = "claude"
launch = ["my-claude", "{args}"]
[composer]
placeholder = ["^Say something"]
[[rules]]
name = "mine"
says = "fatal"
region = "turn"
regex = "^boom"
"#;
    let mine = compile("mine", toml::from_str(text).expect("it is TOML")).expect("it compiles");
    let claude = &built_in()["claude"];
    assert_eq!(mine.name, "mine");
    assert_eq!(mine.launch, ["my-claude", "{args}"]);
    assert_eq!(mine.resume, claude.resume);
    assert_eq!(mine.composer.open.as_str(), claude.composer.open.as_str());
    assert_eq!(mine.composer.placeholder.len(), 1);
    let usual = mine.rules.iter().find(|rule| rule.priority == 0).expect("its own");
    assert_eq!(usual.name, "mine");
    assert_eq!(mine.rules.len(), claude.rules.len() + 1);
    assert_eq!(problems("like = 'clade'")[0].key, "like");
}
