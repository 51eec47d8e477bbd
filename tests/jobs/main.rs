//! Many migrations from one settings file, as an operator runs them: `run --all`,
//! `run --job`, and the engines that the documentation shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/mod.rs"]
mod support;

mod all;
mod engines;
mod one;
mod place;
mod settings;
mod stopped;
