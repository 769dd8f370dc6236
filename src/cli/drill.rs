//! `flightdeck drill`: faults played on demo agents or on the real Claude Code under the operator's own settings, in a throw-away workspace; what was
//! caught, how fast and what was done about it, judged by the records alone.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::table::Table;
use super::throwaway::Throwaway;
use super::{Global, check, out, patience, workspace};
use crate::config::{backend, duration};
use crate::demo::course::Course;
use crate::demo::drill;
use crate::demo::faults::{Act, CLAUDE, FAULTS, Fault, UNPLAYED};
use crate::demo::spans::Spans;
use crate::edge::link::Client;
use crate::edge::tmux::server;
use crate::edge::told::Told;
use crate::edge::{clock, probe};
use crate::pilot::command::{Answer, Command};
use crate::pilot::id::AgentId;
use crate::words::text;

/// Between two looks at the records.
const LOOK: Duration = Duration::from_millis(100);
/// Choices that are announced are drawn and answered within this, in milliseconds; looked for so often.
const ANSWERED: i64 = 6_000;
const ANSWER_LOOK: Duration = Duration::from_millis(700);
/// Over what the settings say: programs start, screens are read twice, messages are typed; ten times of what it takes on a
/// machine that has nothing else to do.
const MACHINE: Duration = Duration::from_secs(30);
/// From the engine's start until a fault is there, beside the start limit.
const SCENE: Duration = Duration::from_secs(40);
/// What must not come after a remedy has this long to come.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// The engine answers at once.
const ANSWER: Duration = Duration::from_secs(10);

/// Play faults under your own settings, and see which are caught and how fast
///
/// Takes the spans of `[stall]`, `[restart]` and `[delivery]` from the workspace's flightdeck.toml, makes
/// all of them --pace times as short, and plays each fault on a demo agent, with your tmux, in a
/// temporary folder with an engine of its own. Your agents, your workspace's state, your tmux server
/// and your home are not touched. What was caught is judged by the records: the right ones must come,
/// in time, and no wrong one.
///
/// With --backend claude the Claude Code on your PATH plays them, each in a home of its own with a key
/// that is nobody's, in front of a model server inside of this program: nothing leaves the machine.
/// What it can't be brought to is named as not played.
///
/// Ends with 0 when all faults were caught and each got its remedy, with 1 when one was not.
///
/// Ctrl-C, a closed terminal and a `kill` end it just as well: nothing is left running.
///
/// Examples:
///   flightdeck drill
///   flightdeck drill --fault stall --fault late-marker --pace 60
///   flightdeck drill --backend claude
///   flightdeck drill --json | jq 'select(.caught | not)'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Who plays the faults
    #[arg(long, value_enum, default_value = "demo")]
    backend: Player,
    /// Only this one; may be said several times
    #[arg(long = "fault", value_name = "NAME", value_parser = PossibleValuesParser::new(FAULTS.map(|fault| fault.name)))]
    faults: Vec<String>,
    /// How many times as short as yours the spans are
    #[arg(long, value_name = "TIMES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pace: u32,
    /// Call a fault missed that your settings, shortened, do not catch within this time
    #[arg(long, value_name = "SPAN", default_value = "3m", value_parser = patience::span)]
    longest: Duration,
    /// Leave the temporary workspace, and say where it is
    #[arg(long)]
    keep: bool,
}

/// Who plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Player {
    /// The demo agent
    Demo,
    /// The Claude Code of this machine, in front of a model server of ours
    Claude,
}

