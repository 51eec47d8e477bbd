//! Verification can fail (design invariant 6): each kind of defect is injected
//! behind the program's back, and the check that is for it finds it, by name,
//! with the number of them and an example, and nothing else is said.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod file_index;
mod index;
mod source;
mod tenants;
mod terminal;
