//! A remote that is reached over a network protocol, through our own mirror.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::world::{Ears, NEVER, OFTEN, World, handoffs, serve};
use flightdeck::edge::git::WatchSettings;

fn settings(world: &World) -> WatchSettings {
    WatchSettings { remote: Some(serve(world)), ..world.settings() }
}

#[tokio::test]
async fn a_push_from_a_clone_wakes_us_by_the_clones_own_tracking_ref() {
    let world = World::new();
    let mut ears = Ears::settled(WatchSettings { interval: NEVER, ..settings(&world) }).await;
    world.commit("builder", "claim(1a): over the network");
    world.push("builder");
    let push = ears.push().await;
    assert_eq!((handoffs(&push), push.new), (vec!["claim(1a)".to_string()], world.remote_head()));
    // A clone that is a worktree of another one.
    world.git(&world.path("builder"), &["worktree", "add", "--quiet", "../adversary", "-b", "other"]);
    ears.watcher.restate();
    ears.push().await;
    world.git(&world.path("adversary"), &["commit", "--quiet", "--allow-empty", "-m", "review(1a): from a worktree"]);
    world.push("adversary");
    assert_eq!(handoffs(&ears.push().await), ["review(1a)"]);
}

#[tokio::test]
async fn a_push_from_elsewhere_is_seen_at_the_interval() {
    let world = World::new();
    let mut ears = Ears::settled(WatchSettings { interval: OFTEN, ..settings(&world) }).await;
    world.clone_to("stranger");
    world.commit("stranger", "claim(1a): from elsewhere");
    world.push("stranger");
    assert_eq!(handoffs(&ears.push().await), ["claim(1a)"]);
}

#[tokio::test]
async fn a_first_push_to_an_empty_remote_is_a_first_sight() {
    let world = World::empty();
    world.clone_to("builder");
    let mut ears = Ears::new(settings(&world), None);
    assert!(ears.failure().await.0.contains("no branch `main`"));
    world.commit("builder", "the beginning");
    world.push("builder");
    assert_eq!(ears.push_at_last().await.old, None);
}

#[tokio::test]
async fn a_restart_uses_the_mirror_that_is_there_and_tells_only_what_is_new() {
    let world = World::new();
    let settings = settings(&world);
    Ears::settled(settings.clone()).await;
    let baseline = world.remote_head();
    world.commit("builder", "claim(1a): while we were away");
    world.push("builder");
    assert_eq!(handoffs(&Ears::new(settings.clone(), Some(baseline.clone())).push().await), ["claim(1a)"]);
    std::fs::remove_dir_all(&settings.mirror).unwrap();
    assert_eq!(handoffs(&Ears::new(settings, Some(baseline)).push().await), ["claim(1a)"]);
}

#[tokio::test]
async fn a_force_push_and_a_deleted_branch_are_told_over_the_network_too() {
    let world = World::new();
    let mut ears = Ears::settled(settings(&world)).await;
    world.git(&world.path("builder"), &["commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten"]);
    world.push("builder");
    assert!(ears.push().await.rewritten);
    world.git(&world.remote(), &["update-ref", "-d", "refs/heads/main"]);
    ears.watcher.poke();
    assert!(ears.failure().await.0.contains("no branch `main`"));
    world.push("builder");
    // The clone knew the branch at this commit all the time, so its push changes nothing there.
    ears.watcher.poke();
    assert_eq!(ears.push_at_last().await.commits, []);
}

