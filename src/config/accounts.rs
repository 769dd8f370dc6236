//! `[accounts.*]`: with whom an agent's program works, and where the credential for that comes from. Which accounts there are and in
//! which order they are used is the operator's word alone; a file of ours never holds a secret, only where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::pilot::id::AccountId;

pub use super::access::Access;
use super::launch::attaches;
use super::model::{Agent, Backend, Config};
use super::prices::{self, Billing, Budget};
use super::problem::quoted;
use super::raw::{Report, Table};
use super::tables::Backends;
use super::{grammar, values};

const LABEL: &str = "[accounts.NAME]";
const FALLBACK: &str = "fallback = [{…}]";
/// More accounts than anybody has; above, it is a mistake.
const ACCOUNTS_CAP: usize = 50;
/// Ways that are tried one after the other.
const FALLBACKS_CAP: usize = 16;
/// Whose models need no prefix with a backend that serves several providers: beginnings of names.
const FAMILIES: [(&str, &str); 9] = [
    ("claude", "anthropic"),
    ("opus", "anthropic"),
    ("sonnet", "anthropic"),
    ("haiku", "anthropic"),
    ("gpt", "openai"),
    ("codex", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
];

/// How an account is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    Subscription,
    ApiKey,
}

impl AccountKind {
    /// The word for it in `flightdeck.toml`.
    pub const fn word(self) -> &'static str {
        match self {
            AccountKind::Subscription => "subscription",
            AccountKind::ApiKey => "api-key",
        }
    }

    /// How what it uses is billed.
    pub const fn billing(self) -> Billing {
        match self {
            AccountKind::Subscription => Billing::Subscription,
            AccountKind::ApiKey => Billing::Tokens,
        }
    }
}

/// One table of `[accounts.*]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub provider: String,
    pub kind: AccountKind,
    pub source: Source,
    /// The lowest comes first where an agent names no accounts.
    pub priority: u32,
    /// What all who use it may use in a day; `None`: as much as they want.
    pub budget: Option<Budget>,
}

/// Where an account's credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The program's own login, in this home; `None`: in its usual one.
    Login(Option<PathBuf>),
    /// `KEY=value` lines, absolute.
    EnvFile(PathBuf),
    /// An argv whose output is the value of a variable.
    Command { variable: String, argv: Vec<String> },
}

/// One of an agent's `fallback`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub backend: String,
    pub account: AccountId,
    pub model: String,
    pub permission: String,
    pub args: Vec<String>,
}

/// What a start of an agent's program is given of an account. Holds no secret: its runner reads them, in the agent's own process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub account: AccountId,
    /// Variables that would carry another credential.
    pub unset: Vec<String>,
    /// Variables that lead to its home.
    pub home: BTreeMap<String, String>,
    pub env_file: Option<PathBuf>,
    /// A variable, and the argv that prints its value.
    pub command: Option<(String, Vec<String>)>,
}

/// One way for an agent to work: a program, its model, and the account it works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub backend: String,
    pub model: String,
    /// `None`: no accounts are configured.
    pub account: Option<AccountId>,
    permission: String,
    args: Vec<String>,
    /// Another program than the agent's own: options of the one mean nothing to the other.
    other: bool,
}

impl Way {
    /// The home in which its program works, where anybody told: who shares it writes to the same files.
    pub fn home(&self, config: &Config) -> Option<String> {
        let account = self.account.as_ref().and_then(|account| config.accounts.get(account));
        if let Some(Source::Login(Some(home))) = account.map(|account| &account.source) {
            return Some(home.display().to_string());
        }
        let usual = &config.backends.get(&self.backend)?.access.usual_home;
        (!usual.is_empty()).then(|| format!("~/{usual}"))
    }

    /// The agent as it is started on this way.
    pub fn agent(&self, agent: &Agent) -> Agent {
        let fallback_model = if self.other { String::new() } else { agent.fallback_model.clone() };
        Agent {
            backend: self.backend.clone(),
            model: self.model.clone(),
            permission: self.permission.clone(),
            args: self.args.clone(),
            fallback_model,
            ..agent.clone()
        }
    }

    fn own(agent: &Agent, account: Option<AccountId>) -> Way {
        Way {
            backend: agent.backend.clone(),
            model: agent.model.clone(),
            account,
            permission: agent.permission.clone(),
            args: agent.args.clone(),
            other: false,
        }
    }
}

