//! What several benches share: a stand-in for Cloudflare that throws away what it is
//! sent, and what a child process cost.

#![allow(dead_code, unreachable_pub, reason = "each bench uses its own part")]

pub mod cost;
pub mod line;
pub mod sink;

use std::io::Write as _;

/// One line for whoever runs the bench.
pub fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
}

/// The plain numbers among the arguments: cargo adds words of its own.
pub fn numbers() -> Vec<u64> {
    let words = std::env::args().skip(1);
    words.filter_map(|word| word.parse().ok()).collect()
}
