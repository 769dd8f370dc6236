//! The incident of the orchestrator's healer: it resumed a conversation that a person had open in a terminal of their own.
//! Two programs wrote into one conversation, and that was what broke it.

use std::os::unix::fs::symlink;

use flightdeck::edge::spawn;

use super::aside::Aside;
use super::deck::Deck;
use super::plan::{PROGRAM, Plan};
use super::{Rule, both, judge};

const TALK: &str = "11111111-2222-4333-8444-555555555555";

/// Processes that have this conversation open.
fn holders(deck: &Deck) -> Vec<u32> {
    let own = deck.outside().display().to_string();
    let table = std::fs::read_dir("/proc").expect("a process table");
    let pids = table.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // tmux servers have the command of their first pane among their arguments.
        let program = argv.split('\0').next().unwrap_or_default().to_string();
        program.starts_with(&own) && argv.contains(TALK)
    };
    pids.filter(holds).collect()
}

#[test]
fn a_conversation_that_a_person_has_open_is_not_resumed_beside_them() {
    both("open twice", |rule| {
        let agent = "on *: say I look after the loops; wait 60s\n";
        let plan = Plan::new().agent("orchestrator", agent).agent("other", "on *: say yes\n");
        let deck = plan.set("agents.orchestrator.role", "orchestrator").laid_out();
        let program = deck.outside().join("flightdeck-demo");
        symlink(PROGRAM, &program).expect("a link");
        let program = program.display().to_string();
        let argv = [program.as_str(), "demo-agent", "--play", "echo", "--resume", TALK];
        // The same program for our agent, with the same conversation.
        let config = deck.workspace.join("flightdeck.toml");
        let mut table: toml::Table = std::fs::read_to_string(&config).unwrap().parse().unwrap();
        let launch = toml::Value::from([argv.as_slice(), &["{args}"]].concat());
        let keeper = toml::Table::from_iter([("like".to_string(), "demo".into()), ("launch".to_string(), launch)]);
        table["backends"].as_table_mut().unwrap().insert("keeper".into(), keeper.into());
        table["agents"]["orchestrator"]["backend"] = "keeper".into();
        std::fs::write(&config, table.to_string()).unwrap();
        let hand = Aside::beside(&deck, "hand.sock");
        hand.run(&deck, "mine", &argv);
        deck.until("the person's own", || (holders(&deck).len() == 1).then_some(()));
        let old = Aside::beside(&deck, "old.sock");
        if rule == Rule::Old {
            // No session of its own, so it must be dead.
            let heal = "tmux -S $0 has-session -t =orchestrator 2>&- || tmux -S $0 -f /dev/null new-session -d -s orchestrator \"$@\"";
            let mut shell = spawn::blocking("sh");
            let status = shell.args(["-c", heal]).arg(&old.0).args(argv).status().unwrap();
            assert!(status.success());
            deck.until("its window", || {
                old.tmux(&["list-panes", "-a", "-F", "#{pane_pid}"]).trim().parse::<u32>().ok()
            });
            deck.until("its program", || (holders(&deck).len() != 1).then_some(()));
        } else {
            deck.start_engine();
            deck.until("why it is not started", || {
                deck.agent("orchestrator").next.map(|next| next.what).filter(|what| what.contains("by hand,"))
            });
        }
        let holding = holders(&deck);
        judge(holding.len() == 1, || format!("open twice, in {holding:?}"))
    });
}