impl Player {
    fn faults(self) -> &'static [Fault] {
        match self {
            Player::Demo => &FAULTS,
            Player::Claude => &CLAUDE,
        }
    }

    fn unplayed(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Player::Demo => &[],
            Player::Claude => &UNPLAYED,
        }
    }

    fn program(self) -> Result<PathBuf, CliError> {
        match self {
            Player::Demo => Ok(std::env::current_exe()?),
            Player::Claude => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = probe::find("claude", &path, &std::env::current_dir()?);
                found.ok_or_else(|| {
                    let missing = CliError::new(Kind::Machine, "`claude` is not on the PATH");
                    missing
                        .hint(backend::install("claude").map_or_else(String::new, |how| format!("`{how}` installs it")))
                })
            }
        }
    }

    /// How many times of the machine's own time it takes: a real program starts in seconds, and eight of them start at once.
    fn heaviness(self) -> u32 {
        match self {
            Player::Demo => 1,
            Player::Claude => 3,
        }
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    if let Err(why) = workspace::wait(server::version(OsStr::new("tmux")))? {
        let missing = CliError::new(Kind::Machine, "the drill needs tmux").cause(why.to_string());
        return Err(missing.hint("`flightdeck doctor` says what this machine lacks"));
    }
    let root = workspace::find(global.workspace.as_deref())?;
    let usual = Spans::of(&check::config(&root)?);
    let short = usual.shortened(args.pace);
    let wanted = |name: &str| args.faults.is_empty() || args.faults.iter().any(|fault| fault == name);
    let courses: Vec<Course> =
        args.backend.faults().iter().filter(|fault| wanted(fault.name)).map(Course::new).collect();
    let unplayed: Vec<_> = args.backend.unplayed().iter().filter(|(name, _)| wanted(name)).copied().collect();
    if let ([], Some((name, why))) = (&courses[..], unplayed.first()) {
        return Err(CliError::new(Kind::Usage, format!("{name} can't be played: {why}")));
    }
    let program = args.backend.program()?;
    let (told, begun) = (Told::listen()?, clock::monotonic_ms());
    let mut drill = Drill { player: args.backend, program, usual, short, courses, unplayed, told, begun };
    drill.give_up_hopeless(args.longest);
    let dir = Throwaway::folder("drill")?;
    let place = Throwaway { workspace: dir.join("deck"), dir };
    if !global.json {
        let what =
            format!("{} faults, spans {} times as short, in {}", drill.courses.len(), args.pace, place.dir.display());
        out::line(&text::line(&what))?;
    }
    // Whatever happens in front of it, the drill tidies up behind itself.
    let played = catch_unwind(AssertUnwindSafe(|| drill.play(&place)));
    place.end_agents();
    if args.keep {
        if !global.json {
            out::line(&text::line(&format!("kept: {}", place.dir.display())))?;
        }
    } else {
        place.remove()?;
    }
    played.unwrap_or_else(|_| Err(CliError::new(Kind::Machine, "the drill was cut short by a panic, told above")))?;
    drill.tell(global.json)
}

struct Drill {
    player: Player,
    program: PathBuf,
    usual: Spans,
    short: Spans,
    courses: Vec<Course>,
    /// Those that the player can't be brought to, and why.
    unplayed: Vec<(&'static str, &'static str)>,
    told: Told,
    /// On the clock that only goes forward.
    begun: i64,
}

impl Drill {
    /// What these settings can't catch in the time of a drill need not be waited for.
    fn give_up_hopeless(&mut self, longest: Duration) {
        for course in &mut self.courses {
            let fault = course.fault;
            match fault.within(&self.short) {
                Some(within) if within <= longest => {}
                Some(within) => course.give_up(format!(
                    "{} in this drill, longer than its {}: {}",
                    duration::shown(within),
                    duration::shown(longest),
                    fault.keys()
                )),
                None => course.give_up(format!("never, by {}", fault.keys())),
            }
        }
    }

