//! `flightdeck accounts`: the accounts of the configuration, how each stands and who works on it.

use std::time::Duration;

use crate::edge::clock;
use crate::edge::link::Followed;
use crate::pilot::command::Command;
use crate::pilot::id::{AccountId, AgentId};
use crate::pilot::record::Record;
use crate::pilot::roster;
use crate::pilot::standing::Verdict;
use crate::pilot::time::{Now, Time};
use crate::pilot::view::{AccountState, AccountView, View};
use crate::words::usage::{cost, count};
use crate::words::{account, text, when};

use super::asking::{Asking, of_link};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::table::Table;
use super::{Global, check, out, recorded, workspace};

/// A call takes a second; the engine gives it up after a minute.
const ANSWER: Duration = Duration::from_secs(80);

/// Show the accounts of the configuration: how each stands, who works on it, what was used today
///
/// Without an engine it shows what was last recorded. With --probe each account is tried first by a
/// tiny real call, which counts as usage of the account; agents that were held because their account
/// was not let in go on when it is.
///
/// Examples:
///   flightdeck accounts
///   flightdeck accounts --probe
///   flightdeck accounts max --probe --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Only this one
    account: Option<AccountId>,
    /// Try them first
    #[arg(long)]
    probe: bool,
}

/// Prints them.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let (now, accounts) = match args.probe {
        true => tried(args, global)?,
        false => known(global)?,
    };
    let only = |account: &AccountView| args.account.as_ref().is_none_or(|only| *only == account.id);
    let shown: Vec<AccountView> = accounts.into_iter().filter(only).collect();
    if let (Some(only), true) = (&args.account, shown.is_empty()) {
        return Err(CliError::new(Kind::Refused, format!("no account is called {only}"))
            .hint("`flightdeck accounts` shows all of them"));
    }
    if global.json {
        for account in &shown {
            out::json(account)?;
        }
    } else if shown.is_empty() {
        out::line("no accounts are configured: each program uses what it is logged in with")?;
    } else {
        out::text(&table(&shown, now).render(out::columns()))?;
        for account in shown.iter().filter(|account| matches!(account.state, AccountState::Refused { .. })) {
            out::line(&text::line(&format!("! {}: log in with {}", account.id, account.login)))?;
        }
    }
    let bad = shown.iter().any(|account| args.probe && matches!(account.verdict, Some(Verdict::Refused { .. })));
    Ok(if bad { Exit::Refused } else { Exit::Done })
}

/// As they stand, from the engine; without one from the log.
fn known(global: &Global) -> Result<(Time, Vec<AccountView>), CliError> {
    match Asking::of(global).and_then(|mut asking| asking.view()) {
        Ok(view) => Ok((view.at, view.accounts)),
        Err(error) if error.kind == Kind::NoEngine => {
            let root = workspace::find(global.workspace.as_deref())?;
            let config = check::config(&root)?;
            let wall = clock::wall();
            let state = recorded::state(&root)?.unwrap_or_default();
            Ok((wall, roster::views(&state, &config, Now { steady: wall, wall })))
        }
        Err(error) => Err(error),
    }
}

/// Has them tried, and waits until all are.
fn tried(args: &Args, global: &Global) -> Result<(Time, Vec<AccountView>), CliError> {
    let mut asking = Asking::of(global)?;
    let before = asking.view()?;
    asking.ask(&Command::Probe { account: args.account.clone() })?;
    let asked =
        |account: &&AccountView| account.triable && args.account.as_ref().is_none_or(|only| *only == account.id);
    let mut waits: Vec<AccountId> = before.accounts.iter().filter(asked).map(|account| account.id.clone()).collect();
    let mut follow = asking.follow(before.seq)?;
    let began = clock::monotonic_ms();
    while !waits.is_empty() {
        let Some(left) = clock::left(began, ANSWER) else { break };
        let Some(Followed::Record(_, record)) = follow.next_within(left).map_err(of_link)? else { continue };
        if let Record::AccountProbed { account, .. } = *record {
            waits.retain(|waits| *waits != account);
        }
    }
    if !waits.is_empty() {
        let names: Vec<&str> = waits.iter().map(AccountId::as_str).collect();
        return Err(CliError::new(Kind::Late, format!("no answer from {}", names.join(", ")))
            .hint("`flightdeck events --kind account_probed` shows it when it comes"));
    }
    let View { at, accounts, .. } = Asking::of(global)?.view()?;
    Ok((at, accounts))
}

fn table(accounts: &[AccountView], now: Time) -> Table {
    let mut table = Table::new(&["ACCOUNT", "PROVIDER", "KIND", "STANDS", "AGENTS", "USED TODAY", "TRIED", "FROM"]);
    for account in accounts {
        let used = &account.used_today;
        let tokens = used.tokens.sum();
        let budget = match (&account.budget, account.budget_percent) {
            (Some(budget), Some(percent)) => format!(", {percent} % of {budget}"),
            (Some(_), None) | (None, _) => String::new(),
        };
        let agents: Vec<&str> = account.agents.iter().map(AgentId::as_str).collect();
        table.row([
            account.id.to_string(),
            account.provider.clone(),
            account.kind.clone(),
            account::stands(account, now),
            if agents.is_empty() { "-".to_string() } else { agents.join(", ") },
            match tokens {
                0 => format!("-{budget}"),
                _ => format!("{}, {}{budget}", count(tokens), cost(used.cost, used.unpriced, tokens)),
            },
            account.tried.map_or("never".to_string(), |tried| format!("{} ago", when::short(now.since(tried)))),
            account.source.clone(),
        ]);
    }
    table
}
