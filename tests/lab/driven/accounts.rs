//! Accounts on the real programs. On Claude Code two logins, each in a home of its own. The model server knows them by their tokens, limits the
//! one or lets it in no more, and says which of them an agent goes on with, and with how much of its conversation.

use std::os::unix::fs::symlink;
use std::path::Path;

use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::standing::Verdict;

use super::{Deck, Driven};
use crate::cli::claude::{CLAUDE, KEY, Login, answered, credentials_of};
use crate::cli::codex::{self, CODEX, Sandbox};
use flightdeck::demo::stub::{Entry, Kind};

const ONE: &str = "sk-ant-oat01-first";
const TWO: &str = "sk-ant-oat01-second";

/// Homes for both, and whether they share their conversations.
fn homes(root: &Path, project: &Path, shared: bool) {
    for (name, token) in [("one", ONE), ("two", TWO)] {
        let home = root.join("homes").join(name);
        std::fs::create_dir_all(&home).expect("folders");
        let write = |name: &str, text: String| std::fs::write(home.join(name), text).expect("a file");
        write(".claude.json", answered(project).to_string());
        write("settings.json", "{\"skipDangerousModePermissionPrompt\": true}".to_string());
        write(".credentials.json", credentials_of(token).to_string());
    }
    if shared {
        std::fs::create_dir(root.join("homes/one/projects")).expect("a folder");
        symlink(root.join("homes/one/projects"), root.join("homes/two/projects")).expect("a link");
    }
}

/// An agent with these accounts, in this order. Its env file has a key besides, which must reach nobody.
fn driven(accounts: &str, shared: bool) -> Driven {
    let table = |name: &str| {
        format!(
            "[accounts.{name}]\nprovider = \"anthropic\"\nkind = \"subscription\"\nconfig_home = \"homes/{name}\"\n"
        )
    };
    let lines = format!("accounts = {accounts}\n{}{}", table("one"), table("two"));
    Driven::laid_out(Login::ApiKey, &lines, &serde_json::json!({}), |root, project| homes(root, project, shared))
}

fn routes(driven: &Driven) -> Vec<(String, Option<String>)> {
    let route = |record: Record| match record {
        Record::Routed { account, fresh, .. } => Some((account.map(String::from).unwrap_or_default(), fresh)),
        _ => None,
    };
    driven.records().into_iter().filter_map(|(_, record)| route(record)).collect()
}

/// The agent's own work that came with this token.
fn works(driven: &Driven, token: &str) -> Vec<Entry> {
    driven.stub.mains().into_iter().filter(|entry| entry.credential == token).collect()
}

/// Says how long what followed a failure took, from its record on.
#[expect(clippy::print_stderr, reason = "a figure for whoever runs it")]
fn took(driven: &Driven, what: &str, from: fn(&Record) -> bool) {
    let records = driven.records();
    let at = |good: &dyn Fn(&Record) -> bool| {
        records.iter().rev().find(|(_, record)| good(record)).map(|(stamp, _)| stamp.at)
    };
    let (from, to) = (at(&from), at(&|record| matches!(record, Record::Ready { .. })));
    if let (Some(from), Some(to)) = (from, to) {
        eprintln!("{what}: {} ms from the record of it to a composer on the other account", to.0 - from.0);
    }
}

fn no_key(driven: &Driven) {
    let log = driven.stub.log();
    assert!(log.iter().all(|entry| entry.credential != KEY), "a key went before the login");
    assert!(log.iter().any(|entry| entry.kind == Kind::Side || entry.credential == ONE), "{log:?}");
}

#[test]
fn a_limited_login_is_left_for_the_next_and_without_its_transcript_a_new_beginning_is_said() {
    let driven = driven("[\"one\", \"two\"]", false);
    assert_eq!(works(&driven, ONE).len(), driven.stub.mains().len());
    driven.settled(driven.send("remember the word plover [[ok Noted.]]"));
    driven.until("its answer", || (works(&driven, ONE).len() >= 2).then_some(()));
    driven.settled(driven.send("please go on [[usage 7200]]"));
    driven.until("work on the second account", || {
        (!works(&driven, TWO).is_empty() && routes(&driven).len() == 2).then_some(())
    });
    let (account, fresh) = routes(&driven).remove(1);
    assert_eq!(account, "two");
    let fresh = fresh.expect("it began anew");
    assert!(fresh.starts_with("there is no ") && fresh.contains("homes/two/projects/"), "{fresh}");
    let said =
        |record: &Record| matches!(record, Record::Alerted { what, .. } if what.contains("begins anew on account two"));
    assert!(driven.records().iter().any(|(_, record)| said(record)));
    driven.until("its start prompt", || {
        works(&driven, TWO).iter().any(|entry| entry.prompt().contains("Get ready")).then_some(())
    });
    let blank = works(&driven, TWO).iter().all(|entry| !format!("{:?}", entry.asked).contains("plover"));
    assert!(blank, "a conversation was taken up that is not there");
    assert_eq!(driven.worker().account.map(String::from).as_deref(), Some("two"));
    no_key(&driven);
    took(&driven, "limit, anew", |record| matches!(record, Record::LimitReached { .. }));
}