/// All ways that the operator left an agent, in their order, whether or not they can be gone just now; and why others can't at all.
/// Without accounts there is one, and without an order of the agent's own one account: nobody goes to another unasked.
pub fn ways(config: &Config, agent: &Agent) -> (Vec<Way>, Vec<String>) {
    // Who attaches works with the account of its server.
    let shares = config.backends.get(&agent.backend).is_some_and(attaches);
    if config.accounts.is_empty() || shares {
        return (vec![Way::own(agent, None)], Vec::new());
    }
    let listed = agent.accounts.iter().map(|account| Way::own(agent, Some(account.clone())));
    let other = agent.fallback.iter().map(|fallback| Way {
        backend: fallback.backend.clone(),
        model: fallback.model.clone(),
        account: Some(fallback.account.clone()),
        permission: fallback.permission.clone(),
        args: fallback.args.clone(),
        other: fallback.backend != agent.backend,
    });
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for way in listed.chain(other) {
        match unfit(config, &way) {
            Some(why) => unable.push(why),
            None => able.push(way),
        }
    }
    if agent.accounts.is_empty() {
        let mut all: Vec<&Account> = config.accounts.values().collect();
        all.sort_by_key(|account| (behind(config, account), account.priority, account.id.clone()));
        let own = all.into_iter().map(|account| Way::own(agent, Some(account.id.clone())));
        let (fit, why): (Vec<Way>, Vec<Way>) = own.partition(|way| unfit(config, way).is_none());
        match fit.into_iter().next() {
            Some(first) => able.insert(0, first),
            None if untold(config, agent) => able.insert(0, Way::own(agent, None)),
            None => unable.extend(why.iter().filter_map(|way| unfit(config, way))),
        }
    }
    (able, unable)
}

/// The ways on which an agent could use this account, whether or not it ever would.
pub fn ways_on(config: &Config, agent: &Agent, account: &AccountId) -> Vec<Way> {
    let (mut able, _) = ways(config, agent);
    able.push(Way::own(agent, Some(account.clone())));
    able.retain(|way| way.account.as_ref() == Some(account) && unfit(config, way).is_none());
    able
}

/// Nobody told of any account with the provider of its model, and its program can run it: it goes by its own login, as before.
fn untold(config: &Config, agent: &Agent) -> bool {
    let Some(backend) = config.backends.get(&agent.backend) else { return false };
    let provider = provider_of(backend, &agent.model);
    provider.is_none_or(|provider| {
        backend.access.serves(&provider, false) && config.accounts.values().all(|account| account.provider != provider)
    })
}

/// Whether an account of tokens stands behind one of a flat rate for Anthropic's models.
fn behind(config: &Config, account: &Account) -> bool {
    config.prefer_oauth && account.provider == "anthropic" && account.kind != AccountKind::Subscription
}

/// Why a way can never be gone, if it can't.
fn unfit(config: &Config, way: &Way) -> Option<String> {
    let backend = config.backends.get(&way.backend)?;
    let account = config.accounts.get(way.account.as_ref()?)?;
    unserved(backend, &way.model, account).map(|why| format!("{}: {why}", account.id))
}

/// Why a backend can't run a model on an account, if it can't. One that serves several providers and is told no model takes what
/// the account's provider has.
pub fn unserved(backend: &Backend, model: &str, account: &Account) -> Option<String> {
    if attaches(backend) {
        return Some(format!("{} works with the account of its server", backend.name));
    }
    let access = &backend.access;
    let provider = provider_of(backend, model);
    let flat = account.kind == AccountKind::Subscription;
    if let Some(provider) = provider.as_ref().filter(|provider| !access.serves(provider, false)) {
        return Some(format!("{} runs no models of {provider}", backend.name));
    }
    if provider.as_ref().is_some_and(|provider| *provider != account.provider) {
        return Some(format!(
            "it is one with {}, and the model is of {}",
            account.provider,
            provider.unwrap_or_default()
        ));
    }
    if !access.serves(&account.provider, false) {
        return Some(format!("{} runs no models of {}", backend.name, account.provider));
    }
    if !access.serves(&account.provider, flat) {
        return Some(format!("{} can't use a subscription of {}", backend.name, account.provider));
    }
    if matches!(account.source, Source::Login(Some(_))) && access.home.is_empty() {
        return Some(format!("{} has one home only", backend.name));
    }
    None
}

/// The provider of a model: what stands before its first `/`, else what its name begins with, else the one that the backend serves.
pub fn provider_of(backend: &Backend, model: &str) -> Option<String> {
    let family = || FAMILIES.iter().find(|(begin, _)| model.starts_with(begin)).map(|(_, provider)| *provider);
    let only = || match backend.access.providers.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    let provider = model.split_once('/').map(|(provider, _)| provider).or_else(family).or_else(only);
    provider.map(str::to_string)
}

