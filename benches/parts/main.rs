//! The parts of a migration that cost CPU, each beside what it cannot do without.
//! Run it with
//!
//! ```sh
//! cargo bench --bench parts                       # all of them
//! cargo bench --bench parts -- encode transform   # those whose names have one of these words
//! ```
//!
//! A line tells what a part costs for one vector, and how many times its bounds that
//! is. The bounds are measured in the same run, round by round in turn with the part.
//! Costs are CPU time of all threads, user and system, the least of several rounds:
//! waiting for a disk is not in them.

mod archive;
mod data;
mod encode;
mod measure;
mod neighbours;
mod payload;
mod transform;
mod verify;
#[path = "../support/words.rs"]
mod words;

use measure::Part;

/// The numbers of a vector, but where neighbours are looked for.
const DIMENSIONS: usize = 1_536;

/// A part's name and how it is set up.
type Entry = (&'static str, fn(&'static str) -> Part);

const PARTS: [Entry; 10] = [
    ("archive read", archive::read),
    ("archive write", archive::write),
    ("payload parse", payload::parse),
    ("payload canonical", payload::canonical),
    ("transform", transform::owned),
    ("transform copied", transform::borrowed),
    ("digest", transform::digest),
    ("encode", encode::encode),
    ("verify read back", verify::read_back),
    ("neighbours", neighbours::neighbours),
];

fn main() {
    let words = words::words();
    let is_none_of = |word: &&String| !PARTS.iter().any(|(name, _)| name.contains(*word));
    if let Some(word) = words.iter().find(|word| is_none_of(word)) {
        words::refuse(word, "a word of a part's name");
    }
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    for (name, part) in PARTS {
        if wanted(name) {
            part(name).run();
        }
    }
}
