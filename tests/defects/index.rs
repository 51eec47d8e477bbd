//! Defects of the index itself.

use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::json;

use crate::binary::{INDEX, values};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};

const POINTS: u64 = 45;

/// A proven migration without a file index, so that no finding of the index
/// shows in two places.
async fn proven() -> Simulation {
    let mut simulation = Simulation::new(POINTS, |_| {});
    simulation.file_index = false;
    simulation.run().await.expect_code(0).check_sum();
    simulation
}

async fn verified(simulation: &Simulation) -> Outcome {
    let found = simulation.verify().await.expect_code(4);
    assert_eq!(found.report["outcome"], "differences");
    assert_eq!(found.report["verification"]["verdict"], "different");
    // A later run sees it too: it does not take its own memory for the truth.
    simulation.run().await.expect_code(4);
    found
}

/// Puts a vector into the index that nobody of ours wrote.
fn add_stranger(simulation: &Simulation) {
    let vector = StoredVector {
        namespace: None,
        values: values(1, DIMENSIONS),
        metadata: None,
    };
    simulation
        .sandbox
        .put_vector(INDEX, "stranger", &vector)
        .unwrap();
}

fn change(simulation: &Simulation, id: &str, change: impl FnOnce(&mut StoredVector)) {
    let mut vector = simulation.sandbox.vectors(INDEX).unwrap()[id].clone();
    change(&mut vector);
    simulation.sandbox.put_vector(INDEX, id, &vector).unwrap();
}

#[track_caller]
fn expect_only(found: &Outcome, kind: &str, examples: &[&str]) {
    assert_eq!(found.kinds(), [kind], "{:#}", found.report);
    let (count, told) = found.finding(kind);
    assert_eq!(
        (count, told.as_slice()),
        (examples.len() as u64, strings(examples).as_slice())
    );
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_untouched_index_is_verified_equal() {
    let simulation = proven().await;
    let found = simulation.verify().await.expect_code(0);
    assert_eq!(found.report["verification"]["verdict"], "equal");
    assert_eq!(found.number("/verification/values_sampled"), POINTS);
}

#[tokio::test(start_paused = true)]
async fn lost_vectors_are_found_missing() {
    let simulation = proven().await;
    for id in ["f2_3", "f0_0"] {
        assert!(simulation.sandbox.remove_vector(INDEX, id).unwrap());
    }
    let found = verified(&simulation).await;
    expect_only(&found, "missing", &["f0_0", "f2_3"]);
    assert_eq!(found.number("/verification/missing"), 2);
    assert_eq!(found.number("/verification/values_different"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vector_that_nobody_of_ours_wrote_is_found_extra() {
    let simulation = proven().await;
    add_stranger(&simulation);
    let found = verified(&simulation).await;
    expect_only(&found, "extra", &["stranger"]);
    assert_eq!(found.number("/verification/extra"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_bit_of_one_float_is_found() {
    let simulation = proven().await;
    change(&simulation, "f4_1", |vector| {
        vector.values[17] = f32::from_bits(vector.values[17].to_bits() ^ 1);
    });
    let found = verified(&simulation).await;
    assert_eq!(found.kinds(), ["values"]);
    let (count, examples) = found.finding("values");
    assert_eq!(count, 1);
    assert!(
        examples[0].starts_with("f4_1: number 17 is "),
        "{examples:?}"
    );
    assert_eq!(found.number("/verification/values_different"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vector_with_other_numbers_altogether_is_found() {
    let simulation = proven().await;
    change(&simulation, "f4_1", |vector| {
        vector.values = values(77, DIMENSIONS)
    });
    assert_eq!(verified(&simulation).await.finding("values").0, 1);
}

#[tokio::test(start_paused = true)]
async fn changed_lost_and_added_metadata_is_found() {
    let simulation = proven().await;
    change(&simulation, "f1_0", |vector| {
        vector.metadata.as_mut().unwrap()["text"] = json!("another");
    });
    change(&simulation, "f1_1", |vector| {
        vector
            .metadata
            .as_mut()
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("weight");
    });
    change(&simulation, "f1_2", |vector| {
        vector.metadata.as_mut().unwrap()["new"] = json!(1);
    });
    change(&simulation, "f1_3", |vector| vector.metadata = None);
    let found = verified(&simulation).await;
    let wanted = [
        "f1_0: `text` differs",
        "f1_1: `weight` differs",
        "f1_2: `new` differs",
        "f1_3: `chunk_index` differs",
    ];
    expect_only(&found, "metadata", &wanted);
}

#[tokio::test(start_paused = true)]
async fn a_vector_in_another_namespace_is_found() {
    let simulation = proven().await;
    change(&simulation, "f3_3", |vector| {
        vector.namespace = Some("elsewhere".to_owned())
    });
    let found = verified(&simulation).await;
    expect_only(
        &found,
        "namespace",
        &["f3_3: namespace \"elsewhere\" instead of none"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_count_that_the_list_does_not_bear_out_is_found() {
    for change in [-1, 1] {
        let simulation = proven().await;
        simulation.sandbox.miscount(INDEX, change).unwrap();
        let found = verified(&simulation).await;
        let counted = POINTS.saturating_add_signed(change);
        // The list's own total is wrong too, but its ids are as many as must be.
        expect_only(
            &found,
            "count",
            &[&format!(
                "the index counts {counted} vectors, its list holds {POINTS} ids"
            )],
        );
        assert_eq!(
            found.report["verification"]["counts"][0],
            found.finding("count").1[0].as_str()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn defects_of_every_kind_at_once_are_all_found() {
    let simulation = proven().await;
    simulation.sandbox.remove_vector(INDEX, "f0_0").unwrap();
    add_stranger(&simulation);
    change(&simulation, "f1_0", |vector| vector.values[0] += 1.0);
    change(&simulation, "f1_1", |vector| vector.metadata = None);
    change(&simulation, "f1_2", |vector| {
        vector.namespace = Some("n".to_owned())
    });
    simulation.sandbox.miscount(INDEX, 5).unwrap();
    let found = verified(&simulation).await;
    assert_eq!(
        found.kinds(),
        [
            "count",
            "extra",
            "metadata",
            "missing",
            "namespace",
            "values"
        ]
    );
    assert_eq!(found.number("/verification/values_different"), 4);
}

#[tokio::test(start_paused = true)]
async fn one_bad_vector_in_a_sample_of_all_stretches_shows_when_it_is_drawn() {
    let mut simulation = proven().await;
    // A tenth of the values is read back; the lost one is found all the same,
    // because every id is looked at.
    simulation.sample = 4;
    simulation.sandbox.remove_vector(INDEX, "f8_4").unwrap();
    let found = simulation.verify().await.expect_code(4);
    assert_eq!(found.number("/verification/values_sampled"), 4);
    assert_eq!(found.finding("missing"), (1, strings(&["f8_4"])));
}
