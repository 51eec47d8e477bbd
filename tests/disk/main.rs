//! The disk and the clock as they can be: full, failing, read-only, gone; set
//! forward and back, asleep. Whatever happens, the run stops with clear words or
//! comes to its end, writes nothing false, and the same command goes on.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod clock;
mod every_change;
