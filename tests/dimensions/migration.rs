//! Whole migrations with `--dims`.

use std::collections::BTreeMap;

use cf_migrate::clock::Clock;
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};

use crate::cli::Shell;
use crate::data::{clustered, numbers};
use crate::naive;
use crate::support::qdrant::QdrantDouble;

/// Writes `points.ndjson`.
pub(crate) fn write_points(shell: &Shell, vectors: &[Vec<f32>]) {
    let lines = vectors.iter().enumerate();
    let lines = lines.map(|(id, vector)| json!({"id": id, "vector": vector}).to_string() + "\n");
    shell.write("points.ndjson", lines.collect::<String>());
}

/// What the index `docs` of the sandbox in `box` holds, by id.
fn held(shell: &Shell) -> BTreeMap<String, Vec<f32>> {
    let options = SandboxOptions::default();
    let sandbox = Sandbox::open(Some(&shell.path("box")), options, Clock::real()).unwrap();
    let vectors = sandbox.vectors("docs").unwrap();
    vectors
        .into_iter()
        .map(|(id, vector)| (id, vector.values))
        .collect()
}

/// The first numbers at length 1.
fn shortened(vector: &[f32], dims: usize) -> Vec<f32> {
    let mut squares = 0.0;
    for number in &vector[..dims] {
        squares += f64::from(*number) * f64::from(*number);
    }
    let norm = f64::sqrt(squares);
    let kept = vector[..dims].iter();
    kept.map(|number| (f64::from(*number) / norm) as f32)
        .collect()
}

const RUN: &str = "run points.ndjson vectorize:docs --create --sandbox=box --json";

/// The row of that many dimensions.
pub(crate) fn row(report: &Value, dims: u64) -> Value {
    let rows = report["dimensions"]["recall"]["rows"].as_array().unwrap();
    let found = rows.iter().find(|row| row["dims"] == dims);
    found
        .unwrap_or_else(|| panic!("no row of {dims} in {report}"))
        .clone()
}

#[track_caller]
pub(crate) fn check_row(report: &Value, vectors: &[Vec<f32>], dims: usize) {
    let row = row(report, dims as u64);
    let (mean, min) = naive::recall(vectors, dims);
    assert!(
        (row["mean"].as_f64().unwrap() - mean).abs() < 1e-9,
        "{row} {mean}"
    );
    assert!(
        (row["min"].as_f64().unwrap() - min).abs() < 1e-9,
        "{row} {min}"
    );
}

#[test]
fn long_vectors_are_shortened_and_proven_with_the_recall_told_before() {
    let shell = Shell::new();
    let vectors = clustered(60, 3_072, 3);
    write_points(&shell, &vectors);
    let told = shell.run(&format!("{RUN} --dims 1536")).ends(0).says(
        "of every vector's 3072 numbers the first 1536 are kept and renormalised to length 1",
    );
    let (before, after) = told.stderr.split_once("upsert").unwrap();
    assert!(
        before.contains("recall@10 of exact search with the first numbers"),
        "{told}"
    );
    assert!(
        after.contains("3072 shortened to 1536, renormalised; recall@10 mean"),
        "{told}"
    );
    let report = told.json();
    assert_eq!(report["outcome"], "proven");
    let facts = &report["dimensions"];
    assert_eq!(
        (&facts["from"], &facts["to"]),
        (&json!(3_072), &json!(1_536))
    );
    assert_eq!(facts["renormalised"], true);
    let recall = &facts["recall"];
    assert_eq!((&recall["k"], &recall["base"]), (&json!(10), &json!(60)));
    assert_eq!(
        (&recall["queries"], &recall["left_out"]),
        (&json!(60), &json!(0))
    );
    for dims in [1_536, 1_024, 768, 512, 256] {
        check_row(&report, &vectors, dims);
    }
    let held = held(&shell);
    assert_eq!(held.len(), 60);
    for (id, vector) in vectors.iter().enumerate() {
        assert_eq!(held[&id.to_string()], shortened(vector, 1_536));
    }
}

#[test]
fn a_later_start_needs_no_dims_and_shows_the_figures_of_the_first() {
    let shell = Shell::new();
    write_points(&shell, &clustered(30, 80, 3));
    let first = shell.run(&format!("{RUN} --dims 64")).ends(0);
    // What was measured is kept: the step does not come again.
    assert!(
        first.stderr.contains("recall: 30 queries among 30 points"),
        "{first}"
    );
    let second = shell.run(RUN).ends(0).says("recall@10");
    assert!(!second.stderr.contains("queries among"), "{second}");
    assert_eq!(first.json()["dimensions"], second.json()["dimensions"]);
    assert_eq!(second.json()["points"]["unchanged"], 30);
}

#[test]
fn a_recorded_collection_is_shortened() {
    let mut shell = Shell::new();
    let server = QdrantDouble::recorded("wide3072").start();
    shell.set("QDRANT_URL", &server.grpc_url());
    shell.set("QDRANT_REST_PORT", &server.rest_port().to_string());
    let line = "qdrant:wide3072 vectorize:docs --create --sandbox=box --json";
    let plan = shell.run(&format!("plan {line}")).ends(7).json();
    assert_eq!(plan["dimensions"]["recall"]["base"], 12);
    shell.write("cf-migrate.toml", "[mapping]\ndims = 1024\n");
    let report = shell.run(&format!("run {line}")).ends(0).json();
    assert_eq!(plan["dimensions"]["recall"]["rows"][1], row(&report, 1_024));
    assert_eq!(report["outcome"], "proven");
    assert_eq!(report["dimensions"]["recall"]["base"], 12);
    let held = held(&shell);
    assert_eq!(held.len(), 12);
    for vector in held.values() {
        assert_eq!(vector.len(), 1_024);
        let norm: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((norm - 1.0).abs() < 1e-6);
    }
}

