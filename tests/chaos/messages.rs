//! The run: senders, a person at the panes and the weather, until enough was said and all of it is settled; then the judge.
//! A deck waits more than it works, so several may share the wishes, each with agents, an engine, a server and weather of its own.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use flightdeck::edge::{clock, spawn, workspace};

use super::book::Book;
use super::checker::{Case, Verdict, judge};
use super::deck::Deck;
use super::evidence::{self, Ledger};
use super::fleet;
use super::kept;
use super::operator::{self, Operator};
use super::senders::Post;
use super::weather::Weather;

/// Between two looks at the records and the weather.
const LOOK: Duration = Duration::from_millis(25);
/// Without any message that settles for so long nothing goes on any more.
const STUCK_MS: i64 = 60_000;
/// Two looks that are further apart were made on a machine that stood still, and the deck with it: that time is not counted.
const STOOD_STILL_MS: i64 = 5_000;
/// That of the engine, and one of the engine before that is just being ended.
const MOST_CLIENTS: usize = 2;
/// So much of the log may have come after the state was last kept; an engine that is not let live for long keeps it at its start.
const MOST_BEHIND: u64 = 2_000;
/// How often a run tells how far it is.
const TELL_MS: i64 = 10_000;

#[test]
fn each_message_in_chaos_has_one_effect_or_a_visible_doubt() {
    let wanted = number("FLIGHTDECK_CHAOS_MESSAGES", 200);
    let seed = number("FLIGHTDECK_CHAOS_SEED", 20_261_122);
    let decks = number("FLIGHTDECK_CHAOS_DECKS", 1);
    let began = clock::monotonic_ms();
    let verdict = side_by_side(wanted, seed, decks);
    let took = (clock::monotonic_ms() - began) / 1000;
    println!("chaos: wishes {wanted}, decks {decks}, {took} s\nchaos: {verdict}");
    verdict.uncertain.iter().for_each(|doubt| println!("uncertain: {doubt}"));
    let findings: Vec<String> =
        verdict.findings.iter().map(|finding| format!("{:?}: {}", finding.breach, finding.what)).collect();
    assert!(findings.is_empty(), "seed {seed}, {decks} decks:\n{}", findings.join("\n"));
    let doubts = verdict.uncertain.len() as u64;
    assert!(doubts * 1000 <= wanted.max(1000), "seed {seed}, {decks} decks: {doubts} of {wanted} uncertain");
}

/// Each deck sends its share, by a seed of its own.
fn side_by_side(wanted: u64, seed: u64, decks: u64) -> Verdict {
    assert!((1..=wanted).contains(&decks), "{decks} decks can't share {wanted} wishes");
    let share = |number: u64| wanted / decks + u64::from(number < wanted % decks);
    let deck = |number: u64| {
        let (share, seed) = (share(number), seed + number);
        spawn::thread("deck", move || play(share, seed)).expect("a thread")
    };
    let running: Vec<JoinHandle<Verdict>> = (0..decks).map(deck).collect();
    let verdicts = running.into_iter().map(|deck| deck.join().expect("it came to its end"));
    verdicts.reduce(Verdict::and).expect("one at least")
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn play(wanted: u64, seed: u64) -> Verdict {
    let deck = fleet::plan(seed, 30).up();
    fleet::names().iter().for_each(|agent| deck.ready(agent, 1));
    let mut run = Run::begin(&deck, wanted, seed, Duration::ZERO);
    let senders = senders(&run.post, 4, 6);
    let mut weather = Weather::over(&deck, Arc::clone(&run.desk), seed);
    while senders.iter().any(|sender| !sender.is_finished()) {
        weather.blow();
        run.look();
    }
    run.settle(&mut weather);
    senders.into_iter().for_each(|sender| sender.join().expect("it sent all of its own"));
    let (kills, stops, deaths) = (weather.kills, weather.stops, weather.deaths);
    let by_hand = run.desk.acts.lock().expect("no panic").clone();
    let verdict = judge(&run.case());
    tell(&format!(
        "chaos {seed}: {wanted} wishes, engine killed {kills} times, server stopped {stops} times, {deaths} panes ended; \
         by hand {by_hand:?}; {verdict}"
    ));
    fleet::keep(&deck, seed);
    let clients = fleet::control_clients(&deck.socket());
    assert!(clients <= MOST_CLIENTS, "{clients} control clients were left by {kills} killed engines");
    let (kept, last) = kept::state(&workspace::records(&deck.state_dir()));
    assert!(last < kept + MOST_BEHIND, "the state was kept after record {kept} of {last}");
    verdict
}

/// What goes on beside the weather: the book, the records as they come, a person at the panes.
pub(crate) struct Run<'a> {
    deck: &'a Deck,
    pub(crate) post: Post,
    pub(crate) desk: Arc<operator::Desk>,
    pub(crate) ledger: Ledger,
    person: Option<JoinHandle<()>>,
    watch: Watch,
    ending: Ending,
}

