//! `flightdeck events`: what happened, from the log; and what happens, from the engine.

use std::time::Duration;

use serde_json::{Value, json};

use crate::edge::link::{Followed, LinkError};
use crate::edge::store::{Filter, PAGE_CAP, Page, Reader, Row};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;

use super::asking::{Asking, of_link};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::since::Since;
use super::{Global, out, recorded, timeline, workspace};
use crate::words::sentence::sentence;
use crate::words::{text, when};

/// Shown where nothing says how many: a screen or two.
const USUAL: u64 = 100;
/// How long one wait for news lasts; between two of them a closed output is noticed by nobody, which harms nobody.
const WAIT: Duration = Duration::from_secs(3600);

/// Show what happened, oldest first; times are UTC
///
/// Reads the log, so it needs no engine, except to go on with --follow.
///
/// Examples:
///   flightdeck events
///   flightdeck events --since 2h --agent builder
///   flightdeck events --since 1042 --json
///   flightdeck events --follow --kind message_moved
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Go on as things happen
    #[arg(short, long)]
    follow: bool,
    /// From this long ago (2h), this time (2026-11-21T01:38:48Z), or after this record's number (1042)
    #[arg(long, value_name = "WHEN", value_parser = begin)]
    since: Option<Begin>,
    /// About this agent only
    #[arg(long)]
    agent: Option<AgentId>,
    /// Of this kind only, like state_changed; docs/operating.md lists them
    #[arg(long)]
    kind: Option<String>,
    /// At most so many of the past [default: 100 without --since, all with it]
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<u64>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    After(u64),
    Since(Since),
}

/// Prints them.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    if let Some(kind) = args.kind.as_deref() {
        known(kind)?;
    }
    let root = workspace::find(global.workspace.as_deref())?;
    // Asked first: who wants to follow and can't should not have to look for that below a long past.
    let asking = if args.follow { Some(Asking::of(global)?) } else { None };
    let last = match recorded::reader(&root)? {
        Some(reader) => past(&reader, args, global)?,
        None => 0,
    };
    match asking {
        Some(asking) => future(asking, last, args, global),
        None => Ok(Exit::Done),
    }
}

/// Prints what the log holds, and returns the number up to which it was read.
fn past(reader: &Reader, args: &Args, global: &Global) -> Result<u64, CliError> {
    let mut filter = Filter { since: None, agent: args.agent.clone(), kind: args.kind.clone() };
    let rows = |filter: &Filter, page, limit: u64| {
        let limit = u32::try_from(limit).unwrap_or(PAGE_CAP).min(PAGE_CAP);
        reader.rows(filter, page, limit).map_err(recorded::unreadable)
    };
    // Taken first, so that what is committed while we print is told by the follower and not lost.
    let newest = rows(&Filter::default(), Page::Newest, 1)?.last().map_or(0, |row| row.stamp.seq);
    let mut after = match args.since {
        None => {
            for row in rows(&filter, Page::Newest, args.limit.unwrap_or(USUAL))? {
                print_row(&row, global)?;
            }
            return Ok(newest);
        }
        Some(Begin::After(number)) => number,
        Some(Begin::Since(since)) => {
            filter.since = Some(since.time());
            0
        }
    };
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let page = rows(&filter, Page::After(after), left)?;
        let Some(last) = page.last() else { break };
        after = last.stamp.seq;
        left -= u64::try_from(page.len()).unwrap_or(left).min(left);
        for row in page {
            print_row(&row, global)?;
        }
    }
    Ok(newest.max(after))
}

