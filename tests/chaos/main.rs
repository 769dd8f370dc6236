//! Messages in chaos: many agents, many senders, and everything that can go wrong at once. What the agents themselves took in is compared with
//! what was wished and with what was reported, by a judge that knows nothing of how it is done.
//!
//! `messages` is the run, `checker` the judge, `soak` a fleet that goes on for hours.

mod book;
mod checker;
#[path = "../real/deck.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod deck;
#[path = "../sim/dice.rs"]
mod dice;
#[path = "../support/escapes.rs"]
mod escapes;
mod evidence;
mod fleet;
mod judged;
#[path = "../real/kept.rs"]
mod kept;
mod messages;
mod operator;
#[path = "../real/plan.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod plan;
mod senders;
mod soak;
mod texts;
mod weather;
