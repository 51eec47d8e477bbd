//! The last pass before the switch-over, the seal it leaves, following, and what becomes
//! of older generations.

use std::num::NonZeroU32;
use std::time::Duration;

use cf_migrate::report::Report;
use cf_migrate::stages::context::Stop;
use cf_migrate::stages::follow::{Followed, Pass, follow};
use cf_migrate::stages::index::StaleEntries;

use crate::binary::write_lines;
use crate::live::{changed, failing, live, now_holds, points, simulation};
use crate::simulation::{Simulation, Verb};

#[tokio::test(start_paused = true)]
async fn a_last_pass_over_a_source_that_stands_still_seals_the_folder() {
    let simulation = simulation(20);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, points(0..22));
    let outcome = simulation.verb(Verb::RunFinally).await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 2);
    assert_eq!(outcome.report["catch_up"]["sealed"], true);
    assert!(
        outcome
            .said
            .join("\n")
            .contains("source and index are equal")
    );

    let before = simulation.state();
    for verb in [Verb::Run, Verb::RunFinally, Verb::Index] {
        let refused = simulation.verb(verb).await.expect_code(7);
        let error = refused.error.unwrap();
        assert!(
            error.contains("was sealed by its last pass on 2027"),
            "{error}"
        );
        assert!(error.contains("--reopen"), "{error}");
    }
    assert!(before.differences(&simulation.state()).is_empty());
    simulation.verify().await.expect_code(0);

    simulation.job_alone().reopen().unwrap();
    now_holds(&simulation, points(0..23));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_moves_during_the_last_pass_is_told_and_nothing_is_sealed() {
    let mut moved = points(0..20);
    moved[7] = changed(7);
    for (now, told) in [
        (moved, "1 points are new or changed"),
        (points(0..21), "1 points are new or changed"),
        (points(1..21), "1 points are new or changed, 1 are gone"),
    ] {
        let mut simulation = simulation(20);
        simulation.run().await.expect_code(0);
        let after_pass = live(&mut simulation);
        let path = simulation.source.clone();
        *after_pass.lock().unwrap() = Some(Box::new(move || write_lines(&path, now)));
        let outcome = simulation.verb(Verb::RunFinally).await.expect_code(4);
        let said = outcome.said.join("\n");
        assert!(said.contains(told), "{said}");
        assert_eq!(outcome.kinds(), ["source_moved"]);
        assert_eq!(outcome.report["catch_up"]["sealed"], false);
        // The same again finds it standing still.
        simulation.stale = StaleEntries::Prune;
        let outcome = simulation.verb(Verb::RunFinally).await.expect_code(0);
        assert_eq!(outcome.report["catch_up"]["sealed"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_whose_points_vanished_keep_the_last_pass_from_sealing() {
    let mut simulation = simulation(20);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, points(1..20));
    let outcome = simulation.verb(Verb::RunFinally).await.expect_code(4);
    assert_eq!(outcome.report["catch_up"]["sealed"], false);
    let said = outcome.said.join("\n");
    assert!(said.contains("not sealed: 1 records vanished"), "{said}");
    assert_eq!(outcome.finding("vanished").0, 1);

    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.verb(Verb::RunFinally).await.expect_code(0);
    assert_eq!(outcome.report["catch_up"]["sealed"], true);
}

#[tokio::test(start_paused = true)]
async fn a_first_run_can_be_the_last_one_too() {
    let simulation = simulation(20);
    let outcome = simulation.verb(Verb::RunFinally).await.expect_code(0);
    assert_eq!(outcome.report["catch_up"]["sealed"], true);
}

/// Follows for so many passes, an hour apart, and makes `between` happen before each.
async fn followed(
    simulation: &mut Simulation,
    passes: u64,
    mut between: impl FnMut(u64, &mut Simulation),
) -> (Followed, Vec<(u64, u64)>) {
    let (raise, stop) = Stop::new();
    let clock = simulation.clock;
    let mut ended = Vec::new();
    let how = follow(&clock, &stop, Duration::from_secs(3_600), async |number| {
        between(number, simulation);
        let outcome = simulation.verb(Verb::RunBehind).await;
        let code = outcome.report["exit_code"].as_u64().unwrap();
        let settled = outcome.report["points"]["settled"].as_u64().unwrap_or(0);
        ended.push((code, settled));
        if number == passes {
            raise.send_replace(true);
        }
        match code {
            0 => Pass::Done,
            5 => Pass::Passing,
            _ => Pass::Ended,
        }
    })
    .await;
    (how, ended)
}

#[tokio::test(start_paused = true)]
async fn following_sends_what_came_since_and_outlasts_what_passes() {
    let mut simulation = simulation(20);
    let begun = simulation.clock.now();
    let (how, ended) = followed(&mut simulation, 5, |number, simulation| match number {
        2 => now_holds(simulation, points(0..25)),
        3 => failing(simulation),
        4 => {
            live(simulation);
            now_holds(simulation, points(0..26));
        }
        _ => {}
    })
    .await;
    assert_eq!(how, Followed::Stopped);
    assert_eq!(ended, [(0, 20), (0, 5), (5, 0), (0, 1), (0, 0)]);
    let hours = (simulation.clock.now() - begun).as_secs() / 3_600;
    assert_eq!(hours, 4);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_following() {
    let mut simulation = simulation(20);
    let (how, ended) = followed(&mut simulation, 9, |number, simulation| {
        if number == 2 {
            let mut spoilt = points(0..21);
            spoilt[20]["payload"]
                .as_object_mut()
                .unwrap()
                .remove("file_id");
            now_holds(simulation, spoilt);
        }
    })
    .await;
    assert_eq!(how, Followed::Ended);
    assert_eq!(ended.len(), 2);
    assert_eq!(ended[1].0, 7);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_moves_while_it_is_followed_is_no_difference() {
    let mut simulation = simulation(20);
    simulation.run().await.expect_code(0);
    let after_pass = live(&mut simulation);
    let path = simulation.source.clone();
    *after_pass.lock().unwrap() = Some(Box::new(move || write_lines(&path, points(0..24))));
    let outcome = simulation.verb(Verb::RunBehind).await.expect_code(0);
    let said = outcome.said.join("\n");
    assert!(said.contains("the index is what the source was"), "{said}");
    assert!(outcome.number("/catch_up/generation") == 2);
    let outcome = simulation.verb(Verb::RunBehind).await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 4);
}

fn generations(simulation: &Simulation) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(simulation.folder.join("archive"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn remove_old(simulation: &Simulation, keep: u32) {
    let keep = NonZeroU32::new(keep).unwrap();
    let mut report = Report::of("run", false);
    simulation
        .job_alone()
        .remove_old(keep, &mut report)
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn older_generations_are_removed_once_the_newest_is_proven() {
    let mut simulation = simulation(10);
    for points_now in [10, 11, 12, 13] {
        now_holds(&simulation, points(0..points_now));
        simulation.run().await.expect_code(0);
    }
    // One that is not proven: nothing is removed.
    failing(&mut simulation);
    simulation.run().await.expect_code(5);
    assert_eq!(
        generations(&simulation),
        ["0001", "0002", "0003", "0004", "0005"]
    );
    remove_old(&simulation, 2);
    assert_eq!(generations(&simulation), ["0003", "0004", "0005"]);
    remove_old(&simulation, 2);
    assert_eq!(generations(&simulation), ["0003", "0004", "0005"]);
    remove_old(&simulation, 1);
    assert_eq!(generations(&simulation), ["0004", "0005"]);
    live(&mut simulation);
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/unchanged"), 13);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_in_a_generations_folder_stays() {
    let simulation = simulation(10);
    for points_now in [10, 11] {
        now_holds(&simulation, points(0..points_now));
        simulation.run().await.expect_code(0);
    }
    let notes = simulation.folder.join("archive/0001/notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    remove_old(&simulation, 1);
    assert!(notes.is_file());
    assert!(
        !simulation
            .folder
            .join("archive/0001/part-000001.parquet")
            .exists()
    );
    assert_eq!(generations(&simulation), ["0001", "0002"]);
}