/// What a start on this account is given.
pub fn credential(account: &Account, backend: &Backend) -> Credential {
    let (mut home, mut env_file, mut command) = (BTreeMap::new(), None, None);
    match &account.source {
        Source::Login(at) => home = at.as_deref().map(|at| backend.access.home_variables(at)).unwrap_or_default(),
        Source::EnvFile(path) => env_file = Some(path.clone()),
        Source::Command { variable, argv } => command = Some((variable.clone(), argv.clone())),
    }
    Credential { account: account.id.clone(), unset: backend.access.keys.clone(), home, env_file, command }
}

/// The home that an account's program works in; `None`: its usual one.
pub fn home(account: &Account) -> Option<&Path> {
    match &account.source {
        Source::Login(home) => home.as_deref(),
        Source::EnvFile(_) | Source::Command { .. } => None,
    }
}

/// `[accounts.*]`, all that could be read.
pub fn read(table: Table<'_>, root: &Path, report: &mut Report<'_>) -> BTreeMap<AccountId, Account> {
    let mut accounts = BTreeMap::new();
    for (name, table) in table.named(report, LABEL) {
        let Some(id) = AccountId::parse(&name.value) else {
            report.refuse(&name, format!("the account's name {}", quoted(&name.value)), AccountId::EXPECTED);
            continue;
        };
        if accounts.len() == ACCOUNTS_CAP {
            report.refuse(&name, "too many accounts", format!("at most {ACCOUNTS_CAP}"));
            break;
        }
        let account = account(id.clone(), table, root, report);
        // One that is wrong is known all the same: who names it makes no second mistake.
        accounts.insert(id, account);
    }
    accounts
}

fn account(id: AccountId, mut table: Table<'_>, root: &Path, report: &mut Report<'_>) -> Account {
    let word = values::checked("a provider's name such as \"anthropic\" or \"openrouter\"", grammar::prefix);
    let provider = table.need(report, "provider", "a provider's name such as \"anthropic\" or \"openrouter\"", word);
    let kinds = [AccountKind::Subscription, AccountKind::ApiKey].map(|kind| (kind.word(), kind));
    let kind = table.need(report, "kind", &values::one_of(&kinds.map(|(word, _)| word)), values::word("kind", &kinds));
    let source = source(&mut table, root, report);
    let priority = table.get(report, "priority", values::whole(1..=1000));
    let budget = prices::budget(&mut table, report);
    table.close(report);
    Account {
        id,
        provider: provider.map(|provider| provider.value).unwrap_or_default(),
        kind: kind.map_or(AccountKind::Subscription, |kind| kind.value),
        source,
        priority: priority.map_or(100, |priority| priority.value),
        budget,
    }
}

/// At most one of three; none is the program's own login at its usual place.
fn source(table: &mut Table<'_>, root: &Path, report: &mut Report<'_>) -> Source {
    let path = |value: &Spanned<toml::de::DeValue<'_>>| grammar::path(root, &values::string(value)?);
    let env_file = table.get(report, "env_file", path);
    let home = table.get(report, "config_home", path);
    let argument = values::checked("one line of text", grammar::argument);
    let argv = table.get(report, "command", values::list("an argv such as [\"pass\", \"show\", \"key\"]", argument));
    let variable = table.get(report, "variable", values::checked("the name of a variable", grammar::variable));
    let one = "one of env_file, command and config_home; none for the program's own login";
    if let (Some(_), Some(second)) = (&env_file, &home) {
        report.refuse(second, "a second source of the credential", one);
    }
    if let (Some(second), true) = (&argv, env_file.is_some() || home.is_some()) {
        report.refuse(second, "a second source of the credential", one);
    }
    if let (Some(alone), None) = (&variable, &argv) {
        report.refuse(alone, "a variable without a command", "command = [\"…\"], which prints its value");
    }
    if let Some(argv) = &argv {
        if argv.value.is_empty() {
            report.refuse(argv, "an empty list", "an argv such as [\"pass\", \"show\", \"key\"]");
        } else if variable.is_none() {
            report.refuse(argv, "a command without its variable", "variable = \"ANTHROPIC_API_KEY\" or the like");
        }
    }
    match (env_file, argv) {
        (Some(path), _) => Source::EnvFile(path.value),
        (None, Some(argv)) => Source::Command {
            variable: variable.map(|variable| variable.value).unwrap_or_default(),
            argv: argv.plain(),
        },
        (None, None) => Source::Login(home.map(|home| home.value)),
    }
}

/// `[routing]`
pub fn routing(mut table: Table<'_>, report: &mut Report<'_>) -> bool {
    let prefer = table.get(report, "prefer_oauth", values::flag);
    table.close(report);
    prefer.is_none_or(|prefer| prefer.value)
}

