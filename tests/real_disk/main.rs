//! The binary on disks that really are full, limited, read-only or gone. What needs
//! a mount of its own is left out, with a word, where this machine allows none.
//!
//! Apart from `tests/disk`: a process that is started holds its parent's locks for a
//! moment.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;

mod disks;