#[tokio::test]
async fn a_remote_that_refuses_us_is_a_failure_in_gits_own_words() {
    let world = World::new();
    let remote = serve(&world).replace("origin.git", "absent.git");
    let (why, _) = Ears::new(WatchSettings { remote: Some(remote), ..world.settings() }, None).failure().await;
    assert!(why.starts_with("git ls-remote failed (128): fatal: ") && why.contains("absent.git"), "{why}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let remote = Some(format!("git://{nobody}/x"));
    let (why, _) = Ears::new(WatchSettings { remote, ..world.settings() }, None).failure().await;
    assert!(why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn a_format_only_the_systems_git_knows_is_read_through_the_mirror() {
    let world = World::new();
    // Every git since 2.24 knows this extension, and libgit2 knows it not.
    world.git(&world.remote(), &["config", "core.repositoryFormatVersion", "1"]);
    world.git(&world.remote(), &["config", "extensions.partialClone", "nobody"]);
    assert!(git2::Repository::open(world.remote()).is_err());
    seen_in(&world, &world.remote()).await;
    // A git since 2.45 knows one more, which before long will be its usual one.
    let tables = world.path("tables.git");
    let init = ["init", "--quiet", "--bare", "-b", "main", "--ref-format=reftable", tables.to_str().unwrap()];
    if world.command(&world.path(""), &init).status().unwrap().success() {
        world.git(&world.path("builder"), &["push", "--quiet", tables.to_str().unwrap(), "HEAD:refs/heads/main"]);
        seen_in(&world, &tables).await;
    }
}

async fn seen_in(world: &World, remote: &Path) {
    let remote = remote.to_str().unwrap();
    let mut ears = Ears::settled(WatchSettings { remote: Some(remote.to_string()), ..world.settings() }).await;
    world.commit("builder", "claim(1a): in an unknown format");
    world.git(&world.path("builder"), &["push", "--quiet", remote, "HEAD:refs/heads/main"]);
    assert_eq!(handoffs(&ears.push().await), ["claim(1a)"]);
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_damaged_mirror_is_built_anew_from_the_remote() {
    let world = World::new();
    let settings = WatchSettings { interval: OFTEN, ..settings(&world) };
    let mut ears = Ears::settled(settings.clone()).await;
    for (round, size) in [(0, 0), (1, 7)] {
        // Every object of the mirror, and then also its config, is cut off.
        let from = if round == 0 { settings.mirror.join("objects") } else { settings.mirror.clone() };
        for file in files(from) {
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, "x".repeat(size)).unwrap();
        }
        world.commit("builder", &format!("claim({round}): after the damage"));
        world.push("builder");
        assert_eq!(handoffs(&ears.push_at_last().await), [format!("claim({round})")]);
    }
}

#[tokio::test]
async fn a_mirror_that_has_the_head_and_lacks_what_is_below_is_built_anew_at_once() {
    let world = World::new();
    let settings = settings(&world);
    Ears::settled(settings.clone()).await;
    let baseline = world.remote_head();
    let below = world.commit("builder", "claim(1a): below");
    world.commit("builder", "claim(1b): the head");
    world.push("builder");
    assert_eq!(Ears::new(settings.clone(), Some(baseline.clone())).push().await.commits.len(), 2);
    let object = settings.mirror.join("objects").join(&below.as_str()[..2]).join(&below.as_str()[2..]);
    std::fs::remove_file(object).unwrap();
    assert_eq!(handoffs(&Ears::new(settings, Some(baseline)).push().await), ["claim(1a)", "claim(1b)"]);
}

#[tokio::test]
async fn what_a_killed_fetch_left_in_the_mirror_is_cleared_away() {
    let world = World::new();
    let settings = settings(&world);
    let mut ears = Ears::settled(settings.clone()).await;
    let left = ["refs/watch/tip.lock", "packed-refs.lock", "shallow.lock", "objects/pack/tmp_pack_x"];
    for file in left {
        std::fs::create_dir_all(settings.mirror.join(file).parent().unwrap()).unwrap();
        std::fs::write(settings.mirror.join(file), "").unwrap();
    }
    world.commit("builder", "claim(1a): x");
    world.push("builder");
    assert_eq!(handoffs(&ears.push().await), ["claim(1a)"]);
    assert!(left.iter().all(|file| !settings.mirror.join(file).exists()));
}
