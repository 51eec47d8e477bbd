//! Taking back what a migration wrote, on a simulated clock: whatever was there
//! before is there again, bit for bit, and whatever somebody changed since stays.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../catchup/live.rs"]
#[allow(dead_code, reason = "shared with the tests of catching up")]
mod live;
#[path = "../support/simulation.rs"]
mod simulation;

mod account;
mod changed;
mod crashes;
mod faults;
mod generations;
mod overwritten;
mod plain;
mod prompt;
mod scene;
mod slow_looks;
mod stale;
