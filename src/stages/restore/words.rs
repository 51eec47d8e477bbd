//! What is said of a restore: what will not be as it was, and in a rehearsal what
//! would be done.

use super::look::Found;
use super::survey::{Survey, examples};
use crate::point::Distance;
use crate::report::RestoreFacts;
use crate::source::qdrant::Blueprint;
use crate::stages::context::Migration;

/// What will not be as it was.
pub(super) fn losses(migration: &Migration, blueprint: &Blueprint, survey: &Survey) {
    for name in blueprint.left_out() {
        migration.warn(format!(
            "vector {name:?} is a multivector, which an archive does not hold: the collection will have it, its points will not"
        ));
    }
    if blueprint.had_shard_keys() {
        migration.warn(
            "the collection had shard keys, which an archive does not hold: its points will be spread over shards automatically",
        );
    }
    if survey.rounded.count > 0 {
        migration.warn(format!(
            "{} points have a number with more digits than Qdrant keeps (it holds i64 and f64): {}",
            survey.rounded.count,
            examples(&survey.rounded)
        ));
    }
    if !blueprint.is_recorded() {
        migration.tell(
            "the archive does not tell how the collection was set up: payload indexes and all settings besides the vectors are left to the server",
        );
    }
}

/// What a collection would be made of that is not there.
pub(super) fn creation(migration: &Migration, blueprint: &Blueprint, facts: &RestoreFacts) {
    let shape = blueprint.shape();
    let dense = shape.dense.iter().map(|field| {
        let name = match field.name.as_str() {
            "" => "unnamed".to_owned(),
            name => format!("{name:?}"),
        };
        let dimensions = field.dimensions;
        let distance = field.distance.map_or("unknown", Distance::name);
        format!("{name} ({dimensions} dimensions, {distance})")
    });
    let sparse = shape.sparse.iter().map(|name| format!("{name:?} (sparse)"));
    let vectors: Vec<_> = dense.chain(sparse).collect();
    migration.tell(format!(
        "would create collection {:?} with the vectors {}, payload indexes on {}, and {} points",
        facts.collection,
        vectors.join(", "),
        named(&blueprint.index_fields()),
        facts.points
    ));
}

/// What would be written into a collection that is there.
pub(super) fn writing(migration: &Migration, found: &Found, facts: &RestoreFacts) {
    migration.tell(format!(
        "would write {} points into collection {:?}, {} of them in place of others, and create payload indexes on {}; {} points are there already, {} foreign ones would stay",
        facts.points - found.equal,
        facts.collection,
        found.different.count,
        named(&facts.payload_indexes),
        found.equal,
        found.foreign.count
    ));
}

fn named(fields: &[String]) -> String {
    match fields.is_empty() {
        true => "nothing".to_owned(),
        false => fields.join(", "),
    }
}
