//! FLOOR 0, pure: text -> [`model::Config`], or all problems at once with file, line, column, key and hint.
//!
//! In reading order: [`parse`] takes the files, [`raw`] takes the TOML apart, [`values`] reads single values, [`sections`],
//! [`fleet`] and [`tables`] know the keys, [`phases`] and [`prompts`] the other files. Reads no file itself.

pub mod access;
pub mod accounts;
pub mod backend;
pub mod channels;
pub mod duration;
pub mod fleet;
pub mod fnv;
pub mod grammar;
pub mod launch;
pub mod loopback;
pub mod model;
pub mod nearest;
pub mod options;
pub mod parse;
pub mod phases;
pub mod prices;
pub mod problem;
pub mod prompts;
pub mod raw;
pub mod sections;
pub mod sequence;
pub mod servers;
pub mod services;
pub mod setup;
pub mod tables;
pub mod text;
pub mod values;

pub use model::Config;
pub use parse::{Sources, load};
pub use problem::Problem;
