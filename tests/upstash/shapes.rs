//! Vectors that lack something, have too much, or have what Vectorize has not.

use serde_json::{Value, json};

use crate::support::upstash::{Switch, UpstashDouble, generated, values};
use crate::{DIMENSIONS, Place, WHOLE, all_expected, assert_same};

fn vector(id: &str, metadata: Value) -> Value {
    json!({"id": id, "vector": values(1, DIMENSIONS), "metadata": metadata})
}

#[test]
fn metadata_beyond_ten_kibibytes_and_vectors_without_numbers_are_rejected_by_name() {
    let long = |kibibytes: usize| json!({"text": "x".repeat(kibibytes << 10)});
    let double = UpstashDouble::dense(DIMENSIONS)
        .with(
            "t",
            vec![
                vector("nine", long(9)),
                vector("eleven", long(11)),
                vector("twelve", long(12)),
                json!({"id": "text only", "data": "no numbers"}),
                vector("none", Value::Null),
            ],
        )
        .switch(Switch::NullFields(true));
    let place = Place::of(double);
    place.run(WHOLE).ends(7);
    assert_eq!(place.cloud.writes(), []);
    place.run(&format!("{WHOLE} --allow-rejects 3")).ends(3);
    let held = place.held();
    assert_eq!(held.keys().collect::<Vec<_>>(), ["t:nine", "t:none"]);
    assert_eq!(
        held["t:none"]
            .metadata
            .as_ref()
            .map_or(0, |m| m.as_object().unwrap().len()),
        0
    );
    let rejected = place.shell.read("docs.migration/rejected.ndjson");
    for id in ["eleven", "twelve", "text only"] {
        assert!(
            rejected.contains(&format!("\"{id}\"")),
            "{id} in {rejected}"
        );
    }
    assert!(rejected.contains("missing_vector"), "{rejected}");
}

#[test]
fn a_hybrid_index_moves_its_dense_part_and_says_what_stays() {
    let mut vectors: Vec<Value> = (0..5)
        .map(|number| generated("h", number, DIMENSIONS))
        .collect();
    for vector in &mut vectors {
        vector["sparseVector"] = json!({"indices": [3, 9], "values": [0.5, 0.25]});
    }
    let double = UpstashDouble::dense(DIMENSIONS)
        .kind("HYBRID")
        .with("t", vectors);
    let place = Place::of(double);
    place
        .run(WHOLE)
        .ends(0)
        .says("The index is hybrid: its sparse vectors stay in the archive");
    assert_same(&place.held(), &all_expected(&[("t", "h", 5)]));
}

#[test]
fn the_metric_follows_the_similarity() {
    for (similarity, metric) in [
        ("COSINE", "cosine"),
        ("EUCLIDEAN", "euclidean"),
        ("DOT_PRODUCT", "dot-product"),
    ] {
        let place = Place::of(
            UpstashDouble::dense(DIMENSIONS)
                .similarity(similarity)
                .generated("t", "x", 3),
        );
        place
            .run(WHOLE)
            .ends(0)
            .says(&format!("created the index docs (32 dimensions, {metric})"));
    }
}

#[test]
fn what_the_service_gives_twice_is_written_once() {
    let double = UpstashDouble::dense(DIMENSIONS)
        .generated("a", "x", 600)
        .generated("b", "x", 300)
        .switch(Switch::Repeats(3));
    let place = Place::of(double);
    place.run(WHOLE).ends(0).says("proven: 900 records");
    assert_same(
        &place.held(),
        &all_expected(&[("a", "x", 600), ("b", "x", 300)]),
    );
}
