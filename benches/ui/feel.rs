//! How soon the cockpit answers.

use std::time::Duration;

use crate::fleet::Fleet;
use crate::samples::Samples;
use crate::seat::Seat;

/// Between two keys: what the first has caused is over, and the seconds of the clock fall anywhere between them.
const PAUSE: Duration = Duration::from_millis(173);
const RECORDER: [&str; 2] = ["\u{1b}[D", "\u{1b}[C"];

/// From a key to the last byte of its frame, in several places; first what the harness takes by itself.
pub(crate) fn keys(fleet: &Fleet, runs: usize) -> Vec<Samples> {
    let echo = Seat::echo();
    let floor = measure("floor: key → the same byte from `cat`", &echo, ["j", "k"], runs);
    let places = [
        ("key → frame, the next agent with its live pane", "", ["j", "k"]),
        ("key → frame, the recorder's cursor", "\t2", RECORDER),
        ("key → frame, the logbook's selection", "\t3", ["k", "j"]),
    ];
    let mut all = vec![floor];
    for (label, way, keys) in places {
        let mut seat = Seat::cockpit(fleet.root());
        seat.until(|text| text.contains("● engine"));
        seat.idle(Duration::from_millis(500));
        for key in way.chars() {
            seat.press(&key.to_string());
            seat.idle(Duration::from_millis(500));
        }
        all.push(measure(label, &seat, keys, runs));
    }
    all
}

fn measure(label: &str, seat: &Seat, keys: [&str; 2], runs: usize) -> Samples {
    let mut samples = Samples::new(label);
    for run in 0..runs {
        seat.idle(PAUSE);
        samples.push(seat.answer(keys[run % 2]));
    }
    samples
}

/// From the start of the program to the whole fleet on the screen, and to the live pane of the selected agent.
pub(crate) fn starts(fleet: &Fleet, runs: usize) -> [Samples; 2] {
    let mut shown = Samples::new("start → first frame with the fleet");
    let mut live = Samples::new("start → the live pane too");
    for _ in 0..runs {
        let mut seat = Seat::cockpit(fleet.root());
        let first = seat.until(|text| text.contains("● engine") && text.contains("q000"));
        shown.push(first - seat.began);
        drop(seat);
        let mut seat = Seat::cockpit(fleet.root());
        let first = seat.until(|text| text.contains("● engine") && text.contains("? for shortcuts"));
        live.push(first - seat.began);
    }
    [shown, live]
}
