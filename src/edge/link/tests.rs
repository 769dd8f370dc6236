use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::edge::spawn;
use crate::edge::store::Store;
use crate::pilot::id::EffectId;
use crate::pilot::time::Time;

const SOON: Duration = Duration::from_secs(10);

/// An engine in a thread of its own: accepts every command, and commits and publishes what it is given.
struct Engine {
    dir: PathBuf,
    /// Ends the engine when dropped.
    records: Option<mpsc::UnboundedSender<Vec<Record>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Engine {
    fn start(dir: &Path) -> Self {
        let (records, mut given) = mpsc::unbounded_channel::<Vec<Record>>();
        let (up, is_up) = std::sync::mpsc::channel();
        let state = dir.to_path_buf();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let lock = Lock::take(&state, Time(1)).unwrap();
                let mut store = Store::open(&state.join("records.db")).unwrap();
                let (asked, mut asking) = mpsc::channel(16);
                let link = Link::bind(&state, state.join("records.db"), &lock, asked).unwrap();
                up.send(()).unwrap();
                loop {
                    tokio::select! {
                        Some(asked) = asking.recv() => answer(asked),
                        records = given.recv() => {
                            let Some(records) = records else { return };
                            let stamps = store.append(Time(5), &records).unwrap();
                            link.publish(&stamps.into_iter().zip(records).collect::<Vec<_>>());
                        }
                    }
                }
            });
        };
        let thread = spawn::thread("engine", work).unwrap();
        is_up.recv_timeout(SOON).unwrap();
        Engine { dir: dir.to_path_buf(), records: Some(records), thread: Some(thread) }
    }

    fn commit(&self, count: u64) {
        self.records.as_ref().unwrap().send((0..count).map(|n| Record::Done { id: EffectId(n) }).collect()).unwrap();
    }

    fn client(&self) -> Client {
        Client::connect(&self.dir).unwrap()
    }

    /// A connection without manners; the hello is read already.
    fn raw(&self) -> BufReader<UnixStream> {
        let stream = UnixStream::connect(self.dir.join(NAME)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut stream = BufReader::new(stream);
        let hello = said(&mut stream);
        assert!(hello.starts_with(r#"{"epoch":1,"flightdeck":1"#), "{hello}");
        stream
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.records.take());
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// `Shutdown` is left without an answer, everything else is accepted.
fn answer(asked: Asked) {
    if asked.command != Command::Shutdown {
        asked.reply.send(&Answer::Accepted { what: format!("{:?}", asked.command) });
    }
}

fn said(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

fn seqs(follow: &mut Follow, until: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&until) {
        match follow.next_within(SOON).unwrap().expect("more within ten seconds") {
            Followed::Record(stamp, _) => seqs.push(stamp.seq),
            Followed::Live(_) => {}
            Followed::Foreign(text) => panic!("{text}"),
        }
    }
    seqs
}

#[test]
fn a_question_gets_its_answer_and_one_without_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let mut client = engine.client();
    assert_eq!((client.epoch, client.version.as_str()), (1, env!("CARGO_PKG_VERSION")));
    for command in [Command::Pause, Command::Status] {
        let accepted = Answer::Accepted { what: format!("{command:?}") };
        assert_eq!(client.ask(&command, SOON).unwrap(), accepted);
    }
    assert!(matches!(client.ask(&Command::Shutdown, SOON), Err(LinkError::Refused(why)) if why.contains("no answer")));
}

#[test]
fn without_an_engine_the_client_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let absent = Client::connect(dir.path()).unwrap_err().to_string();
    assert!(absent.contains("flightdeck up"), "{absent}");
    // A socket that a dead engine left behind.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join(NAME)).unwrap());
    assert!(matches!(Client::connect(dir.path()), Err(NoEngine::Absent(_))));
    drop(Engine::start(dir.path()));
    assert!(!dir.path().join(NAME).exists());
}

#[test]
fn an_engine_that_hangs_is_told_from_one_that_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(dir.path().join(NAME)).unwrap();
    assert!(matches!(Client::connect(dir.path()), Err(NoEngine::Silent(_))));
}

#[test]
fn the_socket_is_ours_alone_and_nothing_else_is_replaced_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let mode = dir.path().join(NAME).symlink_metadata().unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(engine);
    std::fs::write(dir.path().join(NAME), "precious").unwrap();
    let lock = Lock::take(dir.path(), Time(1)).unwrap();
    let (asked, _asking) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bound = runtime.block_on(async { Link::bind(dir.path(), dir.path().join("records.db"), &lock, asked) });
    assert!(matches!(bound, Err(BindError::NotSocket(_))));
    assert_eq!(std::fs::read(dir.path().join(NAME)).unwrap(), b"precious");
}

#[test]
fn a_workspace_with_a_very_long_path_works_too() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("x".repeat(100)).join("y".repeat(100));
    let engine = Engine::start(&deep);
    assert!(engine.client().ask(&Command::Pause, SOON).is_ok());
}

