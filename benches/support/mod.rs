//! What several benches share: a stand-in for Cloudflare that throws away what it is
//! sent, and what a child process cost.

#![allow(dead_code, unreachable_pub, reason = "each bench uses its own part")]

pub mod cost;
pub mod line;
pub mod sink;
pub mod words;

use std::io::Write as _;

/// One line for whoever runs the bench.
pub fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
}
