//! An agent as tests look at it: what a test is about, it says itself.

use crate::config::prices::Billing;
use crate::pilot::gauge::Gauges;
use crate::pilot::id::{AgentId, Incarnation};
use crate::pilot::record::{AgentState, Wish};
use crate::pilot::time::Time;
use crate::pilot::usage::Used;

use super::AgentView;

/// One that runs, is idle, and has nothing special about it.
pub(crate) fn agent(id: AgentId) -> AgentView {
    AgentView {
        id,
        role: "builder".to_string(),
        backend: "demo".to_string(),
        wish: Wish::Running,
        state: AgentState::Idle,
        since: Time(0),
        evidence: Vec::new(),
        next: None,
        incarnation: Incarnation(1),
        pid: Some(4711),
        session: Some("$1".to_string()),
        pane: Some("%1".to_string()),
        phase: None,
        restarts_today: 0,
        waiting_messages: 0,
        last_line: String::new(),
        model: String::new(),
        kind: "loop".to_string(),
        restart: "always".to_string(),
        deadlines: Vec::new(),
        host: "devbox".to_string(),
        dir: "/deck/clones/builder".to_string(),
        deliver_in_turn: false,
        gauges: Gauges::default(),
        version: None,
        unclear: (0, 0),
        used_today: Used::default(),
        budget: None,
        budget_percent: None,
        billing: Billing::Unknown,
        account: None,
        account_why: String::new(),
    }
}
