//! Incidents of waiting: who is ended too early, who is never noticed, who is healed with what made it ill.

use std::time::Duration;

use flightdeck::pilot::record::Record;

use super::sim::{Story, tried};
use super::{Rule, both, judge};

const HOUR: Duration = Duration::from_hours(1);

/// A scenario under this rule; an error where somebody healthy was ended in it, or anything else happened that never may.
fn played(rule: Rule, old: &str, text: &str) -> Result<Story, String> {
    let config = if rule == Rule::Old { old } else { "" };
    tried(&format!("# An incident.\n{config}{text}"))
}

/// The watchdog restarted a loop at the time that its marker named; the loop's own timer came 37 s later.
#[test]
fn a_loop_that_wakes_37_seconds_late_is_not_ended() {
    both("builder was well and is ended by us: Some(LateMarker)", |rule| {
        let text = "agents: builder\n\n0s builder always: works 10s, waits 5m and wakes 37s late\n1h end\n";
        // No grace at all can't be said in our configuration; this is the least.
        let story = played(rule, "config stall: grace = \"1s\"\n", text)?;
        judge(story.starts("builder") == 1, || format!("it was restarted\n{}", story.told()))
    });
}

/// A loop sat at the limit of its context, alive and without a word that the watchdog knew, until a person looked.
#[test]
fn a_loop_that_is_wedged_without_a_word_is_noticed() {
    // That watchdog looked for sessions that were gone and for known words.
    let deaf = "config stall: idle = \"1d\"\nconfig stall: quiet_child_cap = \"1d\"\n";
    both("nobody noticed", |rule| {
        let text = "agents: builder\n\n0s builder next: works 10s, wedges\n12h end\n";
        let story = played(rule, deaf, text)?;
        let found = story.all(|record| matches!(record, Record::Found { .. }).then_some(()));
        let (wedged, latest) = (Duration::from_secs(12), Duration::from_secs(360));
        judge(found.first().is_some_and(|(at, ())| *at <= wedged + latest), || {
            format!("nobody noticed\n{}", story.told())
        })?;
        judge(story.starts("builder") == 2, || format!("not started again\n{}", story.told()))
    });
}

/// Each turn of a conversation was refused with 400; the healer restarted the loop with the same conversation, again and again.
#[test]
fn a_poisoned_conversation_is_not_taken_up_again() {
    // What is merely broken is started again as it was.
    let old = "config backends.talker: rules = [{ name = \"400\", says = \"fatal\", region = \"turn\", priority = 90, \
               regex = '^✗ API error 400' }]\n";
    both("was resumed", |rule| {
        let text = "agents: builder=talker\nconfig agents.builder: resume = true\n\n\
                    90s builder next: works 10s, poisoned\n90s operator send builder go\n3h end\n";
        let story = played(rule, old, text)?;
        let talks = story.all(|record| match record {
            Record::Started { conversation, .. } => Some(conversation.clone().expect("it names them")),
            _ => None,
        });
        let bad = talks[0].1.clone();
        let again = talks[1..].iter().filter(|(_, talk)| *talk == bad).count();
        judge(again == 0, || format!("the bad conversation was resumed {again} times\n{}", story.told()))?;
        let works = story.all(|record| matches!(record, Record::MarkerSeen { .. }).then_some(()));
        judge(works.last().is_some_and(|(at, ())| *at > 3 * HOUR - HOUR / 6), || {
            format!("it does no work\n{}", story.told())
        })
    });
}