    fn play(&mut self, place: &Throwaway) -> Result<(), CliError> {
        let faults: Vec<&Fault> =
            self.courses.iter().filter(|course| !course.over()).map(|course| course.fault).collect();
        if faults.is_empty() {
            return Ok(());
        }
        // Its servers answer as long as agents ask.
        let _stage = drill::build(&place.dir, &self.program, &faults, &self.short)
            .map_err(|error| CliError::new(Kind::Machine, "the drill's workspace can't be made").cause(error))?;
        let home = place.dir.join("home");
        std::fs::create_dir(&home)?;
        let mut engine = place.engine()?.env("HOME", home).spawn()?;
        let watched = catch_unwind(AssertUnwindSafe(|| self.watch(place, &mut engine)));
        place.end_engine(&mut engine);
        watched.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Follows the records until it is certain how each fault went.
    fn watch(&mut self, place: &Throwaway, engine: &mut Child) -> Result<(), CliError> {
        let mut seen = 0;
        let mut minds = vec![Mind::default(); self.courses.len()];
        loop {
            if self.told.to_end() {
                return Err(CliError::new(Kind::Interrupted, "the drill was ended before its end"));
            }
            if let Some(status) = engine.try_wait()? {
                return Err(CliError::new(Kind::Machine, format!("the drill's engine ended by itself: {status}"))
                    .hint("run it again with --keep and look at .flightdeck/log in the workspace it names"));
            }
            for (stamp, record) in place.records(seen) {
                seen = stamp.seq;
                self.courses.iter_mut().for_each(|course| course.note(stamp.at, &record));
            }
            let now = clock::monotonic_ms();
            for (course, mind) in self.courses.iter_mut().zip(&mut minds) {
                mind.step(course, place, &self.short, MACHINE * self.player.heaviness(), (now, self.begun))?;
            }
            if minds.iter().zip(&self.courses).all(|(mind, course)| mind.done(course, now)) {
                return Ok(());
            }
            clock::block(LOOK);
        }
    }

    fn tell(&self, json: bool) -> Result<Exit, CliError> {
        if json {
            self.courses.iter().map(|course| self.row(course)).try_for_each(|row| out::json(&row))?;
            let unplayed =
                |(name, why): &(&str, &str)| out::json(&json!({ "fault": name, "played": false, "why": why }));
            self.unplayed.iter().try_for_each(unplayed)?;
        } else {
            out::text(&self.table().render(out::columns()))?;
            for course in &self.courses {
                if let Some(why) = course.why() {
                    let meaning = course.fault.meaning;
                    out::line(&text::line(&format!("not caught: {} ({meaning}): {why}", course.fault.name)))?;
                }
            }
            for (name, why) in &self.unplayed {
                out::line(&format!("not played: {name}: {why}"))?;
            }
            out::line(&format!("{} of {} faults were caught", self.caught(), self.courses.len()))?;
        }
        Ok(if self.caught() == self.courses.len() { Exit::Done } else { Exit::Failed })
    }

    fn caught(&self) -> usize {
        self.courses.iter().filter(|course| course.caught()).count()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["FAULT", "CAUGHT", "AFTER", "UNSHORTENED", "DONE"]);
        for course in &self.courses {
            let seconds = |span: Duration| format!("{:.1}s", span.as_secs_f64());
            let done: Vec<String> =
                course.done().iter().map(|(what, after)| format!("{what} {}", seconds(*after))).collect();
            let unshortened = course.fault.within(&self.usual);
            table.row([
                course.fault.name.to_string(),
                if course.caught() { "yes" } else { "no" }.to_string(),
                course.after().map_or_else(|| "-".to_string(), seconds),
                unshortened.map_or_else(
                    || "never".to_string(),
                    |span| match span.is_zero() {
                        true => "at once".to_string(),
                        false => duration::shown(span),
                    },
                ),
                done.join(", "),
            ]);
        }
        table
    }

    fn row(&self, course: &Course) -> Value {
        // By whole milliseconds, which have few digits.
        let seconds = |span: Duration| f64::from(u32::try_from(span.as_millis()).unwrap_or(u32::MAX)) / 1000.0;
        let done: Vec<Value> =
            course.done().into_iter().map(|(what, after)| json!({ "what": what, "after_s": seconds(after) })).collect();
        json!({
            "fault": course.fault.name,
            "played": true,
            "meaning": course.fault.meaning,
            "caught": course.caught(),
            "after_s": course.after().map(seconds),
            "unshortened_s": course.fault.within(&self.usual).map(seconds),
            "done": done,
            "why": course.why(),
        })
    }
}

