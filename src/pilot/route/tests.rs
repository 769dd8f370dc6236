use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::config::accounts::ways;
use crate::config::{Config, Sources, load};
use crate::pilot::id::AgentId;

const ACCOUNTS: &str = "\
    [accounts.max]\nprovider = 'anthropic'\nkind = 'subscription'\nconfig_home = 'homes/max'\n\
    [accounts.team]\nprovider = 'anthropic'\nkind = 'subscription'\nconfig_home = 'homes/team'\n\
    [accounts.key]\nprovider = 'anthropic'\nkind = 'api-key'\nenv_file = 'key.env'\npriority = 1\n\
    [accounts.gpt]\nprovider = 'openai'\nkind = 'subscription'\n\
    [accounts.router]\nprovider = 'openrouter'\nkind = 'api-key'\ncommand = ['pass']\nvariable = 'OPENROUTER_API_KEY'\n";

fn config(agent: &str, rest: &str) -> Config {
    let main = format!(
        "version = 1\n[project]\nsequence = []\n[agents.a]\nrole = 'other'\nprompt = 'builder'\ndir = 'a'\n{agent}\n{rest}"
    );
    let sources = Sources { root: PathBuf::from("/w"), main: main.into_bytes(), ..Sources::default() };
    load(&sources).unwrap_or_else(|problems| panic!("{agent}: {problems:?}"))
}

/// `max!` is refused, `max?` unproved, `max~5` limited until then, `max$9` spent until then.
fn known(text: &str) -> BTreeMap<String, Fitness> {
    let one = |word: &str| {
        let at = word.find(|c: char| "!?~$".contains(c)).expect("a sign");
        let until = || Time(word[at + 1..].parse().expect("a time"));
        let fitness = match &word[at..=at] {
            "!" => Fitness::Refused,
            "?" => Fitness::Unproved,
            "~" => Fitness::Limited { until: until() },
            _ => Fitness::Spent { until: until() },
        };
        (word[..at].to_string(), fitness)
    };
    text.split_whitespace().map(one).collect()
}

fn chosen(config: &Config, stands: &str) -> String {
    let agent = &config.agents[&AgentId::parse("a").expect("a name")];
    let (ways, unable) = ways(config, agent);
    let stands = known(stands);
    let name = |way: &Way| {
        let account = way.account.as_ref().map_or("own".to_string(), ToString::to_string);
        let model = if way.model.is_empty() { String::new() } else { format!(" {}", way.model) };
        format!("{} {account}{model}", way.backend)
    };
    let fitness = |way: &Way| {
        let account = way.account.as_ref().map(ToString::to_string).unwrap_or_default();
        stands.get(&account).cloned().unwrap_or(Fitness::Good)
    };
    match choose(&ways, &unable, fitness) {
        Choice::Go { way, why } => format!("go {}: {why}", name(&way)),
        Choice::Prove { way } => format!("prove {}", name(&way)),
        Choice::Wait { until, why } => format!("wait {}: {why}", until.0),
        Choice::Stay { why } => format!("stay: {why}"),
    }
}

#[test]
fn the_way_is_the_first_of_the_operators_order_that_can_be_gone() {
    let both = "backend = 'claude'\naccounts = ['max', 'team']";
    let far = "backend = 'claude'\nmodel = 'opus'\naccounts = ['max']\nfallback = [{ account = 'key' }, \
               { backend = 'opencode', account = 'router', model = 'openrouter/x/y' }]";
    for (agent, stands, choice) in [
        // Without an order of its own: a subscription first, whatever the priorities; and nobody goes to another unasked.
        ("backend = 'claude'", "", "go claude max: the first in its order"),
        ("backend = 'claude'", "max~9", "wait 9: max is limited"),
        ("backend = 'claude'", "max!", "stay: max is not let in by its provider"),
        ("backend = 'claude'", "max?", "prove claude max"),
        // In its own order.
        (both, "", "go claude max: the first in its order"),
        (both, "max~9", "go claude team: max is limited"),
        (both, "max!", "go claude team: max is not let in by its provider"),
        (both, "max$7", "go claude team: max has used up its budget"),
        (both, "max~9 team?", "prove claude team"),
        (both, "max~9 team~5", "wait 5: max is limited; team is limited"),
        (both, "max! team~5", "wait 5: max is not let in by its provider; team is limited"),
        (both, "max! team!", "stay: max is not let in by its provider; team is not let in by its provider"),
        // Beyond it, with another program and model.
        (far, "max~9", "go claude key opus: max is limited"),
        (far, "max~9 key$4", "go opencode router openrouter/x/y: max is limited; key has used up its budget"),
        (
            far,
            "max~9 key$4 router!",
            "wait 4: max is limited; key has used up its budget; router is not let in by its provider",
        ),
        // By its model.
        ("backend = 'codex'", "", "go codex gpt: the first in its order"),
        (
            "backend = 'opencode'\nmodel = 'openrouter/a/b'",
            "",
            "go opencode router openrouter/a/b: the first in its order",
        ),
        ("backend = 'opencode'\nmodel = 'openai/gpt-9'", "", "go opencode gpt openai/gpt-9: the first in its order"),
        // A subscription of Anthropic's is used by its own program alone.
        (
            "backend = 'opencode'\nmodel = 'anthropic/opus'",
            "",
            "go opencode key anthropic/opus: the first in its order",
        ),
        // A provider of which nobody told any account: as it was before there were any.
        ("backend = 'opencode'\nmodel = 'zai/glm'", "", "go opencode own zai/glm: the first in its order"),
    ] {
        assert_eq!(chosen(&config(agent, ACCOUNTS), stands), choice, "{agent} with {stands:?}");
    }
}

#[test]
fn a_model_of_another_provider_never_goes_to_claude() {
    let config = config("backend = 'claude'\nmodel = 'openai/gpt-9'", ACCOUNTS);
    let choice = chosen(&config, "");
    assert!(choice.starts_with("stay: ") && choice.contains("claude runs no models of openai"), "{choice}");
}

#[test]
fn tokens_come_first_where_the_operator_does_not_prefer_a_login() {
    let config = config("backend = 'claude'", &format!("{ACCOUNTS}[routing]\nprefer_oauth = false\n"));
    assert_eq!(chosen(&config, ""), "go claude key: the first in its order");
}

#[test]
fn without_accounts_there_is_one_way_and_it_is_as_it_was() {
    let config = config("backend = 'claude'\nmodel = 'openai/gpt-9'", "");
    assert_eq!(chosen(&config, "max!"), "go claude own openai/gpt-9: the first in its order");
}
