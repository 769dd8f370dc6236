//! Twenty scripted agents that lose three Enters in ten, and what the engine is told of them.

use std::path::{Path, PathBuf};

use flightdeck::edge::spawn;

use super::deck::Deck;
use super::plan::Plan;
use super::texts::{ASK, DIE, LEAVE, THINK};

pub(crate) const AGENTS: usize = 20;

pub(crate) fn names() -> Vec<String> {
    (1..=AGENTS).map(|number| format!("a{number:02}")).collect()
}

/// The workspace. Deaths are no reason to hold anybody here: there are too many of them.
pub(crate) fn plan(seed: u64, swallow: u8) -> Plan {
    let script = format!(
        "on \"{DIE}\": kill\non \"{LEAVE}\": exit 3\non \"{ASK}\": dialog permission; say thank you\n\
         on \"{THINK}\": think 300ms; say done\non *: say yes\n"
    );
    let plan = Plan::new()
        // As with real programs. An agent that is starved for longer than the first of these has the key twice: the second
        // time on an empty composer.
        .set("backends.player.submit_retries", vec!["1s", "2s", "4s"])
        // Who is told nothing has nothing to do, and is no stall.
        .set("stall.idle", "1h")
        .set("stall.quiet_child_cap", "2h")
        .set("restart.budget_short", "1000 in 10m")
        .set("restart.budget_long", "1000 in 1d")
        .set("restart.mass_death", "100 in 10s")
        .set("restart.stage", "20 in 1s");
    names().iter().enumerate().fold(plan, |plan, (index, name)| {
        let (swallow, seed, enters) =
            (swallow.to_string(), (seed ^ index as u64).to_string(), format!("../../{name}.enters"));
        let flags = ["--swallow-chance", &swallow, "--seed", &seed, "--enter-log", &enters];
        plan.agent(name, &script).flags(name, &flags)
    })
}

/// What tmux says; nothing where it can't do it: panes come and go here.
pub(crate) fn tmux(socket: &Path, args: &[&str]) -> String {
    let output = spawn::blocking("tmux").arg("-S").arg(socket).arg("-N").args(args).output();
    String::from_utf8_lossy(&output.expect("tmux is installed").stdout).into_owned()
}

/// Where FLIGHTDECK_CHAOS_KEEP says, a run leaves its workspace for whoever looks into it, in a folder named after its seed.
pub(crate) fn keep(deck: &Deck, seed: u64) {
    let Some(kept) = std::env::var_os("FLIGHTDECK_CHAOS_KEEP").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&kept).expect("a folder to keep it in");
    let to = kept.join(seed.to_string());
    // Sockets are not copied, and are no loss.
    spawn::blocking("cp").args(["-r", "--"]).arg(deck.outside()).arg(&to).output().expect("cp");
}

/// How many control clients of this server live.
pub(crate) fn control_clients(socket: &Path) -> usize {
    let socket = socket.display().to_string();
    let entries = std::fs::read_dir("/proc").expect("a process table");
    let arguments = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    let is_one =
        |line: &String| line.split('\0').any(|word| word == "-C") && line.split('\0').any(|word| word == socket);
    arguments.filter(is_one).count()
}
