use std::io::Write;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::pilot::fact::{ProgramState, Report};

const SOON: Duration = Duration::from_secs(10);

fn builder() -> AgentId {
    AgentId::parse("builder").unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn append(path: &Path, text: &str) {
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn said(prompt: &str) -> String {
    format!("{{\"event\":\"prompt_submitted\",\"prompt\":\"{prompt}\"}}\n")
}

/// The next report's prompt.
async fn heard(events: &mut mpsc::Receiver<Event>) -> (Incarnation, String) {
    let event = clock::within(SOON, events.recv()).await.expect("a report within ten seconds").unwrap();
    let Event::Reported { incarnation, report: Report::PromptSubmitted { prompt }, .. } = event else {
        panic!("{event:?}")
    };
    (incarnation, prompt)
}

fn life(n: u32) -> Incarnation {
    Incarnation(n)
}

#[test]
fn appended_lines_are_told_in_order_and_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (sender, mut events) = mpsc::channel(1);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        let path = spool.path(&builder());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        append(&path, &said("a"));
        assert_eq!(heard(&mut events).await, (life(1), "a".to_string()));
        let many: String = (0..500).map(|n| said(&n.to_string())).collect();
        append(&path, &many);
        for n in 0..500 {
            assert_eq!(heard(&mut events).await.1, n.to_string());
        }
    });
}

#[test]
fn who_waits_for_it_has_all_that_was_said_before() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (sender, mut events) = mpsc::channel(1);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        for round in 0..50 {
            // The kernel's own word of these comes later, or not at all.
            append(&spool.path(&builder()), &(0..round).map(|n| said(&n.to_string())).collect::<String>());
            let mut heard = 0;
            let caught_up = spool.catch_up();
            tokio::pin!(caught_up);
            loop {
                tokio::select! {
                    biased;
                    () = &mut caught_up => break,
                    Some(_) = events.recv() => heard += 1,
                }
            }
            heard += std::iter::from_fn(|| events.try_recv().ok()).count();
            assert_eq!(heard, round);
        }
    });
}

#[test]
fn a_line_counts_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        let line = said("whole");
        append(&spool.path(&builder()), &line[..20]);
        assert!(clock::within(Duration::from_millis(50), events.recv()).await.is_err());
        append(&spool.path(&builder()), &line[20..]);
        assert_eq!(heard(&mut events).await.1, "whole");
    });
}

#[test]
fn a_new_life_begins_with_an_empty_file_and_old_voices_are_not_its_own() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        let path = spool.path(&builder());
        let mut held = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        append(&path, &said("first"));
        assert_eq!(heard(&mut events).await.0, life(1));
        spool.fresh(&builder(), life(2)).await.unwrap();
        held.write_all(said("from the grave").as_bytes()).unwrap();
        append(&path, "{\"event\":\"prompt_submitted\",\"prompt\":\"late hook\",\"incarnation\":1}\n");
        append(&path, "{\"event\":\"prompt_submitted\",\"prompt\":\"second\",\"incarnation\":2}\n");
        assert_eq!(heard(&mut events).await, (life(2), "second".to_string()));
    });
}

#[test]
fn a_new_engine_tells_what_the_old_one_had_not_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("builder.jsonl");
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(4)).await.unwrap();
        append(&path, &said("told"));
        assert_eq!(heard(&mut events).await.1, "told");
        spool.written(1);
        append(&path, &said("not written"));
        assert_eq!(heard(&mut events).await.1, "not written");
    });
    append(&path, &said("meanwhile"));
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.adopt(&builder(), life(4)).await.unwrap();
        // The old engine took it and ended before anything that came of it was in the log.
        assert_eq!(heard(&mut events).await.1, "not written");
        assert_eq!(heard(&mut events).await.1, "meanwhile");
    });
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.adopt(&builder(), life(5)).await.unwrap();
        assert_eq!(heard(&mut events).await.1, "told", "a mark of another life counts for nothing");
    });
}

#[test]
fn a_program_that_reports_tells_what_it_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(dir.path());
    let line = r#"{"event":"used","incarnation":1,"message":"ID","model":"NAME","input":1,"output":2,"cache_read":3}"#;
    append(&dir.path().join("builder.jsonl"), &format!("{line}\n"));
    let tokens = crate::pilot::usage::Tokens { input: 1, output: 2, cache_read: 3, cache_write: 0 };
    let used = Report::Used { message: "ID".to_string(), model: "NAME".to_string(), tokens, at: None };
    assert_eq!(drained(&mut tail), (vec![used], 0));
}

