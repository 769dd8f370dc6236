//! flightdeck keeps AI coding-agent loops working around the clock, and shows them on one screen.
//!
//! Everything that happens to us is an *event*; everything we remember is a *record*; everything we ask of the world is an
//! *effect*; everything an operator may ask of us is a *command*. In reading order:
//!
//! ```text
//!            pilot   decides: step(state, rules, now, event) -> records + effects         pure
//!            config  text -> rules, or every problem at once                              pure
//!            edge    touches the world: one file per outside thing
//!            engine  one loop: take all events, step each, write the records, act
//!            cockpit shows: the picture the engine tells, keys, and the commands they ask
//!            demo    a scripted agent, and the stage it plays on
//!            words   what happened, for people: sentences, spans, the encoder for terminals   pure
//!            cli     one file per verb
//!
//!  panes ──┐                                                    ┌─► records.db
//!  git   ──┤ events   ┌────────┐   ┌───────┐  records, effects  │
//!  hooks ──┼─────────►│ engine │──►│ pilot │───────────────────►├─► link ──► flightdeck status, send, …
//!  link  ──┤          └────────┘   └───────┘                    │
//!  clock ──┘               ▲                                    └─► tmux, processes, files
//!                          └────────────── outcomes ◄───────────────────┘
//!
//!                      ┌── picture, changes, records, a pane ──►┐
//!            engine ◄──┤ link                                   ├──► cockpit ──► frame
//!                      └◄── commands, what is watched ──────────┘       ▲
//!                             records.db, screens.db ── archive ────────┘
//! ```
//!
//! A file imports from its own floor or from below, never from above; `tests/tidy` reads the imports.

pub mod cli;
pub mod cockpit;
pub mod config;
pub mod demo;
pub mod edge;
pub mod engine;
pub mod pilot;
pub mod words;
