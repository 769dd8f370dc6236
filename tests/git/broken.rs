//! Remotes that are away, damaged or half there. "Empty" never reads as "no news".

use crate::world::{Ears, World, handoffs};

#[tokio::test]
async fn an_empty_remote_says_so_until_the_first_push() {
    let world = World::empty();
    let mut ears = Ears::new(world.often(), None);
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