#[test]
fn a_limited_login_is_left_for_the_next_with_its_conversation_where_that_is_found() {
    let driven = driven("[\"one\", \"two\"]", true);
    driven.settled(driven.send("remember the word plover [[ok Noted.]]"));
    driven.until("its answer", || (works(&driven, ONE).len() >= 2).then_some(()));
    driven.settled(driven.send("please go on [[usage 7200]]"));
    driven.until("work on the second account", || {
        works(&driven, TWO).iter().any(|entry| entry.prompt().contains("Get ready")).then_some(())
    });
    assert_eq!(routes(&driven)[1], ("two".to_string(), None));
    let knows = works(&driven, TWO).iter().any(|entry| format!("{:?}", entry.asked).contains("plover"));
    assert!(knows, "it went on without its conversation");
    no_key(&driven);
    took(&driven, "limit, resumed", |record| matches!(record, Record::LimitReached { .. }));
}

#[test]
fn a_revoked_login_is_left_for_the_next() {
    let driven = driven("[\"one\", \"two\"]", true);
    driven.stub.revoke(ONE);
    driven.settled(driven.send("please go on [[ok Fine.]]"));
    driven.until("work on the second account", || {
        works(&driven, TWO).iter().any(|entry| entry.prompt().contains("Get ready")).then_some(())
    });
    assert_eq!(routes(&driven)[1], ("two".to_string(), None));
    let refused =
        |record: &Record| matches!(record, Record::AccountRefused { account, .. } if account.as_str() == "one");
    assert!(driven.records().iter().any(|(_, record)| refused(record)));
    took(&driven, "revoked, resumed", |record| matches!(record, Record::AccountRefused { .. }));
}

#[test]
fn a_revoked_login_without_another_is_a_hold_until_a_tiny_call_is_answered() {
    let driven = driven("[\"one\"]", false);
    driven.stub.revoke(ONE);
    driven.settled(driven.send("remember the word plover [[ok Fine.]]"));
    driven.until("a hold", || matches!(driven.worker().state, AgentState::Held { .. }).then_some(()));
    let alerts = driven.view().alerts.join("\n");
    let login = format!("CLAUDE_CONFIG_DIR={} claude /login", driven.root.join("homes/one").display());
    assert!(alerts.contains(&login), "{alerts}");
    let probe = || {
        let verdicts = || -> Vec<Verdict> {
            let verdict = |record| match record {
                Record::AccountProbed { account, verdict, .. } if account.as_str() == "one" => Some(verdict),
                _ => None,
            };
            driven.records().into_iter().filter_map(|(_, record)| verdict(record)).collect()
        };
        let before = verdicts().len();
        assert!(matches!(driven.ask(&Command::Probe { account: None }), Answer::Accepted { .. }));
        driven.until("a verdict", || verdicts().get(before).cloned())
    };
    let sides = driven.stub.log().len();
    let verdict = probe();
    assert!(
        matches!(&verdict, Verdict::Refused { why } if why.contains("403") || why.contains("revoked") || why.contains("login")),
        "{verdict:?}"
    );
    assert!(driven.stub.log().len() > sides, "nobody was asked");
    assert!(matches!(driven.worker().state, AgentState::Held { .. }));
    driven.stub.renew(ONE);
    assert_eq!(probe(), Verdict::Good);
    // A new life takes up the login, and the conversation with it.
    driven.until("its going on", || {
        works(&driven, ONE)
            .iter()
            .rev()
            .take(1)
            .any(|entry| format!("{:?}", entry.asked).contains("plover") && entry.prompt().contains("Get ready"))
            .then_some(())
    });
    let used = |record: &Record| matches!(record, Record::AccountProbed { spent, verdict: Verdict::Good, .. } if spent.iter().any(|one| one.tokens.sum() > 0));
    assert!(driven.records().iter().any(|(_, record)| used(record)), "its tokens are not counted");
    let left = std::fs::read_dir(driven.root.join("homes/one/projects")).map(|folders| folders.count()).unwrap_or(0);
    assert_eq!(left, 1, "a tiny call left a trace among the conversations");
    no_key(&driven);
}

