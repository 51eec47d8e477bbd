//! Defects of the file index. KV is a stale store, so each of them is a finding
//! only when it is still there after 90 seconds, which pass at once here.

use std::time::Duration;

use cf_migrate::sandbox::inspect::StoredEntry;
use cf_migrate::stages::index::StaleEntries;

use crate::binary::{CHUNKS, INDEX, call, create_namespace, entry, namespace_id, point, values};
use crate::simulation::{DIMENSIONS, Outcome, Simulation, Verb};

const POINTS: u64 = 45;
const RECHECK: Duration = Duration::from_secs(90);

async fn proven() -> Simulation {
    let simulation = Simulation::new(POINTS, |_| {});
    simulation.run().await.expect_code(0).check_sum();
    simulation
}

fn put(simulation: &Simulation, key: &str, entry: &StoredEntry) {
    let namespace = namespace_id(&simulation.sandbox);
    simulation
        .sandbox
        .put_entry(&namespace, key, entry)
        .unwrap();
}

fn remove(simulation: &Simulation, key: &str) {
    simulation
        .sandbox
        .remove_entry(&namespace_id(&simulation.sandbox), key)
        .unwrap();
}

fn text(value: &str) -> StoredEntry {
    StoredEntry {
        value: value.as_bytes().to_vec(),
        expiration: None,
        metadata: None,
    }
}

/// What `verify` finds, which must be one finding of that kind that was looked
/// at again for 90 seconds.
#[track_caller]
fn expect_one(found: &Outcome, kind: &str, example: &str) {
    assert_eq!(found.kinds(), [kind], "{:#}", found.report);
    assert_eq!(found.finding(kind), (1, vec![example.to_owned()]));
    assert_eq!(found.number(&format!("/verification/{kind}")), 1);
    let seconds = found.report["seconds"]["verify"].as_f64().unwrap();
    assert!(
        seconds >= RECHECK.as_secs_f64(),
        "looked again for {seconds} s only"
    );
}

async fn verified(simulation: &Simulation) -> Outcome {
    simulation.verify().await.expect_code(4)
}

