//! The lab: the real agent CLIs at work in a private tmux, in front of a model server that plays a part. Only `make lab` runs
//! it, which installs them first; where one is missing its tests fail and say so.

mod claude;
mod cli;
mod codex;
mod drill;
mod driven;
mod http;
mod opencode;
mod servers;
mod stub;
#[expect(dead_code, reason = "the lab needs a part of it")]
#[path = "../support/mod.rs"]
mod support;
