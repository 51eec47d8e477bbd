//! What a plan shows of `--dims`, asked for or not.

use serde_json::{Value, json};

use crate::cli::Shell;
use crate::data::clustered;
use crate::migration::{check_row, write_points};

const PLAN: &str = "plan points.ndjson vectorize:docs --create --sandbox=box --json";

#[test]
fn a_plan_measures_on_the_first_points_of_the_source() {
    let shell = Shell::new();
    let vectors = clustered(40, 200, 3);
    write_points(&shell, &vectors);
    let told = shell.run(&format!("{PLAN} --dims 64")).ends(0);
    let told = told.says("searched among the first 40 points that points.ndjson gives");
    let report = told.json();
    assert_eq!(report["dimensions"]["to"], 64);
    check_row(&report, &vectors, 64);
    assert_eq!(shell.listing(), ["points.ndjson"]);
}

#[test]
fn a_full_plan_measures_on_all_of_them() {
    let shell = Shell::new();
    let vectors = clustered(40, 200, 3);
    write_points(&shell, &vectors);
    let told = shell.run(&format!("{PLAN} --dims 64 --full")).ends(0);
    check_row(
        &told.says("all 40 points of the archive").json(),
        &vectors,
        64,
    );
}

#[test]
fn a_plan_reads_the_folders_archive_where_there_is_one() {
    let shell = Shell::new();
    let vectors = clustered(40, 200, 3);
    write_points(&shell, &vectors);
    shell
        .run("export points.ndjson docs.migration/archive")
        .ends(0);
    let told = shell.run(&format!("{PLAN} --dims 64")).ends(0);
    check_row(
        &told.says("all 40 points of the archive").json(),
        &vectors,
        64,
    );
}

#[test]
fn vectors_that_are_too_long_are_refused_with_what_shortening_would_cost() {
    let shell = Shell::new();
    let vectors = clustered(24, 3_072, 3);
    write_points(&shell, &vectors);
    for (full, of) in [
        ("", "the first 24 points"),
        ("--full", "the first 24 points"),
    ] {
        let told = shell.run(&format!("{PLAN} {full}")).ends(7);
        let told = told
            .says("shorten them with --dims 1536, the most that Vectorize takes")
            .says("cf-migrate plan FROM TO --dims 1536 measures it")
            .says(of);
        let report = told.json();
        let facts = &report["dimensions"];
        assert_eq!(
            (&facts["from"], &facts["to"]),
            (&json!(3_072), &Value::Null)
        );
        for dims in [1_536, 1_024, 512] {
            check_row(&report, &vectors, dims);
        }
    }
}

#[test]
fn a_narrower_index_is_refused_with_what_shortening_to_it_would_cost() {
    let shell = Shell::new();
    write_points(&shell, &clustered(4, 32, 3));
    shell
        .run("run points.ndjson vectorize:docs --create --sandbox=box")
        .ends(0);
    let vectors = clustered(30, 48, 3);
    write_points(&shell, &vectors);
    let told = shell.run(&format!("{PLAN} --dir other")).ends(7);
    let told = told.says("or shorten the vectors to it: --dims 32, sound for models");
    check_row(&told.json(), &vectors, 32);
}

#[test]
fn what_fits_is_not_measured() {
    let shell = Shell::new();
    write_points(&shell, &clustered(4, 48, 3));
    let told = shell.run(PLAN).ends(0);
    assert_eq!(told.json()["dimensions"], Value::Null);
    assert!(!told.stderr.contains("recall"), "{told}");
}