/// An answer as a transcript has it.
fn answer(id: &str) -> String {
    let usage = r#"{"input_tokens":7,"output_tokens":1}"#;
    let message = format!(r#"{{"id":"{id}","model":"x","usage":{usage}}}"#);
    format!("{{\"type\":\"assistant\",\"timestamp\":\"2026-11-21T18:46:58.709Z\",\"message\":{message}}}\n")
}

/// The next answer's id.
async fn used(events: &mut mpsc::Receiver<Event>) -> String {
    loop {
        let event = clock::within(SOON, events.recv()).await.expect("a report within ten seconds").unwrap();
        if let Event::Reported { report: Report::Used { message, tokens, .. }, .. } = event {
            assert_eq!((tokens.input, tokens.output), (7, 1));
            return message;
        }
    }
}

#[test]
fn a_new_engine_reads_a_transcript_on_where_the_old_one_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let transcript = home.path().join("conversation.jsonl");
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.written(u64::MAX);
        spool.fresh(&builder(), life(4)).await.unwrap();
        let named = serde_json::json!({ "event": "session_started", "conversation": "c", "transcript": transcript });
        append(&spool.path(&builder()), &format!("{named}\n"));
        // It comes into being after it was named: all of it is news.
        clock::within(SOON, events.recv()).await.expect("a report within ten seconds").unwrap();
        std::fs::write(&transcript, answer("a")).unwrap();
        append(&spool.path(&builder()), &said("something"));
        assert_eq!(used(&mut events).await, "a");
        append(&transcript, &answer("b"));
        assert_eq!(used(&mut events).await, "b");
    });
    append(&transcript, &answer("meanwhile"));
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.adopt(&builder(), life(4)).await.unwrap();
        let first = used(&mut events).await;
        // The old engine may have ended between the last answer and its mark: then that one is told twice, with its time.
        let next = if first == "b" { used(&mut events).await } else { first };
        assert_eq!(next, "meanwhile");
    });
}

/// A conversation as Codex names it, which began so many milliseconds after now.
fn thread(later: i64) -> String {
    let digits = format!("{:012x}", clock::wall().0 + later);
    format!("{}-{}-7ea2-8db5-c210f1c727da", &digits[..8], &digits[8..])
}

fn line(kind: &str, payload: &serde_json::Value) -> String {
    format!("{}\n", serde_json::json!({ "type": kind, "payload": payload }))
}

/// The next report, as its JSON without what is empty.
async fn told(events: &mut mpsc::Receiver<Event>) -> serde_json::Value {
    let event = clock::within(SOON, events.recv()).await.expect("a report within ten seconds").unwrap();
    let Event::Reported { report, .. } = event else { panic!("{event:?}") };
    serde_json::to_value(report).unwrap()
}

#[test]
fn a_transcript_that_nobody_names_is_found_among_the_open_files_of_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let (helper, old, ours) = (thread(60_000), thread(-3_600_000), thread(30_000));
    let locks = home.path().join("thread-writer-locks");
    std::fs::create_dir(&locks).unwrap();
    let rollout = |thread: &str, source: serde_json::Value| {
        let path = home.path().join(format!("rollout-2026-11-21T21-39-24-{thread}.jsonl"));
        let said = format!("said in {thread}");
        let item = serde_json::json!({ "type": "UserMessage", "content": [{ "type": "text", "text": said }] });
        let lines = line("session_meta", &serde_json::json!({ "source": source }))
            + &line("event_msg", &serde_json::json!({ "type": "item_completed", "item": item }));
        std::fs::write(&path, lines).unwrap();
        std::fs::File::open(path).unwrap()
    };
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        // Here we are the process that has them open.
        let process = crate::edge::process::identity(std::process::id()).unwrap();
        let locked = std::fs::File::create(locks.join(format!("{ours}.lock"))).unwrap();
        spool.attend(&builder(), life(1), process.clone()).await;
        let nothing_yet = serde_json::json!({ "event": "session_started", "conversation": null, "transcript": null });
        assert_eq!(told(&mut events).await, nothing_yet);
        let _helper = rollout(&helper, serde_json::json!({ "subagent": {} }));
        let _ours = rollout(&ours, "cli".into());
        spool.stir(&builder()).await;
        assert_eq!(told(&mut events).await["conversation"], ours.as_str());
        assert_eq!(told(&mut events).await["prompt"], format!("said in {ours}"), "all of a new one is news");
        // A person goes on in an older conversation: what was said there before is none.
        drop(locked);
        let _old = rollout(&old, "cli".into());
        spool.stir(&builder()).await;
        let named = told(&mut events).await;
        assert_eq!(named["conversation"], old.as_str());
        append(
            Path::new(named["transcript"].as_str().unwrap()),
            &line("event_msg", &serde_json::json!({ "type": "task_started" })),
        );
        assert_eq!(told(&mut events).await["event"], "turn_began");
    });
}

