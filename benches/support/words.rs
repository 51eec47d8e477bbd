//! The words that a bench is given: one that it does not know ends it, because figures
//! of something else than was asked for are worse than none.

#![allow(dead_code, unreachable_pub, reason = "each bench uses its own part")]

use std::io::Write as _;

/// What was asked of the bench: cargo adds words of its own.
pub fn words() -> Vec<String> {
    let words = std::env::args().skip(1);
    words.filter(|word| word != "--bench").collect()
}

/// Nothing but numbers, `most` of them at most.
pub fn numbers(most: usize) -> Vec<u64> {
    let words = words();
    if words.len() > most {
        refuse(&words[most], &format!("{most} numbers at most"));
    }
    words.iter().map(|word| number(word)).collect()
}

/// The word as a number.
pub fn number(word: &str) -> u64 {
    word.parse()
        .unwrap_or_else(|_| refuse(word, "a whole number"))
}

/// Says what was not understood, and ends as programs do that were called in a wrong way.
pub fn refuse(word: &str, wanted: &str) -> ! {
    let line = format!(
        "{word:?} is not understood; wanted: {wanted}. How to run this bench stands above its code"
    );
    writeln!(std::io::stderr(), "{line}").expect("somebody reads this");
    std::process::exit(2)
}
