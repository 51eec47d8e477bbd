//! What becomes of each shape of collection that Qdrant has: the recorded answers
//! of a real server, through the binary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::Told;
use crate::place::Place;
use crate::support::qdrant::{QdrantDouble, Server, Switch};

fn with(double: QdrantDouble) -> (Place, Server) {
    let mut place = Place::new();
    let server = double.start();
    place.shell.set("QDRANT_URL", &server.grpc_url());
    let rest = server.rest_port().to_string();
    place.shell.set("QDRANT_REST_PORT", &rest);
    (place, server)
}

fn recorded(name: &str) -> (Place, Server) {
    with(QdrantDouble::recorded(name))
}

fn rejected(place: &Place) -> Vec<Value> {
    let text = place.shell.read("docs.migration/rejected.ndjson");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const NAMED: &str = "run qdrant:named vectorize:docs --create --vector title --json";

#[test]
fn points_without_the_chosen_vector_are_rejections_with_that_reason() {
    let (place, _server) = recorded("named");
    place
        .run(NAMED)
        .ends(7)
        .says("4 points cannot become records");
    let rejected = rejected(&place);
    let ids: Vec<&str> = rejected
        .iter()
        .map(|line| line["source_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["21", "91", "161", "231"]);
    for line in rejected {
        assert_eq!(line["reason"], "missing_vector");
        assert!(
            line["message"].as_str().unwrap().contains("title"),
            "{line}"
        );
    }
    let told = place.run(&format!("{NAMED} --allow-rejects 4")).ends(3);
    assert_eq!(told.json()["points"]["settled"], 36);
    assert_eq!(place.cloud.vectors("docs").len(), 36);
}

/// The sentences about the collection `named` with `title` chosen.
const LEFT_BEHIND: [&str; 2] = [
    "36 points also have the vector 'body', which stays in the archive and does not go to Vectorize",
    "40 points also have the vector 'words', which stays in the archive and does not go to Vectorize",
];

#[track_caller]
fn says_what_is_left_behind(told: &Told) {
    let report = told.json();
    assert_eq!(report["left_behind"], json!({"body": 36, "words": 40}));
    let warnings = report["warnings"].as_array().unwrap();
    for sentence in LEFT_BEHIND {
        assert!(warnings.contains(&sentence.into()), "{report:#}");
        assert!(told.stderr.contains(sentence), "{told}");
    }
}

#[test]
fn vectors_that_are_left_behind_are_counted_and_said_at_every_start() {
    let (place, _server) = recorded("named");
    for _ in 0..2 {
        says_what_is_left_behind(&place.run(NAMED).ends(7));
    }
    let line = format!("{NAMED} --allow-rejects 4");
    says_what_is_left_behind(&place.run(&line).ends(3));
    // Everything is settled, nothing is checked again.
    says_what_is_left_behind(&place.run(&line).ends(3));
}

#[test]
fn transform_says_what_it_leaves_behind_and_a_plan_of_every_point_too() {
    let (place, _server) = recorded("named");
    place.run("export qdrant:named copy --vector title").ends(0);
    let told = place.run("transform copy out.ndjson --vector title --json");
    says_what_is_left_behind(&told.ends(3));
    let plan = NAMED.replace("run ", "plan ");
    says_what_is_left_behind(&place.run(&format!("{plan} --full")).ends(7));
    let glance = place.run(&plan).ends(0).json();
    assert_eq!(glance["left_behind"], Value::Null);
    let notes = glance["notes"].as_array().unwrap();
    let told = "points may also have the vector 'body', the vector 'words': that stays in the archive and does not go to Vectorize";
    assert!(notes.contains(&told.into()), "{glance:#}");
}

#[test]
fn a_collection_with_one_vector_leaves_nothing_behind() {
    let (place, _server) = recorded("half");
    let told = place
        .run("run qdrant:half vectorize:docs --create --json")
        .ends(0);
    let report = told.json();
    assert_eq!(report["left_behind"], json!({}));
    assert_eq!(report["outcome"], "proven");
    assert_eq!(report["points"]["settled"], 5);
    told.says("The unnamed vector is stored as float16: what comes back is rounded");
}

#[test]
fn a_namespace_comes_from_the_payload() {
    let (place, _server) = recorded("named");
    let line = "run qdrant:named vectorize:docs --create --vector title --allow-rejects 4 --namespace '{tenant}'";
    place.run(line).ends(3);
    let mut tenants: BTreeMap<String, usize> = BTreeMap::new();
    for (id, vector) in place.cloud.vectors("docs") {
        let number: u64 = id.parse().unwrap();
        let tenant = format!("t{}", number / 7 % 3);
        assert_eq!(vector.namespace.as_deref(), Some(&*tenant), "{id}");
        *tenants.entry(tenant).or_default() += 1;
    }
    assert_eq!(tenants.values().sum::<usize>(), 36);
    assert_eq!(tenants.len(), 3);
}

#[test]
fn either_named_vector_can_be_the_one() {
    for (vector, dimensions) in [("title", 64), ("body", 128)] {
        let (place, _server) = recorded("named");
        let line =
            format!("run qdrant:named vectorize:docs --create --allow-rejects 4 --vector {vector}");
        place.run(&line).ends(3);
        let vectors = place.cloud.vectors("docs");
        assert_eq!(vectors.len(), 36);
        let lengths: BTreeSet<usize> = vectors.values().map(|v| v.values.len()).collect();
        assert_eq!(lengths, BTreeSet::from([dimensions]));
    }
}

#[test]
fn plan_says_of_each_shape_what_the_run_would() {
    let refused = [
        ("multi", "multivectors (several vectors a point)"),
        (
            "manhattan",
            "Manhattan distance, which Vectorize does not have",
        ),
        ("wide3072", "3072 dimensions"),
        ("tiny8", "8 dimensions"),
        ("empty", "holds no points"),
    ];
    for (name, why) in refused {
        let (place, server) = recorded(name);
        let ends = format!("qdrant:{name} vectorize:docs --create");
        place.run(&format!("run {ends}")).ends(7).says(why);
        assert_eq!(server.calls("scroll"), 0, "{name} was read");
        place.run(&format!("plan {ends}")).ends(7).says(why);
        // For what shortening would cost.
        let read = server.calls("scroll") > 0;
        assert_eq!(read, name == "wide3072", "{name}");
        assert_eq!(place.cloud.writes(), []);
    }
    for name in ["kinds", "half"] {
        let (place, _server) = recorded(name);
        place
            .run(&format!("plan qdrant:{name} vectorize:docs --create"))
            .ends(0)
            .says("is to be created");
    }
}

fn generated() -> (Place, Server) {
    with(QdrantDouble::generated("docs", 25_000, 32, 5))
}

fn manifest(place: &Place) -> Value {
    serde_json::from_str(&place.shell.read("copy/0001/manifest.json")).unwrap()
}

#[test]
fn a_large_collection_is_exported_along_lanes_and_a_lost_part_comes_back() {
    let (place, server) = generated();
    let line = "run qdrant:docs vectorize:docs --id '{file_id}_{chunk_index}' --create";
    place.run(line).ends(0).says("proven: 25000 records");
    let path = "docs.migration/archive/0001";
    let text = place.shell.read(&format!("{path}/manifest.json"));
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["lanes"].as_array().unwrap().len(), 5);
    let runs = manifest["parts"][0]["runs"].as_str().unwrap();
    assert!(runs.split(' ').count() > 5, "{runs}");

    let part = place.shell.path(&format!("{path}/part-000001.parquet"));
    let sealed = std::fs::read(&part).unwrap();
    std::fs::remove_file(&part).unwrap();
    place
        .run("verify qdrant:docs vectorize:docs --id '{file_id}_{chunk_index}'")
        .ends(0)
        .says("exporting that part again");
    assert!(std::fs::read(&part).unwrap() == sealed);
    assert_eq!(server.calls("query"), 1, "lanes were drawn anew");
}

#[test]
fn readers_may_differ_from_start_to_start_and_lanes_do_not() {
    let (mut place, server) = generated();
    let stop = Switch::Key("another");
    let export = "export qdrant:docs copy --readers";
    place.shell.set("QDRANT_API_KEY", "right");
    server.set(Switch::Key("right"));
    server.set(Switch::Delay(std::time::Duration::from_millis(200)));
    let mut killed = place.shell.start(&format!("{export} 1"));
    while server.most_pages_at_once() < 1 {
        assert!(killed.try_wait().unwrap().is_none(), "the export is over");
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let lanes = manifest(&place)["lanes"].clone();
    assert!(lanes.as_array().unwrap().len() >= 5, "{lanes:#}");
    let mut child = place.shell.start(&format!("{export} 2"));
    while server.most_pages_at_once() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "the export is over");
        std::thread::yield_now();
    }
    server.set(stop);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!(manifest(&place)["lanes"], lanes);

    server.set(Switch::Key("right"));
    place.run(&format!("{export} 3")).ends(0);
    assert_eq!(manifest(&place)["lanes"], lanes);
    assert!(server.most_pages_at_once() >= 3);
    let parts = manifest(&place)["parts"].clone();
    let points = parts.as_array().unwrap().iter();
    let points: u64 = points.map(|part| part["points"].as_u64().unwrap()).sum();
    assert_eq!(points, 25_000);
}
