//! Doing a turn's steps, one after the other.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use chrono::{DurationRound, SecondsFormat, TimeDelta};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use crate::edge::spawn;
use crate::pilot::time::Time;

use super::repo::{self, Job};
use super::script::{Failure, Guarded, Step};
use super::session::{Session, Stage, Work};
use super::turn::{Hold, Moment};

/// What a wedge leaves on the screen.
const GARBAGE: [&str; 3] = ["▚▞▚▞ 4f 1e 00 c3 ▒▒▒ ;;%%[[ 0:0", "�� ]]}} ~~ ▓▓ 17 17 17 17", "▚▞▚"];
/// A process that escaped ends itself after this long, so that a test can't fill a machine with them.
const LEAK_SECONDS: &str = "600";
/// Children of that name run in a shell that is told only what to do, never given a value.
const IMMORTAL: &str = "trap '' HUP TERM; exec sleep \"$0\"";

impl Session {
    /// Goes on with the turn as far as it can now; false when it has to wait.
    pub(super) fn go_on(&mut self, now: Moment) -> io::Result<bool> {
        let Some(turn) = &mut self.turn else { return Ok(true) };
        match turn.hold.clone() {
            Hold::Free => match turn.steps.pop_front() {
                Some(step) => self.take(step, now)?,
                None => self.end(None, now)?,
            },
            Hold::Until(at) if at <= now.tick => turn.hold = Hold::Free,
            Hold::Retrying { until, attempt, attempts, every } if until <= now.tick => {
                turn.hold = if attempt >= attempts { Hold::Free } else { retry(attempt + 1, attempts, every, now) };
            }
            Hold::Printing { since, printed, per_second, count } => {
                return Ok(self.print(since, printed, per_second, count, now));
            }
            Hold::Until(_) | Hold::Retrying { .. } | Hold::Asked(_) | Hold::Working | Hold::Forever => {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take(&mut self, guarded: Guarded, now: Moment) -> io::Result<()> {
        if !self.allows(&guarded.guards) {
            return Ok(());
        }
        match guarded.step {
            Step::Say(text) => {
                let text = self.filled(&text);
                self.say(&text);
            }
            Step::Marker(text) => {
                let text = self.filled(&text);
                self.say(&format!("WAITING-UNTIL: {text}"));
            }
            Step::Wait(span) => self.wait(span, now),
            Step::Late(by) => self.set_late(by),
            Step::Think(span) => self.hold(Hold::Until(now.tick + millis(span) * i64::from(self.options.pace))),
            Step::Silence { spinner } => self.fall_silent(spinner),
            Step::Ask(dialog) => self.hold(Hold::Asked(dialog)),
            Step::Print { per_second, span } => self.begin_print(per_second, span, now),
            Step::Overloaded { attempts, every } => self.hold(retry(1, attempts, every, now)),
            Step::Write { file, text } => self.write(&file, &text, repo_write),
            Step::Append { file, text } => self.write(&file, &text, repo::append),
            step @ (Step::Commit(_) | Step::Push | Step::Pull | Step::Done | Step::Build | Step::Review) => {
                self.git(step);
            }
            Step::Child { busy, span } => self.background(Work::Child { busy, span }),
            Step::Leak => leak()?,
            Step::Limit(span) => return self.reach_limit(span, now),
            Step::Fail(failure) => return self.fail(&failure, now),
            Step::Poison => {
                self.tally.count(&format!("poisoned-{}", self.conversation));
                return self.fail(&Failure::Thinking400, now);
            }
            Step::Exit(code) => self.over = Some(code),
            Step::Kill => end_by(Signal::KILL)?,
            Step::Segv => end_by(Signal::SEGV)?,
            Step::Wedge { deaf } => self.wedge(deaf),
            Step::Draft(text) => self.filled(&text).chars().for_each(|c| self.composer.push(c)),
            Step::Vim => (self.vim, self.normal) = (true, true),
            Step::Swallow(count) => self.swallow = count,
        }
        Ok(())
    }

    fn hold(&mut self, hold: Hold) {
        if let Some(turn) = &mut self.turn {
            turn.hold = hold;
        }
    }

    /// Says the marker, in whole seconds and never sooner than asked for.
    fn wait(&mut self, span: Duration, now: Moment) {
        let until = Time((now.wall + span).0.saturating_add(999) / 1000 * 1000);
        self.say(&format!("WAITING-UNTIL: {}", until.utc().to_rfc3339_opts(SecondsFormat::Secs, true)));
        if let Some(turn) = &mut self.turn {
            turn.wake = Some(until);
        }
    }

    fn set_late(&mut self, by: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.late = by;
        }
    }

    fn fall_silent(&mut self, spinner: bool) {
        if let Some(turn) = &mut self.turn {
            turn.spinner = spinner;
            turn.hold = Hold::Forever;
        }
    }

    fn begin_print(&mut self, per_second: u32, span: Duration, now: Moment) {
        let count = u128::from(per_second) * span.as_millis() / 1000;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.hold(Hold::Printing { since: now.tick, printed: 0, per_second, count });
    }

    /// Prints the lines that are due; false while more are to come.
    fn print(&mut self, since: i64, printed: u32, per_second: u32, count: u32, now: Moment) -> bool {
        let due = (now.tick - since).max(0) * i64::from(per_second) / 1000 + 1;
        let due = u32::try_from(due).unwrap_or(u32::MAX).min(count);
        for n in printed..due {
            self.painter.print(&format!("  line {} of output", n + 1));
        }
        let over = due >= count && now.tick - since >= i64::from(count) * 1000 / i64::from(per_second);
        self.hold(if over { Hold::Free } else { Hold::Printing { since, printed: due, per_second, count } });
        over
    }

    fn write(&mut self, file: &str, text: &str, write: fn(&str, &str) -> Result<(), String>) {
        let text = self.filled(text) + "\n";
        let file = self.filled(file);
        if let Err(why) = write(&file, &text) {
            self.say(&why);
        }
    }

    fn git(&mut self, step: Step) {
        let phase = self.options.phase.clone();
        let job = match step {
            Step::Commit(subject) => Job::Commit(self.filled(&subject)),
            Step::Push => Job::Push,
            Step::Done => Job::Done { phase },
            Step::Build => Job::Build { phase, agent: self.options.agent.clone() },
            Step::Review => Job::Review,
            _ => Job::Pull,
        };
        self.background(Work::Git(job));
    }

    fn background(&mut self, work: Work) {
        self.work = Some(work);
        self.hold(Hold::Working);
    }

    fn reach_limit(&mut self, span: Duration, now: Moment) -> io::Result<()> {
        let until = now.wall + span;
        self.limited = Some(until);
        self.tally.remember("limited-until", until.0);
        self.end(Some(&limit(until)), now)
    }

    fn fail(&mut self, failure: &Failure, now: Moment) -> io::Result<()> {
        self.broken = self.broken || *failure == Failure::Fatal;
        self.end(Some(failure), now)
    }

    fn wedge(&mut self, deaf: bool) {
        for line in GARBAGE {
            self.painter.print(line);
        }
        self.stage = Stage::Wedged { deaf };
    }

    /// The text with its holes filled.
    fn filled(&self, text: &str) -> String {
        let prompt = self.turn.as_ref().map_or("", |turn| turn.prompt.as_str());
        let holes = [
            ("{phase}", self.options.phase.as_str()),
            ("{agent}", self.options.agent.as_str()),
            ("{role}", self.options.role.as_str()),
            ("{gate}", gate(prompt)),
            ("{prompt}", prompt),
        ];
        holes.iter().fold(text.to_string(), |text, (hole, value)| text.replace(hole, value))
    }
}

/// The words of a usage limit: the reset in whole minutes, never before the limit really ends.
pub(super) fn limit(until: Time) -> Failure {
    let utc = until.utc();
    let minute = utc.duration_trunc(TimeDelta::minutes(1)).unwrap_or(utc);
    let shown = if minute < utc { minute + TimeDelta::minutes(1) } else { minute };
    Failure::Other(format!("usage limit reached · resets {} (UTC)", shown.format("%-I:%M%P")))
}

fn retry(attempt: u32, attempts: u32, every: Duration, now: Moment) -> Hold {
    Hold::Retrying { until: now.tick + millis(every), attempt, attempts, every }
}

/// What a ping names: the id in its first `claim(…)` or `review(…)`.
fn gate(prompt: &str) -> &str {
    let found = ["claim(", "review("].iter().find_map(|prefix| prompt.split_once(prefix));
    found.and_then(|(_, rest)| rest.split_once(')')).map_or("", |(gate, _)| gate)
}

fn repo_write(file: &str, text: &str) -> Result<(), String> {
    let parent = std::path::Path::new(file).parent().map_or(Ok(()), std::fs::create_dir_all);
    parent.and_then(|()| std::fs::write(file, text)).map_err(|error| format!("{file}: {error}"))
}

/// Starts a process that leaves our session and hears neither HUP nor TERM: what a supervisor has to find.
fn leak() -> io::Result<()> {
    let start = |program: &str, args: &[&str]| {
        let mut command = spawn::foreground(program);
        command.args(args).args(["sh", "-c", IMMORTAL, LEAK_SECONDS].iter().skip(usize::from(program == "sh")));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(|_| ())
    };
    // macOS has no setsid; there it stays in our session.
    start("setsid", &[]).or_else(|_| start("sh", &[]))
}

fn end_by(signal: Signal) -> io::Result<()> {
    // A core file of a death that was asked for helps nobody.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The first SEGV meets the runtime's own hook for stack overflows, which steps aside; the second is final.
    kill_process(getpid(), signal)?;
    kill_process(getpid(), signal)?;
    Ok(())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_in_whole_minutes_and_never_too_early() {
        let at = |text: &str| Time::from_utc(text.parse().expect("a time"));
        let shown = |text: &str| limit(at(text)).text().to_string();
        assert_eq!(shown("2026-11-21T17:10:00Z"), "usage limit reached · resets 5:10pm (UTC)");
        assert_eq!(shown("2026-11-21T17:09:00.001Z"), "usage limit reached · resets 5:10pm (UTC)");
        assert_eq!(shown("2026-11-21T23:59:30Z"), "usage limit reached · resets 12:00am (UTC)");
    }

    #[test]
    fn a_ping_names_its_gate() {
        assert_eq!(gate("pushed: claim(1a) at 0123456789"), "1a");
        assert_eq!(gate("hello"), "");
    }
}
