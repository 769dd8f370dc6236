//! The cockpit without a terminal: a fleet that the real pilot keeps, keys pressed by their names, and the picture that is
//! drawn, as text with a hash of its styles. Each test says three things: given, keys, seen.

mod desk;
mod engine;
#[path = "../support/escapes.rs"]
mod escapes;
mod fleet;
mod hostile;
mod keys;
mod keys_doc;
mod live;
mod many;
mod mouse;
mod pane;
mod picture;
mod prompts;
mod screens;
mod sizes;
mod themes;
mod world;