impl<'a> Run<'a> {
    pub(crate) fn begin(deck: &'a Deck, wanted: u64, seed: u64, gap: Duration) -> Run<'a> {
        let agents = Arc::new(fleet::names());
        let post = Post {
            book: Arc::new(Book::new(&deck.outside().join("wishes.jsonl"), wanted, agents.len())),
            workspace: deck.workspace.clone(),
            home: deck.home.clone(),
            agents: Arc::clone(&agents),
            seed,
            gap,
            over: Arc::new(AtomicBool::new(false)),
        };
        let desk = Arc::new(operator::Desk::default());
        let person = Operator::new(Arc::clone(&desk), deck.socket(), agents, seed);
        let person = Some(spawn::thread("operator", move || person.work()).expect("a thread"));
        let ending = Ending(Arc::clone(&post.over), Arc::clone(&desk));
        Run { deck, post, desk, ledger: Ledger::of(&deck.workspace), person, watch: Watch::new(seed), ending }
    }

    /// Reads what is new, tells those who wait for it, and pauses for a moment.
    pub(crate) fn look(&mut self) {
        self.ledger.read_on();
        for (index, agent) in self.post.agents.iter().enumerate() {
            self.post.book.set_open(index, self.ledger.open_for(agent));
        }
        *self.desk.blocked.lock().expect("no panic") = self.ledger.blocked();
        self.watch.look(&self.ledger, &self.post.book);
        clock::block(LOOK);
    }

    /// Nobody says anything more.
    pub(crate) fn stop(&self) {
        self.post.over.store(true, Ordering::Relaxed);
    }

    /// Nothing happens any more but that what is on its way arrives.
    pub(crate) fn settle(&mut self, weather: &mut Weather<'_>) {
        weather.clears_up();
        self.desk.tidies.store(true, Ordering::Relaxed);
        // The last answers may have been read before their records.
        let mut quiet = 0;
        while quiet < 40 {
            weather.engine_lives();
            self.look();
            quiet = if self.ledger.open() == 0 { quiet + 1 } else { 0 };
        }
        self.ending.now();
        if let Some(person) = self.person.take() {
            person.join().expect("a person does not panic");
        }
    }

    /// All that was written down.
    pub(crate) fn case(self) -> Case {
        let by_hand = self.desk.by_hand.lock().expect("no panic").clone();
        let (wishes, records) = (self.post.book.wishes(), self.ledger.messages);
        let mut case = Case { wishes, records, by_hand, ..Case::default() };
        for agent in fleet::names() {
            case.effects.insert(agent.clone(), evidence::submits(&self.deck.workspace, &agent));
            case.enters.insert(agent.clone(), evidence::enters(&self.deck.workspace, &agent));
            case.bytes.insert(agent.clone(), evidence::bytes(&self.deck.workspace, &agent));
        }
        case
    }
}

/// Ends the threads, however the run ends.
struct Ending(Arc<AtomicBool>, Arc<operator::Desk>);

impl Ending {
    fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.close();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.now();
    }
}

pub(crate) fn senders(post: &Post, verbs: usize, links: usize) -> Vec<JoinHandle<()>> {
    let verb = (1..=verbs).map(|number| {
        let (post, name) = (post.clone(), format!("verb-{number}"));
        spawn::thread("verb", move || post.by_verb(&name)).expect("a thread")
    });
    let link = (1..=links).map(|number| {
        let (post, name) = (post.clone(), format!("link-{number}"));
        spawn::thread("link", move || post.by_link(&name)).expect("a thread")
    });
    verb.chain(link).collect()
}

/// Sees to it that the run goes on, and tells how far it is.
struct Watch {
    seed: u64,
    settled: usize,
    moved: i64,
    looked: i64,
    told: i64,
    began: i64,
}

impl Watch {
    fn new(seed: u64) -> Watch {
        let now = clock::monotonic_ms();
        Watch { seed, settled: 0, moved: now, looked: now, told: now, began: now }
    }

    fn look(&mut self, ledger: &Ledger, book: &Book) {
        let now = clock::monotonic_ms();
        let since = now - std::mem::replace(&mut self.looked, now);
        if since > STOOD_STILL_MS {
            self.moved += since;
        }
        if ledger.settled() > self.settled {
            (self.settled, self.moved) = (ledger.settled(), now);
        }
        assert!(now - self.moved < STUCK_MS, "nothing settles any more:\n{}", ledger.told().join("\n"));
        if now - self.told >= TELL_MS {
            self.told = now;
            let line = format!(
                "chaos {}: {} s, {} wishes of {}, {} settled, {} open",
                self.seed,
                (now - self.began) / 1000,
                book.taken(),
                book.wanted,
                self.settled,
                ledger.open()
            );
            tell(&line);
        }
    }
}

/// Beside what the test harness keeps to itself: a run of hours is watched.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
