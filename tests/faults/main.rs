//! Whole migrations while things go wrong, on a simulated clock: what passes is
//! got over, what does not pass is told, nothing hangs, and no more is sent than
//! has to be.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod backup;
mod counting;
mod crashes;
mod economy;
mod listing;
mod matrix;
mod mending;
mod poison;
mod repeats;
mod settling;
mod stale_kv;
