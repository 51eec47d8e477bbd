//! What a rollback came to, in words.

use super::findings::paragraph;
use crate::report::{RollbackFacts, Verdict};

/// The last line.
pub(super) fn verdict(facts: &RollbackFacts) -> String {
    match facts.verdict {
        None => "dry run: nothing was written".to_owned(),
        Some(Verdict::Equal) => {
            "rolled back: index and entries are as they were before this migration".to_owned()
        }
        Some(_) => "rolled back, but not everything is as it was before; see above and report.json"
            .to_owned(),
    }
}

/// What is not as it was, a paragraph a kind.
pub(super) fn findings(facts: &RollbackFacts) -> String {
    let found = facts.findings.iter();
    found
        .map(|(kind, found)| paragraph(named(kind), found))
        .collect()
}

fn named(kind: &str) -> &str {
    match kind {
        "vectors_changed" => "vectors that were changed since, and stay",
        "vectors_left" => "vectors of this migration that are in the index",
        "vectors_missing" => "vectors that were there before and are not",
        "index_missing" => "an index that was there before and is not",
        "entries_changed" => "KV entries that were changed since, and stay",
        "entries_different" => "KV entries that are not as they were",
        "overwritten_changed" => {
            "replaced vectors that are not what was written (changed since, or never replaced), and stay"
        }
        "overwritten_lost" => "replaced vectors whose old values were not saved",
        other => other,
    }
}