#[test]
fn a_follower_hears_every_record_once_from_wherever_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    engine.commit(1_200);
    let mut early = engine.client().follow(0).unwrap();
    let mut late = engine.client().follow(1_198).unwrap();
    assert_eq!(seqs(&mut late, 1_200), [1_199, 1_200]);
    for _ in 0..50 {
        engine.commit(3);
    }
    assert_eq!(seqs(&mut late, 1_350), (1_201..=1_350).collect::<Vec<_>>());
    assert_eq!(seqs(&mut early, 1_350), (1..=1_350).collect::<Vec<_>>());
    while let Some(more) = late.next_within(Duration::from_millis(10)).unwrap() {
        assert_eq!(more, Followed::Live(1_350));
    }
}

#[test]
fn a_follower_that_does_not_read_slows_nobody_and_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let mut blocked = engine.client().follow(0).unwrap();
    assert_eq!(blocked.next_within(SOON).unwrap(), Some(Followed::Live(0)));
    // Far more than the socket and the batches hold.
    for _ in 0..2_000 {
        engine.commit(20);
    }
    let mut other = engine.client();
    for _ in 0..50 {
        assert!(other.ask(&Command::Pause, SOON).is_ok());
    }
    assert_eq!(seqs(&mut blocked, 40_000), (1..=40_000).collect::<Vec<_>>());
}

#[test]
fn who_asks_without_reading_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let mut rude = engine.raw();
    rude.get_ref().set_write_timeout(Some(SOON)).unwrap();
    let question = format!(
        "{{\"ask\":1,\"command\":{{\"command\":\"send\",\"agent\":\"a\",\"text\":\"{}\"}}}}\n",
        "x".repeat(60_000)
    );
    let dropped = (0..1_000).any(|_| rude.get_mut().write_all(question.as_bytes()).is_err());
    assert!(dropped);
    assert!(engine.client().ask(&Command::Pause, SOON).is_ok());
}

#[test]
fn another_language_gets_one_line_and_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let huge = [vec![b'x'; CAP + 1], b"\n".to_vec()].concat();
    for garbage in [b"GET / HTTP/1.1\r\n".to_vec(), b"\0\xff\xfe\n".to_vec(), "[".repeat(100_000).into_bytes(), huge] {
        let mut raw = engine.raw();
        // The far end may close while we still write.
        let _ = raw.get_mut().write_all(&garbage);
        let _ = raw.get_mut().write_all(b"\n");
        let mut rest = Vec::new();
        let _ = raw.read_to_end(&mut rest);
        assert!(rest.starts_with(b"{\"error\":") || garbage.len() > CAP, "{:?}", String::from_utf8_lossy(&rest));
    }
    let mut half = engine.raw();
    half.get_mut().write_all(br#"{"ask":1,"command":{"#).unwrap();
    drop(half);
    assert!(engine.client().ask(&Command::Pause, SOON).is_ok());
}

#[test]
fn a_command_that_is_not_known_is_refused_and_the_connection_stays() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let mut raw = engine.raw();
    raw.get_mut().write_all(b"{\"ask\":5,\"command\":{\"command\":\"dance\"}}\n").unwrap();
    let refused = said(&mut raw);
    assert!(refused.starts_with(r#"{"ask":5,"error":"unknown variant"#), "{refused}");
    raw.get_mut().write_all(b"{\"ask\":6,\"command\":{\"command\":\"pause\"}}\n").unwrap();
    assert!(said(&mut raw).contains(r#""ask":6"#));
}

#[test]
fn there_are_only_so_many_places() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let clients: Vec<_> = (0..CLIENTS).map(|_| engine.client()).collect();
    let mut turned_away = BufReader::new(UnixStream::connect(dir.path().join(NAME)).unwrap());
    assert!(said(&mut turned_away).contains("64 clients"));
    drop(clients);
    let mut again = Client::connect(dir.path());
    while again.is_err() {
        again = Client::connect(dir.path());
    }
    assert!(again.unwrap().ask(&Command::Pause, SOON).is_ok());
}

#[test]
fn a_thousand_random_inputs_break_nothing() {
    use proptest::strategy::{Strategy, ValueTree};
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let words = proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\n",
        "\0",
        "\"",
        "\"ask\"",
        "\"command\"",
        "\"status\"",
        "\"follow\"",
        "\"since\"",
        "1",
        "-1",
        "1e999",
        "null",
        "true",
        "\u{202e}",
        "é",
        "\\u0000",
        "{\"ask\":1,\"follow\":{\"since\":0}}\n",
        "{\"ask\":1,\"command\":{\"command\":\"status\"}}\n",
    ]);
    let inputs = proptest::collection::vec(words, 0..30);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..1_000 {
        let input = inputs.new_tree(&mut runner).unwrap().current().concat();
        let mut raw = engine.raw();
        let _ = raw.get_mut().write_all(input.as_bytes());
        let _ = raw.get_ref().shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        raw.read_to_end(&mut rest).unwrap();
    }
    assert!(engine.client().ask(&Command::Pause, SOON).is_ok());
}
