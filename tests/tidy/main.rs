//! The rules of the house that neither the compiler nor clippy can check. Each reads the source tree and returns the
//! sentences of what was broken; each has a test that shows it catching a sinner.

mod docs;
mod faults;
mod leftovers;
mod source;
mod tree;
mod words;

use tree::Tree;

macro_rules! house_rules {
    ($($name:ident: $rule:path;)*) => {
        $(#[test]
        fn $name() {
            let broken = $rule(&Tree::of_the_house());
            assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
        })*
    };
}

house_rules! {
    imports_point_down_the_floors: source::floors;
    pilot_and_config_are_pure: source::purity;
    the_pilot_names_every_case: source::wildcards;
    no_file_outgrows_a_reader: source::size;
    only_the_command_line_prints: source::prints;
    no_lint_is_switched_off_without_a_word: leftovers::allowed_lints;
    nothing_is_left_for_later: leftovers::notes_to_self;
    no_path_of_somebodys_machine_is_told: leftovers::machine_paths;
    recordings_are_json_and_tell_no_machine: leftovers::recordings;
    every_word_of_the_glossary_is_used: words::glossary_words_are_used;
    every_noun_of_the_pilot_is_in_the_glossary: words::pilot_nouns_are_explained;
    operating_lists_commands_answers_and_records_with_their_fields: words::link_is_documented;
    operating_lists_exit_codes_and_agent_states: words::codes_and_states_are_documented;
    every_dependency_has_its_reason: words::dependencies_have_reasons;
    docs_name_only_verbs_that_exist: words::verbs_exist;
    links_in_docs_lead_somewhere: docs::links;
    decisions_are_numbered_and_listed: docs::decisions;
    each_fault_has_one_test_and_those_with_a_mark_run_always: faults::catalogue;
}
