//! The file index in Workers KV.

use serde_json::json;

use crate::bench::{Bench, point};
use crate::cli::Told;

/// The first file of the sample.
const KEY: &str = "file:19yifg-fSBFNWDTaMmHcHZiw7Ele6YBDd";

fn run_onto(bench: &mut Bench, value: &str) -> Told {
    bench.cloud.create_index("docs", 384, "cosine");
    let namespace = bench.cloud.create_namespace("files");
    bench.cloud.put_text(&namespace, KEY, value);
    bench.prepared();
    let told = bench.run_sample("--file-index kv:files");
    assert_eq!(bench.cloud.texts(&namespace)[KEY], value);
    told
}

rows! {
    fn entry_no_json(bench) {
        run_onto(bench, "my notes")
    }

    fn entry_no_list(bench) {
        run_onto(bench, r#"{"ids": ["a"]}"#)
    }

    fn entries_before_records(bench) {
        let points = [point(1, &json!({"file_id": "a"})), point(2, &json!({}))];
        bench.run_lines(&points, "--create --id '{file_id}'").ends(7);
        bench.run("index docs.migration/archive kv:files --create")
    }

    fn file_keys_after_records(bench) {
        let long = json!({"file_id": "a".repeat(600)});
        bench.run_lines(&[point(1, &long), point(2, &json!({"file_id": "b"}))], "--create").ends(0);
        bench.prepared();
        bench.run("index docs.migration/archive kv:files --create")
    }

    fn prune_any_key(bench) {
        let namespace = bench.cloud.create_namespace("files");
        bench.cloud.put_text(&namespace, "tags", r#"["red","green"]"#);
        bench.prepared();
        bench.run_sample("--create --file-index kv:files --file-key '{file_id}' --prune")
    }
}
