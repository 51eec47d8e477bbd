//! What is sent by the same command again: what is new or changed.

use cf_migrate::sandbox::Operation;
use serde_json::{Value, json};

use crate::binary::{INDEX, entry, expected_vector, values};
use crate::live::{changed, failing, live, now_holds, points, simulation};
use crate::simulation::{DIMENSIONS, Simulation, Verb};

/// Ids in the bodies of all upserts so far.
fn sent(simulation: &Simulation) -> Vec<String> {
    let bodies = simulation.upserts.lock().unwrap();
    let lines = bodies.iter().flat_map(|body| {
        let text = std::str::from_utf8(body).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let id = |line: String| {
        let record: Value = serde_json::from_str(&line).unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    lines.map(id).collect()
}

async fn migrated(points: u64) -> Simulation {
    let simulation = simulation(points);
    simulation.run().await.expect_code(0).check_sum();
    simulation.upserts.lock().unwrap().clear();
    simulation
}

#[tokio::test(start_paused = true)]
async fn a_catch_up_of_which_everything_is_refused_says_what_is_there() {
    let simulation = migrated(60).await;
    now_holds(&simulation, (0..60).map(changed));
    let simulation = simulation.refusing(40_001, ["{".to_owned()]);
    let told = simulation.run().await.expect_code(1).error.unwrap();
    assert!(
        told.contains("what earlier passes brought is there"),
        "{told}"
    );
    assert_eq!(simulation.state().vectors.len(), 60);
    let simulation = simulation.refusing(40_001, []);
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 60);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_nothing_changed() {
    let simulation = migrated(60).await;
    let before = simulation.state();
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/settled"), 0);
    assert_eq!(outcome.number("/points/unchanged"), 60);
    assert_eq!(outcome.number("/file_index/written"), 0);
    assert_eq!(sent(&simulation), Vec::<String>::new());
    assert!(before.differences(&simulation.state()).is_empty());
    assert!(
        simulation
            .folder
            .join("archive/0002/manifest.json")
            .is_file()
    );
}

/// The lines of the points with the keys of their payloads in another order.
fn with_shuffled_keys(points: &[Value]) -> String {
    let mut text = String::new();
    for point in points {
        let payload = point["payload"].as_object().unwrap();
        let fields: Vec<String> = payload
            .iter()
            .rev()
            .map(|(key, value)| format!("{}: {value}", json!(key)))
            .collect();
        let payload = fields.join(" , ");
        text.push_str(&format!(
            "{{\"payload\": {{{payload}}}, \"vector\": {}, \"id\": {}}}\n",
            point["vector"], point["id"]
        ));
    }
    text
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_only_the_order_of_keys_and_points_changed() {
    let simulation = migrated(60).await;
    let shuffled: Vec<Value> = points((0..60).rev());
    std::fs::write(&simulation.source, with_shuffled_keys(&shuffled)).unwrap();
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 0);
    assert_eq!(outcome.number("/points/unchanged"), 60);
    assert_eq!(sent(&simulation), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_new_or_changed_is_sent_and_nothing_else() {
    let simulation = migrated(60).await;
    let all = (0..63).map(|number| match number {
        3 | 41 => changed(number),
        _ => points([number]).remove(0),
    });
    now_holds(&simulation, all.collect::<Vec<_>>());
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/settled"), 5);
    assert_eq!(outcome.number("/points/unchanged"), 58);
    assert_eq!(outcome.number("/points/vanished"), 0);
    // The last one is the barrier, sent again alone.
    let mut ids = sent(&simulation);
    ids.dedup();
    assert_eq!(ids, ["f0_3", "f8_1", "f12_0", "f12_1", "f12_2"]);
    // One new entry, and the count.
    assert_eq!(outcome.number("/file_index/written"), 2);
    let state = simulation.state();
    assert_eq!(state.vectors.len(), 63);
    assert_eq!(
        state.vectors["f8_1"].metadata.as_ref().unwrap()["text"],
        "changed 41"
    );
    assert_eq!(
        state.entries["file:f12"],
        entry(&["f12_0", "f12_1", "f12_2"])
    );
    // Few calls: two batches' worth fit one upsert, and one more is the barrier.
    assert_eq!(simulation.upserts.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn generation_after_generation_is_compared_with_all_before() {
    let simulation = migrated(20).await;
    now_holds(&simulation, points(0..30));
    let second = simulation.run().await.expect_code(0);
    assert_eq!(second.number("/points/settled"), 10);
    let mut third = points(0..30);
    third[5] = changed(5);
    now_holds(&simulation, third);
    let third = simulation.run().await.expect_code(0);
    assert_eq!(third.number("/points/settled"), 1);
    assert_eq!(third.number("/points/unchanged"), 29);
    // And back to what it was in the first one.
    now_holds(&simulation, points(0..30));
    let fourth = simulation.run().await.expect_code(0);
    assert_eq!(fourth.number("/points/settled"), 1);
    let (id, vector) = expected_vector(5, DIMENSIONS);
    assert_eq!(simulation.state().vectors[&id], vector);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_what_it_was_is_not_read_again() {
    let mut simulation = simulation(20);
    simulation.open_source = None;
    simulation.run().await.expect_code(0);
    let outcome = simulation.run().await.expect_code(0);
    let said = outcome.said.join("\n");
    assert!(said.contains("there is nothing to catch up with"), "{said}");
    assert!(!simulation.folder.join("archive/0002").exists());
    assert_eq!(outcome.number("/points/unchanged"), 20);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_changed_is_caught_up_with() {
    let mut simulation = simulation(20);
    simulation.open_source = None;
    simulation.run().await.expect_code(0);
    now_holds(&simulation, points(0..22));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 2);
    assert_eq!(outcome.number("/points/unchanged"), 20);
    simulation.run().await.expect_code(0);
    assert!(!simulation.folder.join("archive/0003").exists());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_in_the_middle_of_a_run_is_caught_up_with_after_that() {
    let mut simulation = simulation(60);
    simulation.open_source = None;
    simulation.interrupt_after = Some(20);
    simulation.run().await.expect_code(130);
    simulation.interrupt_after = None;
    now_holds(&simulation, points(0..22));
    let outcome = simulation.run().await.expect_code(0);
    let said = outcome.said.join("\n");
    assert!(
        said.contains("that is finished from the archive first"),
        "{said}"
    );
    assert_eq!(outcome.number("/points/archived"), 22);
    assert_eq!(outcome.number("/points/vanished"), 38);
    assert_eq!(simulation.state().vectors.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_during_a_catch_up_loses_nothing_of_what_is_known() {
    let mut simulation = migrated(30).await;
    now_holds(&simulation, points(0..40));
    failing(&mut simulation);
    simulation.run().await.expect_code(5);
    // What was migrated can still be held against the index.
    now_holds(&simulation, points(0..30));
    let verified = simulation.verify().await.expect_code(0);
    assert_eq!(verified.number("/points/archived"), 30);
    now_holds(&simulation, points(0..40));
    live(&mut simulation);
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 10);
    assert_eq!(outcome.number("/points/unchanged"), 30);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wrote_meanwhile_under_a_new_id_refuses_the_catch_up() {
    for by_list in [false, true] {
        let simulation = migrated(30).await;
        // 30 new ids are two calls by id; the list of 30 is one page.
        let new = if by_list { 30..90 } else { 30..45 };
        now_holds(&simulation, points(0..new.end));
        let (id, mut theirs) = expected_vector(31, DIMENSIONS);
        theirs.values = values(999, DIMENSIONS);
        simulation.sandbox.put_vector(INDEX, &id, &theirs).unwrap();
        let outcome = simulation.run().await.expect_code(7);
        let error = outcome.error.as_ref().unwrap();
        assert!(error.contains("1 of the ids to be written"), "{error}");
        assert!(error.contains(&id), "{error}");
        assert_eq!(simulation.state().vectors[&id], theirs);
        let listed = simulation.sandbox.calls().count(Operation::ListVectors);
        assert_eq!(listed > 2, by_list, "{listed} pages");

        let mut simulation = simulation;
        simulation.existing = cf_migrate::stages::inventory::Existing::Overwrite;
        let outcome = simulation.run().await.expect_code(0);
        assert_eq!(outcome.number("/points/settled"), new.end - 30);
        assert_eq!(
            simulation.state().vectors[&id],
            expected_vector(31, DIMENSIONS).1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_that_others_wrote_between_two_runs_are_foreign_and_stay() {
    let simulation = migrated(30).await;
    let (_, theirs) = expected_vector(700, DIMENSIONS);
    simulation
        .sandbox
        .put_vector(INDEX, "theirs", &theirs)
        .unwrap();
    now_holds(&simulation, points(0..31));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/foreign"), 1);
    assert_eq!(simulation.state().vectors["theirs"], theirs);
}

#[tokio::test(start_paused = true)]
async fn rejections_of_a_catch_up_refuse_it_before_its_first_write() {
    let simulation = migrated(30).await;
    let mut all = points(0..35);
    all[32]["payload"]
        .as_object_mut()
        .unwrap()
        .remove("file_id");
    now_holds(&simulation, all);
    let outcome = simulation.run().await.expect_code(7);
    assert!(
        outcome
            .error
            .unwrap()
            .contains("1 point cannot become records")
    );
    assert_eq!(sent(&simulation), Vec::<String>::new());
    // Mended in the source, it goes on.
    now_holds(&simulation, points(0..35));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 5);
    assert_eq!(outcome.number("/points/unchanged"), 30);
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_is_given_as_the_source_is_caught_up_with_too() {
    let simulation = migrated(10).await;
    let outcome = simulation.verb(Verb::Index).await.expect_code(0);
    assert_eq!(outcome.number("/file_index/written"), 0);
}
