//! The options that shape what is written, through the binary.

use serde_json::{Value, json};

use crate::cli::Told;
use crate::place::{Place, WHOLE};
use crate::support::qdrant::QdrantDouble;
use crate::support::upstash::{TOKEN, UpstashDouble};

/// Points that need every one of the options.
fn lines() -> String {
    let point = |id: u64, payload: &Value| {
        let mut vector = vec![0.5; 32];
        vector[0] = id as f64;
        json!({"id": id, "vector": vector, "payload": payload}).to_string()
    };
    let long = "x".repeat(70);
    [
        point(
            1,
            &json!({"doc": "f", "n": 0, "a.b": 1, "Title": "A", "text": "é".repeat(6_000)}),
        ),
        point(
            2,
            &json!({"doc": "f", "n": 1, "Title": null, "text": "t", "in": {"$x": "v", "y": null}}),
        ),
        point(
            3,
            &json!({"doc": long, "n": 0, "text": "z".repeat(10_300), "secret": "s"}),
        ),
        point(4, &json!({"doc": long, "n": 1, "text": "t", "secret": "s"})),
    ]
    .join("\n")
}

const OPTIONS: &str = "--id '{file_id}_{chunk}' --order-by chunk --map 'if .Title then .Title |= ascii_downcase else . end' \
    --rename doc=file_id,n=chunk --drop secret,typo --drop file_id --nulls drop --fix-keys _ --truncate text --long-ids hash";

fn place() -> Place {
    let place = Place::new();
    place.shell.write("points.ndjson", lines());
    place
}

fn run(place: &Place, options: &str) -> Told {
    place.run(&format!(
        "run points.ndjson vectorize:docs {WHOLE} {options}"
    ))
}