/// What the drill keeps in mind of one course.
#[derive(Clone, Debug, Default)]
struct Mind {
    /// When its fault was there, and when it was over.
    begun: Option<i64>,
    over: Option<i64>,
}

impl Mind {
    /// Does what a person has to do, and gives up what comes too late.
    fn step(
        &mut self,
        course: &mut Course,
        place: &Throwaway,
        spans: &Spans,
        machine: Duration,
        (now, start): (i64, i64),
    ) -> Result<(), CliError> {
        for act in course.acts() {
            perform(*act, place, &course.agent)?;
        }
        if course.begun() {
            self.begun.get_or_insert(now);
        }
        let (since, limit) = match self.begun {
            Some(begun) => (begun, course.fault.within(spans).unwrap_or_default() + machine),
            None => (start, spans.stall.start_limit + SCENE.max(machine)),
        };
        if elapsed(since, now) > limit {
            course.give_up(format!("waited {} for: {}", duration::shown(limit), course.waits_for()));
        }
        if course.over() && self.over.is_none() {
            self.over = Some(now);
            // Its part is played; what it would do now means nothing. One that was given up at once has no agent.
            if course.begun() && !course.fault.minded_afterwards() {
                ask(place, &Command::Stop { agent: course.agent.clone() })?;
            }
        }
        Ok(())
    }

    fn done(&self, course: &Course, now: i64) -> bool {
        let Some(over) = self.over else { return false };
        !(course.caught() && course.fault.minded_afterwards()) || elapsed(over, now) >= AFTERWARDS
    }
}

fn elapsed(since: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now - since).unwrap_or(0))
}

fn perform(act: Act, place: &Throwaway, agent: &AgentId) -> Result<(), CliError> {
    let pane = format!("={agent}:");
    match act {
        Act::Send => ask(place, &Command::Send { agent: agent.clone(), text: format!("a word for {agent}") }),
        Act::CopyMode => place.tmux(&["copy-mode", "-t", &pane]).map(drop),
        Act::LeaveCopyMode => place.tmux(&["send-keys", "-t", &pane, "-X", "cancel"]).map(drop),
        Act::Press(key) if key.bytes().all(|byte| byte.is_ascii_digit()) => choose(place, &pane, key),
        Act::Press(key) => place.tmux(&["send-keys", "-t", &pane, key]).map(drop),
    }
}

/// A person answers when the choices are drawn, and once more where that came to nothing: programs tell that they ask before they
/// draw it, and take no key in the moment after. Where it never works the drill goes on, and says what it waited for.
fn choose(place: &Throwaway, pane: &str, key: &str) -> Result<(), CliError> {
    let until = clock::monotonic_ms() + ANSWERED;
    let mut pressed = false;
    while clock::monotonic_ms() < until {
        let drawn = place.tmux(&["capture-pane", "-p", "-t", pane])?.contains(&format!("{key}. "));
        if drawn {
            place.tmux(&["send-keys", "-t", pane, key])?;
        } else if pressed {
            break;
        }
        pressed |= drawn;
        clock::block(ANSWER_LOOK);
    }
    Ok(())
}

fn ask(place: &Throwaway, command: &Command) -> Result<(), CliError> {
    let failed = |why: String| CliError::new(Kind::Machine, format!("the drill's engine: {why}"));
    let mut client = Client::connect(&place.state_dir()).map_err(|error| failed(error.to_string()))?;
    match client.ask(command, ANSWER).map_err(|error| failed(error.to_string()))? {
        Answer::Refused { why, .. } => Err(failed(why)),
        Answer::Accepted { .. } | Answer::Queued { .. } | Answer::Status { .. } => Ok(()),
    }
}
