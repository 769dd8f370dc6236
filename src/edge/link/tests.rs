use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::edge::spawn;
use crate::edge::store::Store;
use crate::pilot::id::{AgentId, EffectId, Incarnation};
use crate::pilot::time::Time;
use crate::pilot::view::{PaneView, PhaseView, WatchView};

const SOON: Duration = Duration::from_secs(10);

/// What a test has its engine do.
enum Order {
    Commit(Vec<Record>),
    Show(Box<View>),
    ShowPane(String),
}

/// An engine in a thread of its own: accepts every command, commits and publishes what it is given, shows the picture with
/// this number of agents, and the pane of `builder`.
struct Engine {
    dir: PathBuf,
    /// Ends the engine when dropped.
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Engine {
    fn start(dir: &Path) -> Self {
        let (orders, mut given) = mpsc::unbounded_channel::<Order>();
        let (up, is_up) = std::sync::mpsc::channel();
        let state = dir.to_path_buf();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let lock = Lock::take(&state, Time(1)).unwrap();
                let mut store = Store::open(&state.join("records.db")).unwrap();
                let (asked, mut asking) = mpsc::channel(16);
                let mut link = Link::bind(&state, state.join("records.db"), &lock, asked).unwrap();
                let mut sights = Vec::new();
                up.send(()).unwrap();
                loop {
                    tokio::select! {
                        Some(asked) = asking.recv() => answer(asked),
                        wanted = link.wanted() => match wanted {
                            Wanted::View => link.show(view("at first")),
                            Wanted::Pane(peep) if peep.agent.as_str() == "builder" => sights.push(peep.sight),
                            Wanted::Pane(peep) => peep.refuse("nobody is called so"),
                        },
                        order = given.recv() => match order {
                            None => return,
                            Some(Order::Commit(records)) => {
                                let stamps = store.append(Time(5), &records).unwrap();
                                link.publish(&stamps.into_iter().zip(records).collect::<Vec<_>>());
                            }
                            Some(Order::Show(view)) => link.show(*view),
                            Some(Order::ShowPane(text)) => for sight in &sights {
                                sight.send_replace(Some(Arc::new(pane(&text))));
                            },
                        }
                    }
                }
            });
        };
        let thread = spawn::thread("engine", work).unwrap();
        is_up.recv_timeout(SOON).unwrap();
        Engine { dir: dir.to_path_buf(), orders: Some(orders), thread: Some(thread) }
    }

    fn commit(&self, count: u64) {
        self.order(Order::Commit((0..count).map(|n| Record::Done { id: EffectId(n) }).collect()));
    }

    fn order(&self, order: Order) {
        self.orders.as_ref().unwrap().send(order).unwrap();
    }

    fn duplex(&self) -> (Asker, Hearing) {
        self.client().duplex().unwrap()
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
        drop(self.orders.take());
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

fn view(project: &str) -> View {
    let phase = PhaseView { current: None, sequence: Vec::new(), complete: false, blocked: None };
    View {
        at: Time(1_000),
        project: project.to_string(),
        epoch: 1,
        engine_pid: 1,
        engine_since: Time(0),
        seq: 0,
        paused: false,
        emergency_stop: false,
        tmux: "up".to_string(),
        watch: WatchView { remote: None, branch: "main".to_string(), head: None, broken: None, handoffs: Vec::new() },
        phase,
        agents: Vec::new(),
        accounts: Vec::new(),
        outbox: Vec::new(),
        alerts: Vec::new(),
    }
}

fn builder() -> AgentId {
    AgentId::parse("builder").unwrap()
}

fn pane(text: &str) -> PaneView {
    PaneView {
        agent: builder(),
        incarnation: Incarnation(1),
        size: (80, 24),
        cursor: Some((1, 2)),
        history: 0,
        dead: false,
        in_mode: false,
        text: text.to_string(),
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
fn an_engine_that_ended_on_the_way_is_absent_and_one_that_lives_and_closes_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join(NAME)).unwrap();
    let closing = spawn::thread("closing", move || (0..2).for_each(|_| drop(listener.accept().unwrap()))).unwrap();
    assert!(matches!(Client::connect(dir.path()), Err(NoEngine::Absent(_))));
    let _lock = Lock::take(dir.path(), Time(1)).unwrap();
    assert!(matches!(Client::connect(dir.path()), Err(NoEngine::Silent(_))));
    closing.join().unwrap();
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
fn who_watches_gets_the_picture_then_what_changes_then_a_word_that_nothing_did() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let (mut asker, mut hearing) = engine.duplex();
    asker.watch().unwrap();
    let Heard::View(mut told) = hearing.next().unwrap() else { panic!("no picture") };
    assert_eq!(*told, view("at first"));
    engine.order(Order::Show(Box::new(view("second"))));
    let Heard::Change(change) = hearing.next().unwrap() else { panic!("no change") };
    told.apply(*change);
    assert_eq!(*told, view("second"));
    engine.order(Order::Show(Box::new(View { at: Time(3_000), ..view("second") })));
    assert_eq!(hearing.next().unwrap(), Heard::Alive(Time(3_000)));
    let again = asker.watch().unwrap();
    let refused = Heard::Refused { ask: Some(again), why: "this connection watches already".to_string() };
    while hearing.next().unwrap() != refused {}
}

#[test]
fn one_connection_does_everything_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    engine.commit(2);
    let (mut asker, mut hearing) = engine.duplex();
    let mut heard = Vec::new();
    let mut until = |good: &dyn Fn(&Heard) -> bool| {
        while !heard.iter().any(good) {
            heard.push(hearing.next().unwrap());
        }
    };
    asker.follow(0).unwrap();
    asker.watch().unwrap();
    asker.peek(Some(&builder())).unwrap();
    let asked = asker.ask(&Command::Pause).unwrap();
    until(&|heard| matches!(heard, Heard::Answer { ask, .. } if *ask == asked));
    until(&|heard| matches!(heard, Heard::View(_)));
    until(&|heard| matches!(heard, Heard::Live(2)));
    engine.order(Order::ShowPane("\u{1b}[31mred".to_string()));
    until(&|heard| matches!(heard, Heard::Pane(shown) if **shown == pane("\u{1b}[31mred")));
    engine.commit(1);
    until(&|heard| matches!(heard, Heard::Record(stamp, _) if stamp.seq == 3));
    let nobody = asker.peek(AgentId::parse("nobody").as_ref()).unwrap();
    until(&|heard| matches!(heard, Heard::Refused { ask, .. } if *ask == Some(nobody)));
    let again = asker.follow(0).unwrap();
    until(&|heard| matches!(heard, Heard::Refused { ask, .. } if *ask == Some(again)));
}