/// `run` mends what it owns: it writes the file index before it verifies.
async fn mended(simulation: &Simulation) {
    let again = simulation.run().await.expect_code(0);
    assert_eq!(again.number("/file_index/written"), 1);
    assert_eq!(
        again.number("/points/settled"),
        0,
        "no record was sent again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_entry_is_found_and_written_again_by_the_next_run() {
    let simulation = proven().await;
    remove(&simulation, "file:f3");
    expect_one(
        &verified(&simulation).await,
        "file_index_missing",
        "file:f3",
    );
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn the_file_index_that_was_begun_is_compared_unasked() {
    let mut simulation = proven().await;
    simulation.file_index = false;
    remove(&simulation, "file:f3");
    let found = verified(&simulation).await;
    expect_one(&found, "file_index_missing", "file:f3");
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn ids_in_another_order_are_found() {
    let simulation = proven().await;
    put(
        &simulation,
        "file:f3",
        &entry(&["f3_0", "f3_2", "f3_1", "f3_3", "f3_4"]),
    );
    let told = "file:f3 names 5 ids where 5 belong, or in another order";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_too_few_is_found() {
    let simulation = proven().await;
    put(
        &simulation,
        "file:f3",
        &entry(&["f3_0", "f3_1", "f3_2", "f3_3"]),
    );
    let told = "file:f3 names 4 ids where 5 belong, or in another order";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_vector_has_is_found() {
    let simulation = proven().await;
    put(
        &simulation,
        "file:f3",
        &entry(&["f3_0", "f3_1", "f3_2", "f3_3", "f3_4", "f3_5"]),
    );
    let told = "file:f3 names 6 ids where 5 belong, or in another order";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_file_of_ours_is_found() {
    let simulation = proven().await;
    put(
        &simulation,
        "file:f3",
        &entry(&["f3_0", "f3_1", "f3_2", "f3_3", "f3_4", "f4_0"]),
    );
    let told = "file:f3 names 6 ids where 5 belong, or in another order";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_expires_is_found() {
    let simulation = proven().await;
    let mut expiring = entry(&["f3_0", "f3_1", "f3_2", "f3_3", "f3_4"]);
    expiring.expiration = Some(1_900_000_000);
    put(&simulation, "file:f3", &expiring);
    let told = "file:f3 expires, or not, as it should not";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_no_list_of_ids_is_found_and_left_alone() {
    let simulation = proven().await;
    put(&simulation, "file:f3", &text("{}"));
    let told = "file:f3 is no list of ids";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    // It may be somebody else's: a run refuses to write over it.
    simulation.run().await.expect_code(7);
    assert_eq!(simulation.state().entries["file:f3"], text("{}"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_none_of_whose_vectors_exists_is_found_stale() {
    let simulation = proven().await;
    put(&simulation, "file:gone", &entry(&["gone_0", "gone_1"]));
    expect_one(
        &verified(&simulation).await,
        "file_index_stale",
        "file:gone",
    );
    // It is reported, not removed.
    simulation.verb(Verb::Index).await.expect_code(0);
    assert!(simulation.state().entries.contains_key("file:gone"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_and_a_missing_count_are_found() {
    let simulation = proven().await;
    put(&simulation, "_vector_count", &text("44"));
    let told = "_vector_count is \"44\"; the index holds 45 vectors";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
    remove(&simulation, "_vector_count");
    let told = "_vector_count is missing; the index holds 45 vectors";
    expect_one(&verified(&simulation).await, "file_index_different", told);
    mended(&simulation).await;
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_vanishes_within_90_seconds_is_no_finding() {
    for (after, code) in [(80, 0), (100, 4)] {
        let simulation = proven().await;
        let state = simulation.state();
        remove(&simulation, "file:f3");
        put(&simulation, "file:f4", &entry(&["f4_0"]));
        put(&simulation, "file:gone", &entry(&["gone_0"]));
        put(&simulation, "_vector_count", &text("1"));
        let heal = async {
            simulation.clock.sleep(Duration::from_secs(after)).await;
            remove(&simulation, "file:gone");
            for key in ["file:f3", "file:f4", "_vector_count"] {
                put(&simulation, key, &state.entries[key]);
            }
        };
        let (found, ()) = tokio::join!(simulation.verify(), heal);
        let found = found.expect_code(code);
        assert_eq!(found.kinds().is_empty(), code == 0, "{:#}", found.report);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_from_a_minute_ago_is_no_finding() {
    let simulation = Simulation::new(POINTS, |options| options.stale = Duration::from_secs(60));
    let found = simulation.run().await.expect_code(0);
    assert_eq!(found.report["outcome"], "proven");
    let seconds = found.report["seconds"]["verify"].as_f64().unwrap();
    assert!(
        seconds > 40.0,
        "KV had shown the entries at once, after {seconds} s"
    );
}

/// A vector that no migration wrote.
async fn write_foreign(simulation: &Simulation, id: &str) {
    let body = serde_json::json!({"id": id, "values": values(1_000, DIMENSIONS)}).to_string();
    let path = format!("/vectorize/v2/indexes/{INDEX}/upsert");
    call(&simulation.sandbox, "POST", &path, body).await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_entry_is_pruned_when_it_still_is_stale_90_seconds_later() {
    let mut simulation = proven().await;
    put(&simulation, "file:gone", &entry(&["gone_0", "gone_1"]));
    put(&simulation, "file:late", &entry(&["late_0"]));
    put(&simulation, "file:moved", &entry(&["moved_0"]));
    put(&simulation, "file:empty", &entry(&[]));
    simulation.stale = StaleEntries::Prune;
    let application = async {
        simulation.clock.sleep(Duration::from_secs(60)).await;
        write_foreign(&simulation, "late_0").await;
        put(&simulation, "file:moved", &entry(&["f0_0"]));
    };
    let (outcome, ()) = tokio::join!(simulation.verb(Verb::Index), application);
    let outcome = outcome.expect_code(0);
    assert_eq!(outcome.number("/file_index/stale"), 1);
    let entries = simulation.state().entries;
    assert!(!entries.contains_key("file:gone"));
    assert_eq!(entries["file:late"], entry(&["late_0"]));
    assert_eq!(entries["file:moved"], entry(&["f0_0"]));
    assert_eq!(entries["file:empty"], entry(&[]));
}

/// A migration whose entries' keys begin with nothing of their own, beside keys
/// of an application.
async fn without_a_prefix() -> Simulation {
    let mut simulation = Simulation::new(POINTS, |_| {});
    simulation.mapping.file_key = Some("{file_id}".parse().unwrap());
    create_namespace(&simulation.sandbox).await;
    put(&simulation, "tags", &text(r#"["red","green"]"#));
    put(&simulation, "empty", &text("[]"));
    simulation
}

#[tokio::test(start_paused = true)]
async fn keys_of_others_are_not_stale_entries_where_every_key_could_be_one() {
    let simulation = without_a_prefix().await;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/file_index/stale"), 0);
    let told = "stale entries were not looked for: any key could be of the form {file_id}";
    assert!(
        outcome.said.iter().any(|said| said.contains(told)),
        "{:?}",
        outcome.said
    );
    assert_eq!(simulation.verify().await.expect_code(0).kinds(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn pruning_is_refused_before_the_first_write_where_every_key_could_be_an_entry() {
    let mut simulation = without_a_prefix().await;
    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.run().await.expect_code(7);
    let told = outcome.error.unwrap();
    assert!(
        told.contains("--prune cannot tell entries of the file index from other keys"),
        "{told}"
    );
    assert!(simulation.upserts.lock().unwrap().is_empty());
    let entries = simulation
        .sandbox
        .entries(&namespace_id(&simulation.sandbox));
    assert_eq!(entries.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_not_stale() {
    let simulation = proven().await;
    put(&simulation, "file:empty", &entry(&[]));
    simulation.verify().await.expect_code(0);
}

#[tokio::test(start_paused = true)]
async fn any_number_of_differences_is_looked_at_again() {
    // More than one page of suspects.
    let files = 1_200;
    let points = (0..files).map(|number| point(number * CHUNKS, 1));
    let simulation = Simulation::of(
        points.map(|mut point| {
            point["vector"] = serde_json::json!(values(1, DIMENSIONS));
            point
        }),
        |_| {},
    );
    simulation.run().await.expect_code(0);
    let state = simulation.state();
    let heal = async {
        simulation.clock.sleep(Duration::from_secs(80)).await;
        for (key, entry) in &state.entries {
            put(&simulation, key, entry);
        }
        remove(&simulation, "file:f1100");
    };
    for key in state.entries.keys().filter(|key| key.starts_with("file:")) {
        remove(&simulation, key);
    }
    let (found, ()) = tokio::join!(simulation.verify(), heal);
    expect_one(&found.expect_code(4), "file_index_missing", "file:f1100");
}