#[test]
fn what_a_program_keeps_of_its_state_is_told_when_it_changes_and_again_by_a_new_engine() {
    let dir = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let (projects, sessions) = (home.path().join("projects/-w"), home.path().join("sessions"));
    std::fs::create_dir_all(&projects).unwrap();
    std::fs::create_dir(&sessions).unwrap();
    let write = |status: &str| {
        let text = serde_json::json!({ "sessionId": "c-1", "status": status }).to_string();
        std::fs::write(sessions.join("7.new"), text).unwrap();
        std::fs::rename(sessions.join("7.new"), sessions.join("7.json")).unwrap();
    };
    write("idle");
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(4)).await.unwrap();
        let transcript = projects.join("c-1.jsonl");
        let named = serde_json::json!({ "event": "session_started", "conversation": "c-1", "transcript": transcript });
        append(&spool.path(&builder()), &format!("{named}\n"));
        assert_eq!(state(&mut events).await, ProgramState::Idle);
        write("busy");
        assert_eq!(state(&mut events).await, ProgramState::Busy);
    });
    run(async {
        let (sender, mut events) = mpsc::channel(8);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.adopt(&builder(), life(4)).await.unwrap();
        assert_eq!(state(&mut events).await, ProgramState::Busy);
        spool.forget(&builder()).await;
    });
}

/// The next state that is told.
async fn state(events: &mut mpsc::Receiver<Event>) -> ProgramState {
    loop {
        let event = clock::within(SOON, events.recv()).await.expect("a report within ten seconds").unwrap();
        if let Event::Reported { report: Report::State { state }, .. } = event {
            return state;
        }
    }
}

#[test]
fn an_engine_that_takes_no_reports_can_still_start_agents() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (sender, mut events) = mpsc::channel(1);
        let spool = Spool::start(dir.path(), sender).unwrap();
        spool.fresh(&builder(), life(1)).await.unwrap();
        append(&spool.path(&builder()), &said("x").repeat(100));
        let other = AgentId::parse("adversary").unwrap();
        clock::within(SOON, spool.fresh(&other, life(1))).await.unwrap().unwrap();
        for _ in 0..100 {
            assert_eq!(heard(&mut events).await.1, "x");
        }
    });
}

fn tail(dir: &Path) -> Tail {
    files::private_dir(&dir.join(tail::MARKS)).unwrap();
    Tail::fresh(dir, &builder(), life(1)).unwrap()
}

/// Everything that can be read now.
fn drained(tail: &mut Tail) -> (Vec<Report>, u64) {
    let (mut reports, mut passed_over) = (Vec::new(), 0);
    loop {
        let read = tail.read();
        reports.extend(read.reports);
        passed_over += read.passed_over;
        if !read.more {
            return (reports, passed_over);
        }
    }
}

#[test]
fn junk_is_counted_and_what_follows_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(dir.path());
    let path = dir.path().join("builder.jsonl");
    let too_long = format!("{}\n", "x".repeat(3 << 20));
    let deep = format!("{}\n", "[".repeat(10_000));
    for junk in ["no json\n", "{}\n", "[1]\n", "\0\0\n", "{\"event\":\"dance\"}\n", &deep, &too_long] {
        append(&path, junk);
        append(&path, &said("after"));
        assert_eq!(drained(&mut tail), (vec![Report::PromptSubmitted { prompt: "after".to_string() }], 1));
    }
    append(&path, "\n  \n");
    assert_eq!(drained(&mut tail), (Vec::new(), 0));
}

#[test]
fn a_long_answer_comes_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(dir.path());
    let answer = "y".repeat(900 << 10);
    append(&dir.path().join("builder.jsonl"), &format!("{{\"event\":\"turn_ended\",\"answer\":\"{answer}\"}}\n"));
    assert_eq!(drained(&mut tail).0, [Report::TurnEnded { answer: Some(answer), pending: 0 }]);
}

#[test]
fn a_file_that_was_cut_is_read_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(dir.path());
    let path = dir.path().join("builder.jsonl");
    append(&path, &said("a long first line"));
    assert_eq!(drained(&mut tail).0.len(), 1);
    std::fs::write(&path, said("b")).unwrap();
    assert_eq!(drained(&mut tail).0, [Report::PromptSubmitted { prompt: "b".to_string() }]);
}

#[test]
fn what_was_read_takes_no_room_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(dir.path());
    let path = dir.path().join("builder.jsonl");
    for _ in 0..26 {
        append(&path, &said(&"z".repeat(1000)).repeat(500));
        assert_eq!(drained(&mut tail).0.len(), 500);
    }
    let meta = path.metadata().unwrap();
    assert!(meta.len() > 12 << 20);
    assert!(meta.blocks() * 512 < 6 << 20, "{} blocks", meta.blocks());
}

proptest::proptest! {
    #[test]
    fn nothing_a_writer_writes_makes_the_reader_panic_or_lose_the_next_line(
        junk in proptest::collection::vec(proptest::num::u8::ANY, 0..300)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = tail(dir.path());
        let path = dir.path().join("builder.jsonl");
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&junk).unwrap();
        append(&path, "\n");
        append(&path, &said("after"));
        let last = drained(&mut tail).0.pop();
        proptest::prop_assert_eq!(last, Some(Report::PromptSubmitted { prompt: "after".to_string() }));
    }
}
