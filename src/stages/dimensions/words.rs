//! What the operator is told about shortened vectors.

use crate::report::DimensionFacts;
use crate::stages::context::Migration;
use crate::transform::{Length, Shortening, Transform};

/// What `--dims` does to the vectors; nothing where it was not given.
pub fn tell_shortening(migration: &Migration, transform: &Transform) {
    match (transform.mapping().dims, transform.shortening()) {
        (None, _) => {}
        (Some(asked), None) => migration.tell(format!(
            "--dims {asked} is what the vectors have: they are sent as they are, neither shortened nor renormalised"
        )),
        (Some(_), Some(shortening)) => tell_how(migration, transform, shortening),
    }
}

fn tell_how(migration: &Migration, transform: &Transform, shortening: Shortening) {
    let (from, to) = (shortening.from(), shortening.to());
    match shortening.length() {
        Length::Renormalised => migration.tell(format!(
            "of every vector's {from} numbers the first {to} are kept and renormalised to length 1: {SOUND}"
        )),
        Length::Left => migration.warn(format!(
            "of every vector's {from} numbers the first {to} are kept and not renormalised: the index compares by {}, where lengths count, and giving every vector length 1 would change which are neighbours. What is kept is shorter than the whole was: {SOUND}",
            transform.target().metric
        )),
    }
}

const SOUND: &str = "sound for models trained for it (Matryoshka), such as text-embedding-3-small and -large; for others the recall shows what it costs. Queries have to be shortened in the same way (docs/dimensions.md)";

/// The figures as a table.
pub(super) fn tell_recall(migration: &Migration, facts: &DimensionFacts) {
    let Some(recall) = &facts.recall else {
        migration.warn("what shortening costs a search could not be measured: too few points");
        return;
    };
    let mut table = format!(
        "recall@{} of exact search with the first numbers, against exact search with all {}:\n  {:>5}  {:>6}  {:>6}  {:>6}  {:>6}",
        recall.k, facts.from, "dims", "mean", "median", "P5", "min"
    );
    for row in &recall.rows {
        let chosen = if Some(row.dims) == facts.to {
            "  chosen"
        } else {
            ""
        };
        table.push_str(&format!(
            "\n  {:>5}  {:>6.4}  {:>6.4}  {:>6.4}  {:>6.4}{chosen}",
            row.dims, row.mean, row.median, row.p5, row.min
        ));
    }
    table.push_str(&format!("\n  {}", recall.rule));
    migration.tell(table);
}