#[test]
fn who_peeks_no_more_hears_of_no_pane_and_the_newest_picture_wins() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let (mut asker, mut hearing) = engine.duplex();
    asker.peek(Some(&builder())).unwrap();
    // Answers come in order here, so the engine has taken the peek.
    asker.ask(&Command::Pause).unwrap();
    assert!(matches!(hearing.next().unwrap(), Heard::Answer { .. }));
    let began = clock::monotonic_ms();
    (0..500).for_each(|n| engine.order(Order::ShowPane(n.to_string())));
    let mut shown = 0;
    loop {
        let Heard::Pane(pane) = hearing.next().unwrap() else { panic!("a pane") };
        shown += 1;
        if pane.text == "499" {
            break;
        }
    }
    // One at once, and then ten a second.
    assert!(shown <= 2 + (clock::monotonic_ms() - began) / 100, "{shown} pictures");
    asker.peek(None).unwrap();
    asker.ask(&Command::Pause).unwrap();
    assert!(matches!(hearing.next().unwrap(), Heard::Answer { .. }));
    engine.order(Order::ShowPane("unseen".to_string()));
    asker.ask(&Command::Resume).unwrap();
    assert!(matches!(hearing.next().unwrap(), Heard::Answer { .. }));
}

#[test]
fn who_watches_without_reading_is_dropped_and_slows_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let (mut asker, _deaf) = engine.duplex();
    asker.watch().unwrap();
    let (mut other, mut hearing) = engine.duplex();
    other.watch().unwrap();
    let long = |n: i64| View { alerts: vec!["x".repeat(300_000)], at: Time(n), ..view(&n.to_string()) };
    let Heard::View(mut told) = hearing.next().unwrap() else { panic!("no picture") };
    for n in 0..50 {
        engine.order(Order::Show(Box::new(long(n))));
        while told.project != n.to_string() {
            match hearing.next().unwrap() {
                Heard::Change(change) => told.apply(*change),
                other => assert!(matches!(other, Heard::Alive(_)), "{other:?}"),
            }
        }
    }
    let mut dropped = false;
    let began = clock::monotonic_ms();
    while !dropped && clock::monotonic_ms() - began < 20_000 {
        dropped = asker.peek(None).is_err();
        clock::block(Duration::from_millis(20));
    }
    assert!(dropped);
}

#[test]
fn a_blocked_listener_is_let_go_by_the_asker() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let (asker, mut hearing) = engine.duplex();
    let listener = spawn::thread("listener", move || hearing.next()).unwrap();
    asker.close();
    assert!(matches!(listener.join().unwrap(), Err(LinkError::Closed)));
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
        "\"watch\"",
        "\"peek\"",
        "{\"ask\":1,\"watch\":{}}\n",
        "{\"ask\":1,\"peek\":{\"agent\":\"builder\"}}\n",
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
