//! A source that changes between two runs: what is new or changed is sent and nothing
//! else, what vanished is told or deleted, and whatever happens on the way the same
//! command comes to the same end. On a simulated clock.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod changes;
mod last_pass;
mod live;
mod passes;
mod prune;
mod prune_queue;
