//! What concerns the operator's account and machine as a whole: the request budget
//! that all processes and other users share, secrets, the way they travel, and who
//! may read what is left on disk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and tell figures"
)]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod days;
mod echo;
mod office;
#[cfg(unix)]
mod private;
mod secrets;
mod together;
mod travel;
