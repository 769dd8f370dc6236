//! The events of a server, from the body of one answer that does not end. Read by hand and not by a library: an event may hold
//! all that a tool printed, and what is longer than we need must pass through without being kept.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::edge::clock;

/// Longest event that is looked at: a prompt of the largest size, escaped, and what else stands around it.
const EVENT_CAP: usize = 1 << 20;
/// A stream that is silent for so long is dead: it has a heartbeat every 10 s.
const SILENCE: Duration = Duration::from_secs(35);

/// A stream of events.
pub(super) struct Events {
    body: Incoming,
    lines: Lines,
}

impl Events {
    pub(super) fn of(body: Incoming) -> Events {
        Events { body, lines: Lines::default() }
    }

    /// The next event, as JSON on one line; `None`: the stream has ended, or is dead.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(event) = self.lines.whole.pop_front() {
                return Some(event);
            }
            let frame = clock::within(SILENCE, self.body.frame()).await.ok()??.ok()?;
            self.lines.take(frame.data_ref().map_or(&[][..], |data| data));
        }
    }
}

/// Bytes on their way to events. Each of them is one line that begins with `data:`; blank lines stand between.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    /// In the middle of a line that is too long.
    skipping: bool,
    whole: VecDeque<Vec<u8>>,
}

impl Lines {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.part(&bytes[..end]);
            let line = std::mem::take(&mut self.rest);
            let skipped = std::mem::take(&mut self.skipping);
            let data = line.strip_prefix(b"data:").filter(|_| !skipped);
            self.whole.extend(data.map(<[u8]>::to_vec));
            bytes = &bytes[end + 1..];
        }
        self.part(bytes);
    }

    fn part(&mut self, bytes: &[u8]) {
        if self.skipping || self.rest.len() + bytes.len() > EVENT_CAP {
            self.skipping = true;
            self.rest = Vec::new();
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut_and_too_long_ones_pass_by() {
        let long = "x".repeat(EVENT_CAP);
        let text = format!("data: {{\"a\":1}}\n\n: note\ndata: {long}\n\ndata:{{\"b\":\"ü\"}}\r\n\ndata: half");
        for size in [1, 7, 4096, text.len()] {
            let mut lines = Lines::default();
            text.as_bytes().chunks(size).for_each(|piece| lines.take(piece));
            let whole: Vec<serde_json::Value> =
                lines.whole.iter().map(|event| serde_json::from_slice(event).unwrap()).collect();
            assert_eq!(whole, [serde_json::json!({"a": 1}), serde_json::json!({"b": "ü"})], "{size}");
            assert_eq!(lines.rest, b"data: half");
        }
    }
}
