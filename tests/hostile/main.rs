//! Services and files that say more than anyone may hold: the real binary against
//! them ends with an error that says so, and its memory stays small.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod files;
mod server;

use cli::Told;
use nix::sys::resource::{UsageWho, getrusage};

/// What the binary may take at most, whatever comes: coarse, and far below what each
/// of these would make it take.
const MOST_MEMORY_BYTES: i64 = 400 << 20;

/// The most that any run of the binary has taken so far.
fn most_memory_bytes() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    // Linux counts in KiB.
    usage.max_rss() * 1024
}

/// Holds that the binary ended in good order, with that code and these words, and
/// within its memory.
#[track_caller]
fn ended(told: &Told, code: i32, words: &[&str]) {
    told.is_no_panic();
    assert_eq!(told.code, Some(code), "{told}");
    for part in words {
        assert!(told.stderr.contains(part), "no {part:?} in\n{told}");
    }
    let most = most_memory_bytes();
    assert!(most < MOST_MEMORY_BYTES, "{most} bytes\n{told}");
}