/// An agent's `accounts` and `fallback`. `backend` is `None` where it is wrong itself.
pub fn of_agent(
    table: &mut Table<'_>,
    own: (Option<&Backend>, &str),
    (accounts, backends): (&BTreeMap<AccountId, Account>, &Backends),
    report: &mut Report<'_>,
) -> (Vec<AccountId>, Vec<Fallback>) {
    let names: Vec<&str> = accounts.keys().map(AccountId::as_str).collect();
    let named = values::judged(|text: &str| known(text, accounts, &names));
    let list = table.get(report, "accounts", values::list("a list of names of [accounts.NAME]", named));
    let mut listed: Vec<AccountId> = Vec::new();
    for element in list.iter().flat_map(|list| &list.value) {
        let id = element.get_ref();
        let account = accounts.get(id).filter(|account| !account.provider.is_empty());
        let why = own.0.zip(account).and_then(|(backend, account)| unserved(backend, own.1, account));
        let key = list.as_ref().map(|list| list.key.clone()).unwrap_or_default();
        if listed.contains(id) {
            report.add(element.span(), &key, format!("the account {id} is there twice")).expected =
                "each once".to_string();
        } else if let Some(why) = why {
            report.add(element.span(), &key, format!("{id} can't serve this agent: {why}")).expected =
                "an account that can, or another model or backend".to_string();
        }
        listed.push(id.clone());
    }
    let mut fallbacks = Vec::new();
    for (at, mut entry) in table.tables(report, "fallback", FALLBACK).into_iter().enumerate() {
        if at == FALLBACKS_CAP {
            report.add(entry.span.clone(), &entry.key, "too many of them").expected =
                format!("at most {FALLBACKS_CAP}");
            break;
        }
        fallbacks.extend(fallback(&mut entry, own, (accounts, backends), report));
        entry.close(report);
    }
    (listed, fallbacks)
}

fn fallback(
    table: &mut Table<'_>,
    (own, own_model): (Option<&Backend>, &str),
    (accounts, backends): (&BTreeMap<AccountId, Account>, &Backends),
    report: &mut Report<'_>,
) -> Option<Fallback> {
    let names: Vec<&str> = accounts.keys().map(AccountId::as_str).collect();
    let programs: Vec<&str> = backends.names().into_iter().collect();
    let program = |text: &str| {
        if programs.contains(&text) { Ok(text.to_string()) } else { Err(values::unknown("backend", text, &programs)) }
    };
    let backend = table.get(report, "backend", values::judged(program)).map(|backend| backend.value);
    let account = table.need(report, "account", "the name of one of [accounts.NAME]", |value| {
        known(&values::string(value)?, accounts, &names)
    });
    let model = table.get(report, "model", values::checked("a model's name", grammar::model));
    let permission = table.get(report, "permission", values::checked("a permission mode", grammar::argument));
    let argument = values::checked("one line of text", grammar::argument);
    let args = table.get(report, "args", values::list("a list of strings", argument));
    let backend = backend.or_else(|| own.map(|own| own.name.clone()))?;
    let model = model.map_or_else(
        || if own.is_some_and(|own| own.name == backend) { own_model.to_string() } else { String::new() },
        |model| model.value,
    );
    let (account, with) = (account?, backends.get(&backend)?);
    if let Some(mode) = permission.as_ref().filter(|mode| !with.permissions.contains_key(&mode.value)) {
        let modes: Vec<&str> = with.permissions.keys().map(String::as_str).collect();
        let found = format!("the backend {} has no permission mode {}", quoted(&backend), quoted(&mode.value));
        report.refuse(mode, found, values::one_of(&modes));
    }
    if let Some(why) = accounts.get(&account.value).and_then(|account| unserved(with, &model, account)) {
        let expected = "an account that can, or another model or backend";
        report.refuse(&account, format!("{} can't serve it: {why}", account.value), expected);
    }
    Some(Fallback {
        backend,
        account: account.value,
        model,
        permission: permission.map(|mode| mode.value).unwrap_or_default(),
        args: args.into_iter().flat_map(|args| args.value).map(Spanned::into_inner).collect(),
    })
}

fn known(text: &str, accounts: &BTreeMap<AccountId, Account>, names: &[&str]) -> Result<AccountId, values::Wrong> {
    match AccountId::parse(text).filter(|id| accounts.contains_key(id)) {
        Some(id) => Ok(id),
        None if names.is_empty() => {
            Err(values::Wrong::new(format!("unknown account {}", quoted(text)), "a table [accounts.NAME] of this name"))
        }
        None => Err(values::unknown("account", text, names)),
    }
}