/// Account tables of one login with Claude Code's provider, and one with Codex's.
const BOTH: &str = "[accounts.one]\nprovider = \"anthropic\"\nkind = \"subscription\"\nconfig_home = \"homes/one\"\n\
                    [accounts.cx]\nprovider = \"openai\"\nkind = \"subscription\"\nconfig_home = \"homes/cx\"\n";

/// An agent that begins with this program, where both are there and each account has its home.
fn with_both(program: crate::cli::Program, lines: &str) -> Driven {
    let deck = Deck::new();
    homes(&deck.root, &deck.place.project, false);
    let home = deck.root.join("homes/cx");
    std::fs::create_dir(&home).expect("a folder");
    std::fs::write(home.join("config.toml"), codex::config(&deck.place, &deck.stub, Sandbox::Off)).expect("a file");
    for other in [CLAUDE, CODEX].into_iter().filter(|other| other.name != program.name) {
        symlink(other.path(), deck.root.with_file_name("bin").join(other.name)).expect("a link");
    }
    let variables = format!(
        "ANTHROPIC_BASE_URL={}\nCLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1\nDISABLE_AUTOUPDATER=1\nIS_SANDBOX=1\n\
         CLAUDE_CODE_MAX_RETRIES=1\nSTUB_KEY=sk-fake\n",
        deck.stub.url()
    );
    deck.drive(program, &variables, &format!("{lines}{BOTH}"))
}

fn verdicts(driven: &Driven) -> Vec<(String, String, Verdict, u64)> {
    let verdict = |record| match record {
        Record::AccountProbed { account, backend, verdict, spent, .. } => {
            Some((String::from(account), backend, verdict, spent.iter().map(|one| one.tokens.sum()).sum()))
        }
        _ => None,
    };
    driven.records().into_iter().filter_map(|(_, record)| verdict(record)).collect()
}

#[test]
fn where_its_login_is_limited_an_agent_goes_on_with_codex_as_the_operator_says() {
    let driven = with_both(CLAUDE, "accounts = [\"one\"]\nfallback = [{ backend = \"codex\", account = \"cx\" }]\n");
    driven.settled(driven.send("please go on [[usage 7200]]"));
    driven.until("its next route", || (routes(&driven).len() == 2).then_some(()));
    let (account, fresh) = routes(&driven).remove(1);
    assert_eq!((&*account, fresh.is_some()), ("cx", true), "{fresh:?}");
    let before = driven.stub.mains().len();
    driven.until("its composer", || (driven.worker().state.word() == "idle").then_some(()));
    let told = |record: &Record| matches!(record, Record::Alerted { what, .. } if what.contains("begins anew"));
    assert!(driven.records().iter().any(|(_, record)| told(record)), "a blank start was not said");
    driven.until("its start prompt at the model", || {
        let codex = |entry: &Entry| entry.credential == "sk-fake" && entry.prompt().contains("Get ready");
        driven.stub.mains().iter().any(codex).then_some(())
    });
    driven.settled(driven.send("and go on there [[ok Yes.]]"));
    driven.until("its turn", || (driven.stub.mains().len() > before).then_some(()));
    assert!(driven.stub.prompts().contains(&"and go on there [[ok Yes.]]".to_string()));
    let proved = verdicts(&driven).into_iter().find(|(account, ..)| account == "cx").expect("a tiny call on it");
    assert_eq!((&*proved.1, &proved.2, proved.3 > 0), ("codex", &Verdict::Good, true));
}

#[test]
fn a_login_of_codex_is_tried_by_a_tiny_call_that_leaves_no_conversation() {
    let driven = with_both(CODEX, "accounts = [\"cx\"]\n");
    let first = verdicts(&driven);
    assert_eq!((first.len(), &*first[0].1, &first[0].2, first[0].3 > 0), (1, "codex", &Verdict::Good, true));
    driven.stub.by_default("auth");
    assert!(matches!(driven.ask(&Command::Probe { account: None }), Answer::Accepted { .. }));
    driven.until("a refusal", || {
        verdicts(&driven).into_iter().find(|(account, _, verdict, _)| {
            account == "cx" && matches!(verdict, Verdict::Refused { why } if why.contains("401"))
        })
    });
    let left = rollouts(&driven.root.join("homes/cx/sessions"));
    assert_eq!(left, 1, "a tiny call left a trace among the conversations");
}

/// Files below a folder.
fn rollouts(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.map(|path| if path.is_dir() { rollouts(&path) } else { 1 }).sum()
}
