//! Parses, runs, prints, and ends with the exit code.

fn main() {}
