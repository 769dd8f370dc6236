//! Faults of phases and of the files that tell where they stand.

use std::path::PathBuf;
use std::time::Duration;

use flightdeck::config::Sources;
use flightdeck::edge::process::{self, Alive};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::done::is_done;
use flightdeck::pilot::event::StatusFile;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{Actor, Record};
use rustix::process::Signal;

use super::clone::Clone;
use super::deck::Deck;
use super::escapes::ESCAPES;
use super::plan::{Plan, git};
use super::sim::{Story, scenario};
use super::sources::{told, workspace};
use super::world::{NEVER, OFTEN, pipe};

#[tokio::test]
async fn f1_a_file_that_is_written_anew_all_the_time_never_changes_the_verdict_by_a_half_of_it() {
    let mut clone = Clone::new(OFTEN, |file| std::fs::write(file, "# 1a\n## DONE\n").unwrap());
    assert_eq!(clone.told().await.1, StatusFile::Done);
    let file = clone.file();
    let writer = spawn::thread("writer", move || {
        for n in 0..60 {
            // A truncating writer: for 1 ms in 10 the file is empty.
            std::fs::write(&file, "").unwrap();
            clock::block(Duration::from_millis(1));
            std::fs::write(&file, format!("# 1a\n## DONE\n{n}\n")).unwrap();
            clock::block(Duration::from_millis(9));
        }
        std::fs::write(&file, "# 1a, over\n").unwrap();
    });
    assert_eq!(clone.told().await.1, StatusFile::Open);
    assert_eq!(std::fs::read_to_string(clone.file()).unwrap(), "# 1a, over\n");
    writer.unwrap().join().unwrap();
}

