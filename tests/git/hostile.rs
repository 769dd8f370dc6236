//! Agents may write anything into their clones, and into a remote on the same disk: what of that is no fault of the catalogue.

use std::time::Duration;

use crate::world::{self, Ears, World};
use flightdeck::edge::git::WatchSettings;

#[tokio::test]
async fn a_pipe_in_place_of_the_remotes_config_delays_nothing_but_the_watch() {
    let world = World::new();
    let config = world.remote().join("config");
    let saved = std::fs::read(&config).unwrap();
    std::fs::remove_file(&config).unwrap();
    let pipe = world.path("pipe");
    world::pipe(&pipe);
    std::fs::hard_link(&pipe, &config).unwrap();
    let deadline = Duration::from_millis(200);
    let interval = Duration::from_millis(20);
    let mut ears = Ears::new(WatchSettings { deadline, interval, ..world.settings() }, None);
    assert_eq!(ears.failure().await.0, "no answer from the file system within 200ms");
    assert_eq!(ears.failure().await.0, "still no answer from the file system");
    std::fs::remove_file(&config).unwrap();
    std::fs::write(&config, saved).unwrap();
    // Opening the other end lets the reader go on.
    std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert_eq!(ears.push_at_last().await.old, None);
}

/// Writes an object of any content, as a push without checks would.
fn object(world: &World, kind: &str, content: &[u8]) -> String {
    let kind = git2::ObjectType::from_str(kind).unwrap();
    let repository = git2::Repository::open_bare(world.remote()).unwrap();
    let oid = repository.odb().unwrap().write(kind, content).unwrap();
    oid.to_string()
}

#[tokio::test]
async fn commits_that_are_none_or_are_giants_are_a_new_baseline_and_the_watch_goes_on() {
    let world = World::new();
    for content in [b"rubbish".to_vec(), {
        let head = world.remote_head();
        let tree = world.git(&world.remote(), &["rev-parse", &format!("{head}^{{tree}}")]);
        let who = "A <a@b> 0 +0000";
        let mut commit =
            format!("tree {tree}\nparent {head}\nauthor {who}\ncommitter {who}\n\nclaim(1a): ").into_bytes();
        commit.resize(5 * 1024 * 1024, b'x');
        commit
    }] {
        let mut ears = Ears::settled(world.settings()).await;
        let before = world.remote_head();
        let oid = object(&world, "commit", &content);
        std::fs::write(world.remote().join("refs/heads/main"), format!("{oid}\n")).unwrap();
        ears.watcher.poke();
        let push = ears.push().await;
        assert!(push.rewritten && push.commits.is_empty());
        std::fs::write(world.remote().join("refs/heads/main"), format!("{before}\n")).unwrap();
        ears.watcher.poke();
        assert!(ears.push().await.rewritten);
    }
}

#[tokio::test]
async fn giant_files_on_the_branch_are_as_good_as_absent() {
    let world = World::new();
    let mut status = "## DONE\n".repeat(1024 * 1024 / 9 + 100_000);
    world.write("builder", "STATUS-1a.md", &status);
    status.truncate(9);
    world.write("builder", "STATUS-1b.md", &status);
    world.push("builder");
    let done = Ears::new(world.settings(), None).push().await.done;
    assert_eq!(done.iter().map(|phase| phase.as_str()).collect::<Vec<_>>(), ["1b"]);
}

#[tokio::test]
async fn remotes_and_branches_that_are_options_or_programs_are_refused() {
    let world = World::new();
    let canary = world.path("canary");
    let evil = format!("touch {}", canary.display());
    for remote in [format!("--upload-pack={evil}"), format!("ext::{evil}"), format!("-oProxyCommand={evil}:x")] {
        let mut ears = Ears::new(WatchSettings { remote: Some(remote), ..world.settings() }, None);
        let (why, _) = ears.failure().await;
        assert!(why.starts_with("the remote `") && why.contains("is not read: "), "{why}");
    }
    for branch in ["--upload-pack=x", "a..b", "a b", "", "x\u{1b}"] {
        let mut ears = Ears::new(WatchSettings { branch: branch.to_string(), ..world.settings() }, None);
        assert!(ears.failure().await.0.ends_with("is no name of a branch"));
    }
    assert!(!canary.exists());
}