#[test]
fn a_migration_with_every_option_is_proven_and_tells_what_it_changed() {
    let place = place();
    let told = run(&place, &format!("{OPTIONS} --json")).ends(0);
    let told = told
        .says("keys changed by --fix-keys: \"$x\" is now \"_x\" (1 point), \"a.b\" is now \"a_b\" (1 point)")
        .says("2 points: The id was longer than Vectorize takes")
        .says("--drop typo: no point that became a record has this key; is it misspelt?");
    let report = told.json();
    assert_eq!(report["outcome"], "proven");
    let mapping = &report["mapping"];
    assert_eq!(
        mapping["fixed_keys"],
        json!([{"key": "$x", "becomes": "_x", "points": 1}, {"key": "a.b", "becomes": "a_b", "points": 1}])
    );
    assert_eq!(mapping["truncated"]["points"], 2);
    assert_eq!(
        (&mapping["hashed_ids"], &mapping["nulls_dropped"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(mapping["keys_not_found"], json!(["--drop typo"]));

    let (vectors, entries) = place.held();
    let metadata = |id: &str| vectors[id].metadata.clone().unwrap();
    assert_eq!(
        metadata("f_1"),
        json!({"chunk": 1, "in": {"_x": "v"}, "text": "t"})
    );
    let cut = metadata("f_0");
    assert_eq!((&cut["a_b"], &cut["Title"]), (&json!(1), &json!("a")));
    assert!((10_239..=10_240).contains(&cut.to_string().len()));
    let bytes = (12_000 - cut["text"].as_str().unwrap().len()) as u64;
    assert_eq!(mapping["truncated"]["most_bytes"], bytes);
    assert!(mapping["truncated"]["bytes"].as_u64().unwrap() > bytes);

    // The file index holds the ids that were written.
    let long: Vec<&String> = vectors.keys().filter(|id| id.starts_with('x')).collect();
    assert!(long.len() == 2 && long.iter().all(|id| id.len() == 64));
    let entry: Vec<String> =
        serde_json::from_str(&entries[&format!("file:{}", "x".repeat(70))]).unwrap();
    assert_eq!(entry.len(), 2);
    assert!(entry.iter().all(|id| vectors.contains_key(id)));
    assert_eq!(entries["file:f"], r#"["f_0","f_1"]"#);
}

#[test]
fn a_later_start_tells_the_same_and_takes_no_other_options() {
    let mut place = place();
    let first = run(&place, &format!("{OPTIONS} --json")).ends(0).json();
    place.cloud.forget_calls();
    let again = run(&place, "--json").ends(0).json();
    assert_eq!(again["mapping"], first["mapping"]);
    let refused = run(&place, "--nulls keep --map . --keep text").ends(7);
    refused
        .says("mapping.keep: [] then, [\"text\"] now")
        .says("mapping.map: if .Title then .Title |= ascii_downcase else . end then, . now")
        .says("mapping.nulls: drop then, keep now");
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn a_start_that_was_refused_takes_other_options_and_counts_anew() {
    let place = place();
    run(&place, "--fix-keys -").ends(7);
    let report = run(&place, &format!("{OPTIONS} --json")).ends(0).json();
    assert_eq!(
        report["mapping"]["fixed_keys"][1],
        json!({"key": "a.b", "becomes": "a_b", "points": 1})
    );
}

#[test]
fn the_settings_file_takes_the_same_options_and_flags_win() {
    let place = place();
    place.shell.write(
        "cf-migrate.toml",
        "[mapping]\nrename = ['doc=file_id']\nkeep = ['Title', 'text', 'a.b']\nfix-keys = '-'\nlong-ids = 'hash'\ntruncate = 'text'\nnulls = 'drop'\nmap = '.'\ndata-field = 'd'\ndrop = []\n",
    );
    let line = "transform points.ndjson out.ndjson --fix-keys _ --id '{file_id}_{n}'";
    place.run(line).ends(0);
    let out = place.shell.read("out.ndjson");
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    let keys: Vec<&String> = first["metadata"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Title", "a_b", "text"]);
}

#[test]
fn the_file_index_is_built_from_an_index_with_hashed_ids() {
    let mut place = place();
    let options = "--id '{doc}_{n}' --file-key 'file:{doc}' --order-by n --long-ids hash";
    let more = "--fix-keys _ --truncate text --nulls drop";
    place
        .run(&format!(
            "run points.ndjson vectorize:docs {WHOLE} {options} {more}"
        ))
        .ends(0);
    let entries = place.entries();
    place.cloud.forget_calls();
    place
        .run(&format!("index vectorize:docs kv:files {options}"))
        .ends(0);
    assert_eq!(place.entries(), entries);
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn shown_points_are_drawn_and_nothing_is_written() {
    let place = place();
    let before = place.shell.listing();
    let told = place
        .run(&format!("transform points.ndjson --show 3 {OPTIONS}"))
        .ends(0);
    for piece in [
        "point 1 (integer)",
        "record f_0",
        "file:f, order 0",
        "truncated",
        "\"A\"",
        "\"a\"",
        "32 dimensions: 1, 0.5, 0.5, …",
    ] {
        assert!(told.stdout.contains(piece), "no {piece:?} in\n{told}");
    }
    assert_eq!(told.stdout.matches("point ").count(), 3, "{told}");
    assert_eq!(place.shell.listing(), before);
    assert_eq!(place.cloud.calls(), []);
}

#[test]
fn shown_points_are_data_with_json_and_rejected_ones_come_first() {
    let place = place();
    let line = "transform points.ndjson out.ndjson --show 1 --id '{file_id}' --rename doc=file_id --map 'if .n == 1 then empty else . end' --truncate text --json";
    let report = place.run(line).ends(3).json();
    assert_eq!(
        place.shell.listing(),
        ["out.ndjson", "points.ndjson", "rejected.ndjson"]
    );
    let shown = report["shown"].as_array().unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["rejection"]["reason"], "metadata_key");
    assert_eq!(
        (&shown[0]["ordinal"], &shown[0]["record"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(shown[0]["payload"]["a.b"], 1);
    assert_eq!(
        shown[0]["vector"],
        json!({"dimensions": 32, "first": [1.0, 0.5, 0.5]})
    );
}

#[test]
fn the_recorded_points_of_all_kinds_pass_with_the_options_that_they_need() {
    let mut place = Place::new();
    let server = QdrantDouble::recorded("kinds").start();
    place.shell.set("QDRANT_URL", &server.grpc_url());
    place
        .shell
        .set("QDRANT_REST_PORT", &server.rest_port().to_string());
    let run = |options: &str| {
        place.run(&format!(
            "run qdrant:kinds vectorize:docs --create --json {options}"
        ))
    };
    let refused = run("").ends(7);
    let rejected = refused.json()["points"]["rejected"].as_u64().unwrap();
    // What Vectorize's published types do not cover becomes text.
    let map = r#"with_entries(.value |= if type == "object" or (type == "array" and any(type != "string")) then tojson else . end)"#;
    let options = "--fix-keys _ --nulls drop --big-ints string --truncate text --long-ids hash";
    let told = run(&format!("{options} --map '{map}'"));
    let report = told.json();
    assert!(rejected >= 2, "{refused}");
    assert_eq!(report["points"]["rejected"], 0, "{told}");
    assert_eq!(report["outcome"], "proven", "{told}");
}

#[test]
fn upstashs_data_becomes_metadata_under_the_key_that_was_asked_for() {
    let mut place = Place::new();
    let bare = json!({"id": "bare", "vector": vec![0.5; 32], "metadata": {"data": "own"}});
    let double = UpstashDouble::dense(32)
        .generated("acme", "a", 3)
        .with("", vec![bare]);
    let server = double.start();
    place.shell.set("UPSTASH_VECTOR_REST_URL", &server.url());
    place.shell.set("UPSTASH_VECTOR_REST_TOKEN", TOKEN);
    let line = "run upstash: vectorize:docs --create --data-field body --map '.length = (.body // \"\" | length)' --json";
    let told = place.run(line).ends(0);
    assert_eq!(told.json()["outcome"], "proven", "{told}");
    let vectors = place.cloud.vectors("docs");
    let metadata = |id: &str| vectors[id].metadata.clone().unwrap();
    assert_eq!(metadata("a2")["body"], "Text № 2");
    assert_eq!(metadata("a2")["length"], 8);
    assert_eq!(metadata("bare"), json!({"data": "own", "length": 0}));
    assert_eq!(vectors["a2"].namespace.as_deref(), Some("acme"));
}
