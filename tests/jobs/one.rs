//! `run --job`: one of the jobs, by name or place; and their names for engines.

use crate::place::{POINTS, Place, job};

#[test]
fn one_job_is_a_run_like_any_other() {
    let place = Place::new();
    place.jobs(&["a", "b"], "");
    let report = place.run("run --job b --json").ends(0).json();
    assert_eq!(report["schema"], "cf-migrate/report/1");
    assert_eq!(report["outcome"], "proven");
    assert_eq!(place.cloud.vectors("b").len() as u64, POINTS);
    assert!(!place.shell.path("a.migration").exists());
}

#[test]
fn a_number_is_the_place_in_the_file_counted_from_0() {
    let place = Place::new();
    place.jobs(&["zebra", "ant"], "");
    place.run("run --job 0").ends(0);
    assert!(place.shell.path("zebra.migration").exists());
    assert!(!place.shell.path("ant.migration").exists());
    place.run("plan --job 1").ends(0);
    place.run("run --job 2").ends(2).says("has no job \"2\"");
}

#[test]
fn the_names_are_printed_in_the_order_of_the_file() {
    let place = Place::new();
    place.jobs(&["zebra", "ant"], "");
    let told = place.run("jobs").ends(0);
    assert_eq!(told.stdout, "zebra\nant\n");
    let listed = place.run("jobs --json").ends(0).json();
    assert_eq!(listed["jobs"][0]["name"], "zebra");
    assert_eq!(listed["jobs"][1]["to"], "vectorize:ant");
}

#[test]
fn a_folder_given_on_the_command_line_is_this_runs() {
    let place = Place::new();
    place.file("a");
    place.settings(&(job("a", "dir = 'own'") + &job("b", "")));
    place.run("run --job a").ends(0);
    assert!(place.shell.path("own/ledger.db").exists());
    // A folder of its own knows nothing of the other: what it would write is there.
    place.run("run --job a --dir elsewhere").ends(7);
}

#[test]
fn another_job_in_the_same_folder_is_a_matter_of_this_one() {
    let place = Place::new();
    place.file("a");
    place.settings(&(job("a", "dir = 'own'") + &job("b", "dir = 'own'")));
    place
        .run("run --job a")
        .ends(2)
        .says("the jobs a and b both work in the folder own");
    place.run("run --job a --dir elsewhere").ends(0);
}

#[test]
fn a_mistake_in_another_job_is_no_matter_of_this_one() {
    let place = Place::new();
    place.file("a");
    place.settings(&(job("a", "") + &job("b", "env-file = 'gone.env'")));
    place.run("run --job a").ends(0);
    place
        .run("run --all")
        .ends(2)
        .says("error: job b: gone.env cannot be read");
}

#[test]
fn a_job_is_followed_like_any_migration() {
    let place = Place::new();
    place.jobs(&["a"], "");
    let told =
        crate::stopped::signalled(&place, "run --job a --follow 1h --json", "proven: ", "-INT");
    let report = told.ends(0).json();
    assert_eq!(report["catch_up"]["passes"], 1);
}