#[test]
fn points_that_lack_the_vector_are_left_out_of_the_sample() {
    let mut shell = Shell::new();
    let server = QdrantDouble::recorded("named").start();
    shell.set("QDRANT_URL", &server.grpc_url());
    shell.set("QDRANT_REST_PORT", &server.rest_port().to_string());
    let line = "run qdrant:named vectorize:docs --create --sandbox=box --json --vector title --dims 32 --allow-rejects 4";
    let told = shell.run(line).ends(3);
    let told =
        told.says("all 40 points of the archive, without 4 that came again later, have no vector");
    let recall = &told.json()["dimensions"]["recall"];
    assert_eq!(
        (&recall["base"], &recall["left_out"]),
        (&json!(36), &json!(4))
    );
    assert_eq!(recall["queries"], 36);
}

#[test]
fn other_metrics_are_not_renormalised_and_that_is_a_warning() {
    for metric in ["euclidean", "dot-product"] {
        let shell = Shell::new();
        let vectors = clustered(12, 48, 8);
        write_points(&shell, &vectors);
        let report = shell
            .run(&format!("{RUN} --dims 32 --metric {metric}"))
            .ends(0)
            .json();
        assert_eq!(report["dimensions"]["renormalised"], false);
        let warnings = report["warnings"].to_string();
        let why = format!("not renormalised: the index compares by {metric}");
        assert!(warnings.contains(&why), "{warnings}");
        assert!(
            warnings.contains("would change which are neighbours"),
            "{warnings}"
        );
        for (id, vector) in held(&shell) {
            assert_eq!(vector, vectors[id.parse::<usize>().unwrap()][..32]);
        }
    }
}

#[test]
fn as_many_as_there_are_is_said_to_change_nothing() {
    let shell = Shell::new();
    let vectors: Vec<Vec<f32>> = (1..5).map(|seed| numbers(40, seed)).collect();
    write_points(&shell, &vectors);
    let told = shell.run(&format!("{RUN} --dims 40")).ends(0);
    let told = told.says("--dims 40 is what the vectors have: they are sent as they are");
    let facts = &told.json()["dimensions"];
    assert_eq!(
        *facts,
        json!({"from": 40, "to": 40, "renormalised": false, "recall": null})
    );
    for (id, vector) in held(&shell) {
        assert_eq!(vector, vectors[id.parse::<usize>().unwrap()]);
    }
}

#[test]
fn without_dims_nothing_is_said_of_them() {
    let shell = Shell::new();
    write_points(&shell, &clustered(3, 40, 1));
    let told = shell.run(RUN).ends(0);
    assert_eq!(told.json()["dimensions"], Value::Null);
    assert!(!told.stderr.contains("recall"), "{told}");
}

#[test]
fn a_vector_of_which_nothing_is_left_is_warned_of_before_the_first_write() {
    let shell = Shell::new();
    let mut vectors = clustered(5, 64, 1);
    vectors[2][..32].fill(0.0);
    write_points(&shell, &vectors);
    // The sandbox refuses zero vectors under cosine; whether Vectorize does is open.
    let told = shell.run(&format!("{RUN} --dims 32")).ends(3);
    let (before, _) = told.stderr.split_once("upsert").unwrap();
    assert!(
        before.contains("1 point: The vector is all zeros"),
        "{told}"
    );
    assert!(
        shell
            .read("docs.migration/rejected.ndjson")
            .contains("all values are zero")
    );
    assert_eq!(held(&shell).len(), 4);
    let told = shell.run(&format!(
        "{RUN} --dims 32 --doubtful reject --dir other --overwrite"
    ));
    told.ends(7).says("2: The vector is all zeros");
}

#[test]
fn one_point_has_no_neighbours_to_lose() {
    let shell = Shell::new();
    write_points(&shell, &clustered(1, 64, 1));
    let told = shell.run(&format!("{RUN} --dims 32")).ends(0);
    let told = told.says("could not be measured: too few points");
    assert_eq!(told.json()["dimensions"]["recall"], Value::Null);
}

#[test]
fn transform_shortens_and_tells_without_an_account() {
    let shell = Shell::new();
    let vectors = clustered(15, 64, 1);
    write_points(&shell, &vectors);
    let told = shell
        .run("transform points.ndjson out.ndjson --dims 48 --json")
        .ends(0);
    check_row(&told.json(), &vectors, 48);
    for line in shell.read("out.ndjson").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id: usize = record["id"].as_str().unwrap().parse().unwrap();
        let numbers = record["values"].as_array().unwrap().iter();
        let values: Vec<f32> = numbers
            .map(|number| number.to_string().parse().unwrap())
            .collect();
        assert_eq!(values, shortened(&vectors[id], 48));
    }
}
