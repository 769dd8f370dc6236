//! What all stands on: the files that say what is to be done, and room on the disks. Files that changed are no rules before a person
//! takes them over; where there is no room left nobody is started (faults X7, S7).

use std::time::Duration;

use super::fact::Disk;
use super::state::State;
use super::time::Time;
use super::turn::Turn;

/// Percent and MiB below which nobody is started.
const FULL: (u8, u64) = (2, 1024);
/// A start that waits for room is thought over again after this; news of the disk comes first.
const ROOM_AGAIN: Duration = Duration::from_secs(60);

/// Why nobody is started just now, and when that is thought over.
pub(super) fn start_waits(turn: &Turn<'_>) -> Option<(Time, String)> {
    let disk = turn.state.seen.premises.disk.as_ref().filter(|disk| is_full(disk))?;
    Some((turn.now.steady + ROOM_AGAIN, format!("start it when there is room again ({})", room(disk))))
}

/// What a person is to be told, by key.
pub(super) fn alerts(state: &State) -> Vec<(String, String)> {
    let premises = &state.seen.premises;
    let mut alerts = Vec::new();
    if !premises.changed.is_empty() {
        let names = premises.changed.join(", ");
        let what = format!(
            "{names} changed since the configuration was read; what was read stays in force: look at the change, then `flightdeck reload`"
        );
        alerts.push(("premises".to_string(), what));
    }
    if let Some(disk) = premises.disk.as_ref().filter(|disk| disk.is_low()) {
        let largest = disk.largest.as_ref().map_or(String::new(), |file| format!("; the largest file is {file}"));
        let first = if is_full(disk) { "nobody is started" } else { "the disk is filling up" };
        alerts.push(("disk".to_string(), format!("{first}: {}{largest}", room(disk))));
    }
    alerts
}

fn is_full(disk: &Disk) -> bool {
    disk.is_below(FULL.0, FULL.1)
}

fn room(disk: &Disk) -> String {
    // Whole percents alone: an alert that changes with each file that is written would be told again each time.
    format!("{} % of the disk of {} is free", disk.free, disk.folder)
}
