//! What an ordinary life of a branch looks like from here.

use crate::world::{Ears, NEVER, World, chain, handoffs};
use flightdeck::edge::git::WatchSettings;
use flightdeck::pilot::fact::Push;
use flightdeck::pilot::id::{AgentId, PhaseId};

fn phase(text: &str) -> PhaseId {
    PhaseId::parse(text).unwrap()
}

#[tokio::test]
async fn the_first_sight_of_a_branch_tells_what_is_done_and_no_commits() {
    let world = World::new();
    world.commit("builder", "claim(1a): long ago");
    world.write("builder", "STATUS-1a.md", "# 1a\n\n## DONE\n");
    world.push("builder");
    let push = Ears::new(world.settings(), None).push().await;
    let new = world.remote_head();
    let expected = Push { old: None, new, rewritten: false, commits: vec![], inbox: vec![], done: vec![phase("1a")] };
    assert_eq!(push, expected);
}

#[tokio::test]
async fn a_push_names_its_handoffs_with_their_commits() {
    let world = World::new();
    let mut ears = Ears::settled(world.settings()).await;
    let claim = world.commit("builder", "claim(1a): ready");
    world.push("builder");
    let push = ears.push().await;
    assert_eq!(handoffs(&push), ["claim(1a)"]);
    assert_eq!(push.commits[0].sha, claim);
    let review = world.commit("builder", "review(1a): approved");
    world.push("builder");
    let push = ears.push().await;
    assert_eq!(handoffs(&push), ["review(1a)"]);
    assert_eq!((push.old, push.new), (Some(claim), review));
}

#[tokio::test]
async fn a_restart_at_the_same_head_tells_nothing_and_one_behind_tells_the_rest() {
    let world = World::new();
    world.commit("builder", "claim(1a): old news");
    world.push("builder");
    let baseline = world.remote_head();
    for _ in 0..5 {
        let ears = Ears::new(world.settings(), Some(baseline.clone()));
        ears.watcher.poke();
    }
    let mut ears = Ears::new(world.settings(), Some(baseline.clone()));
    ears.watcher.poke();
    world.commit("builder", "review(1a): news");
    world.push("builder");
    assert_eq!(handoffs(&ears.push().await), ["review(1a)"]);
    assert_eq!(handoffs(&Ears::new(world.settings(), Some(baseline)).push().await), ["review(1a)"]);
}

#[tokio::test]
async fn a_merge_brings_the_side_branch_and_nothing_that_was_there_before() {
    let world = World::new();
    let builder = world.path("builder");
    // The side branch leaves from the middle of a history whose dates run backwards, where git's own walk errs.
    world.import(&chain(30, |n| 2_000_000_000 - n * 50_000_000));
    world.git(&builder, &["fetch", "--quiet"]);
    world.git(&builder, &["reset", "--quiet", "--hard", "origin/main"]);
    let mut ears = Ears::settled(world.settings()).await;
    for merge in 0..2 {
        world.git(&builder, &["checkout", "--quiet", "-B", "side", "HEAD~15"]);
        world.commit("builder", &format!("claim(side{merge}): on the side"));
        world.git(&builder, &["checkout", "--quiet", "main"]);
        world.git(&builder, &["merge", "--quiet", "--no-ff", "-m", "review(merge): both", "side"]);
        world.push("builder");
        let push = ears.push().await;
        assert!(!push.rewritten);
        assert_eq!(handoffs(&push), [format!("claim(side{merge})"), "review(merge)".to_string()]);
        assert_eq!(push.commits.len(), 2);
    }
}

#[tokio::test]
async fn going_back_to_an_older_commit_is_a_rewrite_too() {
    let world = World::new();
    world.commit("builder", "claim(1a): taken back");
    world.push("builder");
    let mut ears = Ears::settled(world.settings()).await;
    world.git(&world.path("builder"), &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.push("builder");
    let push = ears.push().await;
    assert!(push.rewritten && push.commits.is_empty());
}

#[tokio::test]
async fn new_entries_of_an_inbox_are_told_with_their_number() {
    let world = World::new();
    let entry = |n: usize| format!("### 2026-01-0{n}T00:00:00Z from adversary\n\nhello\n\n");
    world.write("builder", "state/INBOX-builder.md", &entry(1));
    world.push("builder");
    let settings = WatchSettings { state_dir: "state".to_string(), ..world.settings() };
    let mut ears = Ears::settled(settings).await;
    world.write("builder", "state/INBOX-builder.md", &format!("{}{}{}", entry(1), entry(2), entry(3)));
    world.write("builder", "state/INBOX-stranger.md", &entry(1));
    world.write("builder", "INBOX-adversary.md", &entry(1));
    world.push("builder");
    assert_eq!(ears.push().await.inbox, [(AgentId::parse("builder").unwrap(), 2)]);
    world.write("builder", "state/INBOX-builder.md", "nothing of the old\n");
    world.push("builder");
    assert_eq!(ears.push().await.inbox, []);
}

#[tokio::test]
async fn a_status_file_counts_where_it_belongs_and_only_as_a_file() {
    let world = World::new();
    let done = "## DONE\n";
    world.write("builder", "STATUS-1a.md", done);
    world.write("builder", "deep/state/STATUS-1b.md", done);
    std::os::unix::fs::symlink("## DONE", world.path("builder/deep/state/STATUS-1a.md")).unwrap();
    world.git(&world.path("builder"), &["add", "."]);
    world.commit("builder", "a link");
    world.push("builder");
    let settings = WatchSettings { state_dir: "deep/state".to_string(), ..world.settings() };
    assert_eq!(Ears::new(settings, None).push().await.done, [phase("1b")]);
    let nowhere = WatchSettings { state_dir: "STATUS-1a.md/x".to_string(), ..world.settings() };
    assert_eq!(Ears::new(nowhere, None).push().await.done, []);
}

#[tokio::test]
async fn other_phases_are_answered_at_once_and_another_branch_is_a_first_sight() {
    let world = World::new();
    world.write("builder", "STATUS-2.md", "## DONE\n");
    world.push("builder");
    world.git(&world.path("builder"), &["push", "--quiet", "origin", "HEAD:refs/heads/feat/x"]);
    let mut ears = Ears::settled(world.settings()).await;
    let head = world.remote_head();
    let more = WatchSettings { phases: vec![phase("2")], ..world.settings() };
    ears.watcher.replace(more.clone(), None);
    let push = ears.push().await;
    assert_eq!((push.old, push.new, push.done), (Some(head.clone()), head, vec![phase("2")]));
    ears.watcher.replace(WatchSettings { branch: "feat/x".to_string(), ..more }, None);
    assert_eq!(ears.push().await.old, None);
    world.commit("builder", "claim(1a): on a branch with a slash");
    world.git(&world.path("builder"), &["push", "--quiet", "origin", "HEAD:refs/heads/feat/x"]);
    assert_eq!(handoffs(&ears.push().await), ["claim(1a)"]);
}

#[tokio::test]
async fn the_branch_may_be_told_again_when_asked() {
    let world = World::new();
    let mut ears = Ears::settled(WatchSettings { interval: NEVER, ..world.settings() }).await;
    ears.watcher.restate();
    let push = ears.push().await;
    assert_eq!((push.old.as_ref(), push.commits.len()), (Some(&push.new), 0));
}
