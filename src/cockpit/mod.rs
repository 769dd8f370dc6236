//! FLOOR 2: the cockpit, the terminal UI. It holds the picture that the engine tells, draws it and sends commands; it never touches an
//! agent itself, and closing it disturbs nothing. Engine and cockpit know nothing of each other but the link.
//!
//! ```text
//!  flightdeck calc   ● engine 3 up 2h   2 of 4 working  1 need you     14:05:07 UTC   view/header
//!  PAUSED: flightdeck takes no action (ctrl-r goes on)                                view/banner
//!   ✓ p1 12m ─ ▶ p2 1h ─ · p3                                                         view/sequence
//!   ◆ claim(2a) 3f2a1cd 4m ago  ◆ review(1c) 9b1e2f0 31m ago
//! ╭ Fleet ───────────────────────╮╭ 1 Live  2 Recorder  3 Logbook  4 Outbox  5 Why  6 Usage ╮ view/fleet, view/panel
//! │ ■ adversary held        4m   ││                                                  │ panel/*
//! │     held: crash loop; h to…  ││  the selected agent's own screen                 │
//! │ ● builder   working    12s   ││                                                  │
//! ╰──────────────────────────────╯╰──────────────────────── builder life 2 120x40 ───╯
//!  ⚑ adversary is held: 3 restarts in 10m; `flightdeck release adversary`             view/foot
//!  enter attach  r restart  p ping  m message  : actions  ? help  q quit
//! ```
//!
//! ```text
//!  keys, mouse ─┐                                        ┌─► frame (view::draw, only when something changed)
//!  engine ──────┼─► happening ─► update(model) ─► errands┼─► command over the link
//!  clock ───────┘                                        └─► terminal lent to tmux or an editor
//! ```

pub mod action;
pub mod archive;
pub mod asked;
pub mod canvas;
pub mod cells;
pub mod compose;
pub mod fleet;
pub mod ground;
pub mod happening;
pub mod keys;
pub mod lanes;
pub mod layout;
mod lent;
pub mod mode;
pub mod model;
pub mod panel;
pub mod pick;
pub mod prompt;
mod senses;
mod shift;
pub mod sixteen;
pub mod terminal;
pub mod theme;
pub mod tint;
pub mod update;
pub mod view;

pub use shift::{Options, run};