#[tokio::test]
async fn f4_what_is_no_readable_file_is_told_as_that_and_never_waited_for() {
    type Prepare = fn(PathBuf);
    let cases: [(&str, Prepare); 5] = [
        ("no regular file", |file| pipe(&file)),
        ("no regular file", |file| std::os::unix::fs::symlink("/dev/zero", file).unwrap()),
        ("levels of symbolic links", |file| std::os::unix::fs::symlink("STATUS-1a.md", file).unwrap()),
        ("no regular file", |file| std::fs::create_dir(file).unwrap()),
        ("larger than 1024 KiB", |file| std::fs::File::create(file).unwrap().set_len(1 << 30).unwrap()),
    ];
    for (expected, prepare) in cases {
        let mut clone = Clone::new(NEVER, prepare);
        match clone.told().await.1 {
            StatusFile::Unreadable(why) => {
                assert!(why.starts_with("state/STATUS-1a.md: ") && why.contains(expected), "{why}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn f2_only_a_line_of_its_own_says_that_a_phase_is_done() {
    for text in
        ["# 1a\n\n## DONE\n", "## DONE", "x\n## DONE  \t\r\nmore\n", "\u{feff}## DONE\n", "```\ncode\n```\n## DONE\n"]
    {
        assert!(is_done(text.as_bytes()), "{text:?}");
    }
    for text in [
        "",
        "## done\n",
        "# DONE\n",
        "### DONE\n",
        "##DONE\n",
        " ## DONE\n",
        "> ## DONE\n",
        "- ## DONE\n",
        "    ## DONE\n",
        "## DONE?\n",
        "## DONE when the tests pass\n",
        "## NOT DONE\n",
        "say ## DONE\n",
        "```\n## DONE\n```\n",
        "~~~\n## DONE\n~~~\n",
        "```\n## DONE\n",
        "<!--\n## DONE\n-->\n",
        "`## DONE`\n",
        "## DO\u{200b}NE\n",
        "## DONE\0\n",
    ] {
        assert!(!is_done(text.as_bytes()), "{text:?}");
    }
    assert!(!is_done(b"\xff\xfe#\0#\0 \0D\0O\0N\0E\0"), "UTF-16");
    // The file of another phase ends nothing.
    let story = scenario("phase-foreign-done");
    let done = story.all(|record| match record {
        Record::PhaseDone { phase, by: Actor::Branch } => Some(phase.to_string()),
        _ => None,
    });
    assert_eq!((done[0].0.as_secs(), done[0].1.as_str()), (120, "1a"), "{}", story.told());
    assert!(done.iter().all(|(at, phase)| phase != "1b" || at.as_secs() > 180), "its old DONE\n{}", story.told());
}

fn entered(story: &Story) -> Vec<String> {
    let entered = story.all(|record| match record {
        Record::PhaseEntered { phase, .. } => Some(phase.to_string()),
        _ => None,
    });
    entered.into_iter().map(|(_, phase)| phase).collect()
}

#[test]
fn f3_an_engine_that_dies_in_a_phase_change_advances_once_and_both_loops_end_in_the_right_phase() {
    for moment in ["before", "during", "after"] {
        let story = scenario(&format!("phase-crash-{moment}"));
        assert_eq!(entered(&story), ["1a", "1b"], "{moment}\n{}", story.told());
        assert_eq!(story.count(|record| matches!(record, Record::PhaseDone { .. })), 1, "{moment}");
        for agent in ["builder", "adversary"] {
            let phases = story.all(|record| match record {
                Record::Started { agent: who, phase, .. } if who.as_str() == agent => {
                    phase.as_ref().map(ToString::to_string)
                }
                _ => None,
            });
            let phases: Vec<&str> = phases.iter().map(|(_, phase)| phase.as_str()).collect();
            assert_eq!(phases, ["1a", "1b"], "{moment}: {agent}\n{}", story.told());
        }
        assert!(story.submitted().iter().all(|times| *times == 1), "{moment}");
    }
}

#[test]
fn f5_an_edited_plan_goes_by_the_names_of_phases_and_never_loses_the_current_one() {
    let story = scenario("phase-file-edited");
    let refused = story.all(|record| match record {
        Record::ConfigRefused { problems } => Some(problems.join("\n")),
        _ => None,
    });
    assert!(
        !refused.is_empty() && refused.iter().all(|(_, why)| why.contains("lacks the current phase 1c")),
        "{refused:?}"
    );
    assert_eq!(entered(&story), ["1a", "1c", "2"], "{}", story.told());
}

#[test]
fn f6_the_end_of_the_last_phase_is_announced_once_and_nothing_loops_back() {
    let story = scenario("phase-append-reopens");
    assert_eq!(entered(&story), ["1a", "1b"], "{}", story.told());
    assert_eq!(story.count(|record| matches!(record, Record::SequenceCompleted)), 2, "one for each end");
    assert_eq!(story.count(|record| matches!(record, Record::SequenceReopened)), 1);
    assert_eq!(story.starts("builder"), 2, "a DONE that was withdrawn started somebody\n{}", story.told());
}

#[test]
fn f8_a_phase_whose_title_acts_on_a_terminal_is_refused_and_shown_as_text() {
    let mut refused = 0;
    for title in ESCAPES.iter().filter(|text| text.contains(|c: char| c.is_control() && c != '\n' && c != '\r')) {
        let title = title.replace(['\n', '\r'], " ");
        for text in [format!("---\nid: 3\ntitle: {title}\n---\nplan\n"), format!("# {title}\nplan\n")] {
            let mut sources: Sources = workspace("version = 1\n");
            sources.phases.push(("3.md".to_string(), text.into_bytes()));
            let problems = told(&sources);
            refused += 1;
            assert!(problems.iter().any(|problem| problem.starts_with("phases/3.md")), "{title:?}: {problems:?}");
            assert!(problems.iter().all(|problem| !problem.contains(|c: char| c.is_control())), "{problems:?}");
        }
    }
    assert!(refused > 40, "{refused}");
}

const RESTING: &str = "on *: say yes; wait 60s\n";

#[test]
fn f9_a_copied_workspace_neither_adopts_nor_ends_the_agents_of_the_original() {
    let deck = Plan::new().agent("solo", RESTING).agent("other", RESTING).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let lives = || ["solo", "other"].map(|name| deck.process(name));
    let before = lives();
    let copy = Deck::copied_from(&deck);
    copy.start_engine();
    // Its agents are started anew, as after the loss of a server; the runner finds that they live already.
    copy.until("what keeps it", || {
        let why = copy.all(|record| match record {
            Record::StartDelayed { why, .. } => Some(why.clone()),
            _ => None,
        });
        (why.len() >= 2 && why.iter().all(|why| why.contains("already runs as this agent"))).then_some(())
    });
    assert_eq!(["solo", "other"].map(|name| copy.starts(name)), [1, 1], "{}", copy.story());
    copy.tell(&Command::EmergencyStop);
    copy.until("its obedience", || copy.status().emergency_stop.then_some(()));
    copy.end_engine(Signal::TERM);

    assert!(before.iter().all(|life| process::alive(life) == Alive::Yes), "{}", copy.story());
    let message = deck.send("solo", "still there");
    deck.settled(message);
    assert_eq!(lives(), before, "{}", deck.story());
    assert_eq!(["solo", "other"].map(|name| deck.starts(name)), [1, 1]);
}

#[test]
fn f7_where_the_kernel_tells_of_no_change_all_is_looked_at_and_nothing_is_missed() {
    let deck = Plan::pair("on *: say yes\n", "on *: say yes\n").set("project.sequence", vec!["1a", "1b"]).laid_out();
    // In a user namespace nobody else's limit is used up. Where there is none to be had, the limit stands, and what is seen
    // by looking is seen all the same.
    let none_left =
        ["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\""];
    let may = spawn::blocking(none_left[0]).args(&none_left[1..]).arg("true").output();
    let told = may.is_ok_and(|output| output.status.success());
    if told {
        deck.start_engine_under(&none_left);
    } else {
        deck.start_engine();
    }
    ["builder", "adversary"].iter().for_each(|name| deck.prompted(name, 1));
    deck.saw("the first sight", |record| matches!(record, Record::Baseline { .. }).then_some(()));
    let log: String = std::fs::read_dir(deck.state_dir().join("log"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for complaint in ["no notice of changes in the spool", "file changes can't be watched"] {
        assert_eq!(log.contains(complaint), told, "{log}");
    }
    // What hooks tell, what is pushed, what a status file says.
    let message = deck.send("builder", "still heard");
    let stage = deck.settled(message);
    let Stage::Submitted { evidence } = &stage else { panic!("{stage:?}") };
    assert!(evidence.contains("event channel"), "{evidence}");
    let clone = deck.workspace.join("clones/builder");
    git(&clone, &["commit", "--quiet", "--allow-empty", "--message", "claim(1a): all is built"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    deck.prompted("adversary", 2);
    assert!(deck.submits("adversary")[1].contains("claim(1a)"), "{:?}", deck.submits("adversary"));
    std::fs::write(clone.join("STATUS-1a.md"), "all is built\n\n## DONE\n").unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "--quiet", "--message", "the end"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    deck.until("the next phase", || (deck.status().phase.current.as_ref()?.as_str() == "1b").then_some(()));
}
