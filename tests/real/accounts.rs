//! Accounts on the real engine: whose credential reaches whom, what happens when one is limited, and how they are tried.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::standing::Verdict;
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::Plan;
use super::secrets::{holds, in_no_argv, in_no_file};

const IDLE: &str = "on *: say yes\n";

/// Two logins with one provider, each in a home of its own.
fn homes(plan: Plan) -> Plan {
    ["one", "two"].into_iter().fold(plan, |plan, name| {
        plan.set(&format!("accounts.{name}.provider"), "anthropic")
            .set(&format!("accounts.{name}.kind"), "subscription")
            .set(&format!("accounts.{name}.config_home"), format!("homes/{name}"))
    })
}

fn key(plan: Plan, name: &str) -> Plan {
    plan.set(&format!("accounts.{name}.provider"), "anthropic").set(&format!("accounts.{name}.kind"), "api-key")
}

fn secret(deck: &Deck, name: &str, text: &str) -> PathBuf {
    let file = deck.workspace.join(name);
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our own file");
    file
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn environ(deck: &Deck, agent: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/environ", deck.process(agent).pid))
}

#[test]
fn an_accounts_credential_reaches_the_agent_on_it_and_nobody_else() {
    let (filed, printed, own) = ("xyzzy-4711-filed", "xyzzy-4712-printed", "xyzzy-4713-own");
    let plan = key(key(homes(Plan::new()), "filed"), "printed")
        .set("accounts.filed.env_file", "filed.env")
        .set("accounts.printed.command", vec!["cat", "printed.txt"])
        .set("accounts.printed.variable", "DEMO_KEY");
    let plan = ["filed", "printed", "one"].into_iter().fold(plan, |plan, account| {
        plan.agent(account, IDLE)
            .set(&format!("agents.{account}.accounts"), vec![account])
            .set(&format!("agents.{account}.env_file"), "own.env")
    });
    let deck = plan.laid_out();
    let text = deck.workspace.join("printed.txt");
    let keep = [
        secret(&deck, "filed.env", &format!("DEMO_KEY={filed}\n")),
        secret(&deck, "printed.txt", &format!("{printed}\n")),
        secret(&deck, "own.env", &format!("DEMO_KEY={own}\nOTHER=kept\n")),
    ];
    // No shell takes part, and the command's folder is the agent's own.
    fs::copy(&text, deck.workspace.join("clones/printed/printed.txt")).expect("a copy");
    let keep = [&keep[..], &[deck.workspace.join("clones/printed/printed.txt")]].concat();
    deck.start_engine();
    for agent in ["filed", "printed", "one"] {
        deck.prompted(agent, 1);
    }
    let of = |agent| environ(&deck, agent);
    assert!(holds(&of("filed"), filed) && !holds(&of("filed"), own), "the account's key goes before the agent's own");
    assert!(holds(&of("printed"), printed) && !holds(&of("printed"), own));
    assert!(!holds(&of("one"), own), "a key would go before the login");
    assert!(holds(&of("one"), "DEMO_HOME=") && holds(&of("one"), "OTHER=kept"));
    for canary in [filed, printed, own] {
        let knows = |path: &Path| holds(path, canary);
        let others = [deck.server().pid, deck.engine_pid().as_raw_nonzero().get().unsigned_abs()];
        assert!(others.iter().all(|pid| !knows(&PathBuf::from(format!("/proc/{pid}/environ")))), "{canary}");
        in_no_argv(canary);
        assert!(!deck.tmux(&["show-environment", "-g"]).contains(canary));
        in_no_file(&deck, &keep, canary);
    }
    let status = said(&deck.verb(&["status"]));
    assert!(status.contains("ACCOUNT") && status.contains("printed"), "{status}");
    let why = said(&deck.verb(&["why", "filed"]));
    assert!(why.contains("account: filed (api-key of anthropic"), "{why}");
}

#[test]
fn a_command_that_fails_says_so_without_a_word_of_what_it_printed() {
    let canary = "xyzzy-4714-half";
    let plan = key(Plan::new().agent("solo", IDLE), "vault")
        .set("accounts.vault.command", vec!["sh", "vault.sh"])
        .set("accounts.vault.variable", "DEMO_KEY")
        .set("agents.solo.accounts", vec!["vault"]);
    let deck = plan.laid_out();
    let script = deck.workspace.join("clones/solo/vault.sh");
    fs::write(&script, format!("echo {canary}\necho {canary} >&2\nexit 3\n")).expect("a file");
    deck.start_engine();
    let last = deck.saw("its end", |record| match record {
        Record::Exited { last, .. } => Some(last.join(" ")),
        _ => None,
    });
    assert!(last.contains("account vault: its command sh failed"), "{last}");
    in_no_file(&deck, &[script], canary);
}

#[test]
fn a_limit_sends_an_agent_to_its_next_account_and_a_new_beginning_is_said() {
    let script = "once limit on *: error usage limit reached · resets in 1h\non *: say I go on\n";
    let plan = homes(Plan::new().agent("solo", script)).set("agents.solo.accounts", vec!["one", "two"]);
    let deck = plan.up();
    let routes = || {
        deck.all(|record| match record {
            Record::Routed { account, fresh, .. } => Some((account.clone().map(String::from), fresh.clone())),
            _ => None,
        })
    };
    deck.until("its second account", || (routes().len() == 2).then_some(()));
    let routes = routes();
    assert_eq!(routes[0], (Some("one".to_string()), None));
    assert_eq!(routes[1].0.as_deref(), Some("two"));
    // Its program can't take up a conversation; a blank start is never silent.
    let fresh = routes[1].1.as_ref().expect("it began anew");
    assert!(fresh.contains("can't take up a conversation"), "{fresh}");
    let told =
        |record: &Record| matches!(record, Record::Alerted { what, .. } if what.contains("begins anew on account two"));
    assert_eq!(deck.count(told), 1, "{}", deck.story());
    deck.prompted("solo", 2);
    assert!(holds(&environ(&deck, "solo"), "homes/two"));
    assert_eq!(
        (deck.agent("solo").account.map(String::from), deck.agent("solo").account_why.as_str().contains("limited")),
        (Some("two".to_string()), true)
    );
    // The limit is the account's, and what was remembered of it outlives the engine.
    deck.end_engine(Signal::TERM);
    deck.start_engine();
    deck.kill("solo", Signal::KILL);
    deck.prompted("solo", 3);
    assert!(holds(&environ(&deck, "solo"), "homes/two"), "{}", deck.story());
    let accounts = said(&deck.verb(&["accounts"]));
    let line = |name: &str| accounts.lines().find(|line| line.starts_with(name)).expect(name).to_string();
    assert!(line("one").contains("limited until") && line("two").contains("solo"), "{accounts}");
}

/// What a login answers is its home's affair: a file says it.
const PROBE: &str = "cat \"$DEMO_HOME/answer.json\"\necho \"${DEMO_KEY-none}\" >> \"$DEMO_HOME/asked\"\n";
const GOOD: &str =
    "{\"is_error\": false, \"result\": \"ok\", \"modelUsage\": {\"tiny\": {\"inputTokens\": 9, \"outputTokens\": 1}}}";
const BAD: &str = "{\"is_error\": true, \"result\": \"login expired · run /login\", \"api_error_status\": 401}";

#[test]
fn an_account_is_tried_when_it_is_needed_and_held_agents_go_on_when_it_is_let_in() {
    let plan = homes(Plan::new().agent("solo", IDLE).agent("other", IDLE))
        .set("accounts.two.priority", 200)
        .set("backends.player.access.probe", vec!["sh", "PROBE"]);
    let deck = plan.laid_out();
    let probe = deck.workspace.join("probe.sh");
    fs::write(&probe, PROBE).expect("a file");
    let main = deck.workspace.join("flightdeck.toml");
    let text = fs::read_to_string(&main)
        .expect("it is there")
        .replace("\"PROBE\"", &format!("{:?}", probe.display().to_string()));
    fs::write(&main, text).expect("a file");
    let home = deck.workspace.join("homes/one");
    fs::create_dir_all(&home).expect("a folder");
    let asked = || fs::read_to_string(home.join("asked")).unwrap_or_default().lines().count();
    fs::write(home.join("answer.json"), BAD).expect("a file");
    deck.start_engine();
    let held = |agent: &str| matches!(deck.agent(agent).state, AgentState::Held { .. });
    deck.until("both held", || (held("solo") && held("other")).then_some(()));
    assert_eq!((asked(), deck.starts("solo"), deck.starts("other")), (1, 0, 0), "one call for both");
    let alerts = deck.status().alerts.join("\n");
    assert!(
        alerts.contains("homes/one flightdeck demo-agent login") && alerts.contains("held: other, solo"),
        "{alerts}"
    );
    // Asked for, it is tried at once; refused again, the program says so by its end.
    let output = deck.verb(&["accounts", "one", "--probe"]);
    assert_eq!((output.status.code(), asked()), (Some(5), 2), "{output:?}");
    assert!(said(&output).contains("not let in: login expired"), "{}", said(&output));
    fs::write(home.join("answer.json"), GOOD).expect("a file");
    let output = deck.verb(&["accounts", "one", "--probe", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said(&output).contains("\"verdict\":\"good\""), "{}", said(&output));
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    // A good proof is not asked for again, unless the program is another one.
    deck.tell(&Command::Restart { agent: id("solo"), fresh: false });
    deck.prompted("solo", 2);
    assert_eq!(asked(), 3);
    // What it used is the account's, and no agent's.
    let usage = |by| said(&deck.verb(&["usage", "--by", by, "--json"]));
    assert!(
        usage("account").contains("\"account\":\"one\"") && usage("account").contains("\"input\":9"),
        "{}",
        usage("account")
    );
    assert!(
        usage("agent").contains("trying accounts") && !usage("agent").contains("\"agent\":\"solo\""),
        "{}",
        usage("agent")
    );
    let verdicts = deck.all(|record| match record {
        Record::AccountProbed { verdict, .. } => Some(verdict.clone()),
        _ => None,
    });
    assert!(
        matches!(verdicts.as_slice(), [Verdict::Refused { .. }, Verdict::Refused { .. }, Verdict::Good]),
        "{verdicts:?}"
    );
    assert!(!fs::read_to_string(home.join("asked")).expect("it was asked").contains("xyzzy"));
}
