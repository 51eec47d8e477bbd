//! `--dims`: what ends in the index, what the operator is told about it, and that
//! queries can be shortened elsewhere with the same bits.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod data;
mod examples;
mod migration;
mod naive;
mod plan;