fn future(asking: Asking, last: u64, args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut follow = asking.follow(last)?;
    loop {
        match follow.next_within(WAIT) {
            Ok(Some(Followed::Record(stamp, record))) if wanted(&record, args) => print_record(stamp, &record, global)?,
            Ok(Some(Followed::Foreign(text))) if args.agent.is_none() && args.kind.is_none() => {
                print_foreign(&text, global)?;
            }
            Ok(Some(Followed::Record(..) | Followed::Foreign(_) | Followed::Live(_)) | None) => {}
            Err(LinkError::Closed) => {
                return Err(CliError::new(Kind::NoEngine, "the engine ended").hint("`flightdeck up` starts one"));
            }
            Err(error) => return Err(of_link(error)),
        }
    }
}

fn wanted(record: &Record, args: &Args) -> bool {
    let agent = args.agent.as_ref().is_none_or(|agent| record.agent() == Some(agent));
    agent && args.kind.as_ref().is_none_or(|kind| kind_of(record).as_ref() == Some(kind))
}

fn kind_of(record: &Record) -> Option<String> {
    Some(serde_json::to_value(record).ok()?.get("kind")?.as_str()?.to_string())
}

/// Refuses a kind that no record has, with the known ones: a misspelt one would show nothing for ever.
fn known(kind: &str) -> Result<(), CliError> {
    let known = Record::kinds();
    if known.iter().any(|known| known == kind) {
        return Ok(());
    }
    let guess = crate::config::nearest::nearest(kind, known.iter().map(String::as_str));
    let hint = guess.map_or(format!("known kinds: {}", known.join(", ")), |guess| format!("did you mean `{guess}`?"));
    Err(CliError::new(Kind::Usage, format!("no record has the kind {kind}")).hint(hint))
}

fn print_row(row: &Row, global: &Global) -> Result<(), CliError> {
    match row.record() {
        Ok(record) => print_record(row.stamp, &record, global),
        Err(why) if global.json => out::json(&json!({ "seq": row.stamp.seq, "at": row.stamp.at, "unreadable": why })),
        Err(why) => out::line(&shown(row.stamp, &format!("a record of kind {} can't be read: {why}", row.kind))),
    }
}

fn print_record(stamp: Stamp, record: &Record, global: &Global) -> Result<(), CliError> {
    if !global.json {
        return out::line(&shown(stamp, &sentence(record)));
    }
    out::json(&timeline::row(stamp, record))
}

fn print_foreign(record: &str, global: &Global) -> Result<(), CliError> {
    match serde_json::from_str::<Value>(record) {
        Ok(value) if global.json => out::json(&value),
        Ok(_) | Err(_) => out::line(&text::line(&format!("a record that only a newer flightdeck knows: {record}"))),
    }
}

/// `  1042  2026-11-21 01:38:48  builder: ready, its composer is there`
fn shown(stamp: Stamp, words: &str) -> String {
    format!("{:>6}  {}  {}", stamp.seq, when::stamp(stamp.at), text::line(words))
}

fn begin(word: &str) -> Result<Begin, String> {
    let number = word.parse().ok().map(Begin::After);
    let begin = number.or_else(|| Since::parse(word).map(Begin::Since));
    begin.ok_or_else(|| "expected 2h, 2026-11-21T01:38:48Z or the number of a record".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::time::Time;

    #[test]
    fn a_beginning_is_a_number_a_time_or_a_span() {
        assert_eq!(begin("1042"), Ok(Begin::After(1042)));
        assert_eq!(begin("2h"), Ok(Begin::Since(Since::Ago(Duration::from_secs(7200)))));
        assert_eq!(begin("1970-01-01T01:00:01+01:00"), Ok(Begin::Since(Since::Time(Time(1000)))));
        for word in ["", "yesterday", "-5", "2026-11-21"] {
            assert!(begin(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_kind_that_does_not_exist_is_refused_with_the_nearest_one() {
        assert!(known("state_changed").is_ok());
        assert!(known("server_lost").is_ok());
        let refused = known("state_change").expect_err("no such kind").to_string();
        assert!(refused.contains("did you mean `state_changed`?"), "{refused}");
        assert!(known("xyz").expect_err("no such kind").to_string().contains("known kinds: engine_started"));
    }
}
