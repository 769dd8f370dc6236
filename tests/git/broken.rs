//! Remotes that are away, damaged or half there: G10-G13. "Empty" never reads as "no news".

use std::path::{Path, PathBuf};

use crate::world::{Ears, OFTEN, World, handoffs};
use flightdeck::edge::git::WatchSettings;

fn often(world: &World) -> WatchSettings {
    WatchSettings { interval: OFTEN, ..world.settings() }
}

#[tokio::test]
async fn an_empty_remote_says_so_until_the_first_push() {
    let world = World::empty();
    let mut ears = Ears::new(often(&world), None);
    let (why, count) = ears.failure().await;
    assert_eq!(
        (why.as_str(), count),
        ("the remote has no branch `main`: push it, or set another `branch` in [project]", 1)
    );
    assert_eq!(ears.failure().await.1, 2);
    world.clone_to("builder");
    world.commit("builder", "claim(1a): the very first");
    world.push("builder");
    let push = ears.push_at_last().await;
    assert_eq!((push.old, push.commits), (None, vec![]));
}

#[tokio::test]
async fn a_first_push_to_an_empty_remote_wakes_by_itself() {
    let world = World::empty();
    let mut ears = Ears::new(world.settings(), None);
    ears.failure().await;
    world.clone_to("builder");
    world.commit("builder", "the beginning");
    world.push("builder");
    assert_eq!(ears.push_at_last().await.old, None);
}

#[tokio::test]
async fn a_deleted_branch_is_a_failure_and_its_return_is_told() {
    let world = World::new();
    let head = world.remote_head();
    let mut ears = Ears::settled(world.settings()).await;
    world.git(&world.remote(), &["update-ref", "-d", "refs/heads/main"]);
    assert!(ears.failure().await.0.contains("no branch `main`"));
    world.push("builder");
    let push = ears.push_at_last().await;
    assert_eq!((push.old, push.new, push.commits), (Some(head.clone()), head, vec![]));
    world.git(&world.remote(), &["update-ref", "-d", "refs/heads/main"]);
    ears.failure().await;
    world.git(&world.path("builder"), &["checkout", "--quiet", "--orphan", "anew"]);
    world.commit("builder", "claim(1a): another history");
    world.push("builder");
    let push = ears.push_at_last().await;
    assert!(push.rewritten && push.commits.is_empty());
}

#[tokio::test]
async fn a_remote_that_moved_away_is_named_and_found_again() {
    let world = World::new();
    let mut ears = Ears::settled(often(&world)).await;
    std::fs::rename(world.remote(), world.path("moved.git")).unwrap();
    let (why, _) = ears.failure().await;
    assert!(why.contains("origin.git") && (why.ends_with("is gone") || why.ends_with("does not exist")), "{why}");
    std::fs::rename(world.path("moved.git"), world.remote()).unwrap();
    assert_eq!(ears.push_at_last().await.commits, []);
    std::fs::remove_dir_all(world.remote()).unwrap();
    std::fs::create_dir(world.remote()).unwrap();
    loop {
        let (why, _) = ears.failure().await;
        if why.ends_with("is no git repository") {
            break;
        }
    }
}

#[tokio::test]
async fn a_packed_and_collected_remote_loses_nothing() {
    let world = World::new();
    let mut ears = Ears::settled(world.settings()).await;
    for round in 0..3 {
        world.commit("builder", &format!("claim({round}): x"));
        world.push("builder");
        assert_eq!(handoffs(&ears.push().await), [format!("claim({round})")]);
        world.git(&world.remote(), &["gc", "--quiet", "--prune=now"]);
    }
}

#[tokio::test]
async fn a_stale_lock_on_the_branch_does_not_stop_reading() {
    let world = World::new();
    std::fs::write(world.remote().join("refs/heads/main.lock"), "").unwrap();
    std::fs::write(world.remote().join("packed-refs.lock"), "").unwrap();
    Ears::settled(world.settings()).await;
}

fn loose(repository: &Path, sha: &str) -> PathBuf {
    repository.join("objects").join(&sha[..2]).join(&sha[2..])
}

#[tokio::test]
async fn a_damaged_commit_in_the_remote_is_a_failure_until_it_is_mended() {
    let world = World::new();
    let mut ears = Ears::settled(often(&world)).await;
    let claim = world.commit("builder", "claim(1a): on a bad disk");
    let top = world.commit("builder", "on top");
    world.git(&world.path("builder"), &["push", "--quiet", "origin", "HEAD:refs/heads/staging"]);
    let path = loose(&world.remote(), claim.as_str());
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &whole[..10]).unwrap();
    std::fs::write(world.remote().join("refs/heads/main"), format!("{top}\n")).unwrap();
    let (why, _) = ears.failure().await;
    assert!(!why.is_empty());
    std::fs::write(&path, whole).unwrap();
    assert_eq!(handoffs(&ears.push_at_last().await), ["claim(1a)"]);
}

#[tokio::test]
async fn a_detached_head_and_strange_refs_in_the_remote_do_not_matter() {
    let world = World::new();
    let head = world.remote_head();
    std::fs::write(world.remote().join("HEAD"), format!("{head}\n")).unwrap();
    std::fs::write(world.remote().join("refs/heads/broken"), "rubbish").unwrap();
    Ears::settled(world.settings()).await;
}

#[tokio::test]
async fn a_tag_in_place_of_a_commit_is_named() {
    let world = World::new();
    let blob = world.git(&world.remote(), &["rev-parse", "refs/heads/main^{tree}"]);
    std::fs::write(world.remote().join("refs/heads/main"), format!("{blob}\n")).unwrap();
    let (why, _) = Ears::new(world.settings(), None).failure().await;
    assert_eq!(why, format!("{blob} is a tree, not a commit"));
}

#[tokio::test]
async fn somebody_elses_folder_is_not_read_but_named() {
    let world = World::new();
    // Only root can give a repository away. For everybody else a folder of root's belongs to another, and `shelf.rs`
    // tests the words about a repository.
    let root = rustix::process::geteuid().is_root();
    let foreign = if root { world.remote() } else { PathBuf::from("/usr") };
    if root {
        std::os::unix::fs::chown(&foreign, Some(65_534), None).unwrap();
    }
    let shown = foreign.display().to_string();
    let settings = WatchSettings { remote: Some(shown.clone()), ..world.settings() };
    let (why, _) = Ears::new(settings, None).failure().await;
    let refused = if root { "belongs to another user, so it is not read" } else { "is no git repository" };
    assert!(why.starts_with(&format!("the remote {shown} {refused}")), "{why}");
}
