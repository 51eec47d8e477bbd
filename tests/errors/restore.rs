//! Restoring into Qdrant: what has no place there, and collections that are there.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::cli::Told;
use crate::support::qdrant::{QdrantDouble, Switch, unnamed};
use crate::support::upstash::UpstashDouble;

const NAMESPACES: &str = r#"{"id": "1", "values": [1.0, 2.0], "metadata": {"a": 1}, "namespace": "eu"}
{"id": "2", "values": [3.0, 4.0], "metadata": {}}
"#;

/// A file of these lines, restored into an empty server.
fn restore_text(bench: &mut Bench, lines: &str, options: &str) -> Told {
    bench.serve(QdrantDouble::default());
    bench.shell.write("points.ndjson", lines);
    bench.run(&format!("restore points.ndjson qdrant:copy {options}"))
}

/// The recorded collection, exported into `first`.
fn exported(bench: &mut Bench, name: &str) {
    bench.serve(QdrantDouble::recorded(name));
    bench.run(&format!("export qdrant:{name} first")).ends(0);
}

/// The same, and restored as `copy`.
fn restored(bench: &mut Bench) {
    exported(bench, "tiny8");
    bench.run("restore first qdrant:copy").ends(0);
}

/// The manifest of `first`, changed.
fn change_manifest(bench: &Bench, change: impl FnOnce(&mut Value)) {
    let mut manifest: Value =
        serde_json::from_str(&bench.shell.read("first/0001/manifest.json")).unwrap();
    change(&mut manifest);
    bench
        .shell
        .write("first/0001/manifest.json", manifest.to_string());
}

rows! {
    fn restore_target_other(bench) {
        bench.shell.write("points.ndjson", NAMESPACES);
        bench.run("restore points.ndjson vectorize:docs")
    }

    fn restore_key_read_only(bench) {
        exported(bench, "tiny8");
        bench.qdrant().set(Switch::ReadOnly);
        bench.run("restore first qdrant:copy")
    }

    fn restore_distance_unknown(bench) {
        restore_text(bench, r#"{"id": 1, "vector": [1.0], "payload": {}}"#, "")
    }

    fn restore_distance_known(bench) {
        exported(bench, "tiny8");
        bench.run("restore first qdrant:copy --distance dot")
    }

    fn restore_ids(bench) {
        let lines = "{\"id\": \"doc_0\", \"vector\": [1.0], \"payload\": {}}\n{\"id\": 1, \"vector\": [1.0], \"payload\": {}}\n";
        restore_text(bench, lines, "--distance dot")
    }

    fn restore_namespaces(bench) {
        restore_text(bench, NAMESPACES, "--distance dot")
    }

    fn restore_texts(bench) {
        let vector = json!({ "id": "7", "vector": [1.0, 2.0], "data": "hello", "metadata": {} });
        bench.serve_upstash(UpstashDouble::dense(2).with("", vec![vector]));
        bench.run("export upstash: first").ends(0);
        bench.serve(QdrantDouble::default());
        bench.run("restore first qdrant:copy")
    }

    fn restore_field_taken(bench) {
        restore_text(bench, NAMESPACES, "--distance dot --namespace-field a")
    }

    fn restore_one_id_twice(bench) {
        let lines = NAMESPACES.replace("\"2\"", "\"1\"").replace("\"metadata\": {}", "\"namespace\": \"us\"");
        restore_text(bench, &lines, "--distance dot --namespace-field tenant")
    }

    fn restore_number(bench) {
        let line = r#"{"id": 1, "vector": [1.0], "payload": {"n": 1e999}}"#;
        restore_text(bench, line, "--distance dot")
    }

    fn restore_vectors_other(bench) {
        exported(bench, "tiny8");
        bench.serve(QdrantDouble::recorded("kinds"));
        bench.run("restore first qdrant:kinds --overwrite")
    }

    fn restore_points_foreign(bench) {
        restored(bench);
        bench.qdrant().put("copy", qdrant_client::qdrant::RetrievedPoint {
            id: Some(777_777.into()),
            vectors: Some(unnamed(vec![0.5; 8])),
            ..qdrant_client::qdrant::RetrievedPoint::default()
        });
        bench.run("restore first qdrant:copy")
    }

    fn restore_points_changed(bench) {
        restored(bench);
        let id = bench.qdrant().ids("copy")[0];
        let mut point = bench.qdrant().point("copy", id).unwrap();
        point.payload.insert("edited".to_owned(), true.into());
        bench.qdrant().put("copy", point);
        bench.run("restore first qdrant:copy")
    }

    fn restore_configuration_newer(bench) {
        exported(bench, "tiny8");
        change_manifest(bench, |manifest| {
            manifest["configuration"]["collection"]["config"]["hnsw_config"]["warp"] = json!(9);
        });
        bench.run("restore first qdrant:copy")
    }

    fn restore_configuration_other(bench) {
        exported(bench, "tiny8");
        change_manifest(bench, |manifest| {
            let config = &mut manifest["configuration"]["collection"]["config"];
            config["params"]["vectors_config"]["unnamed"]["size"] = json!(9);
        });
        bench.run("restore first qdrant:copy")
    }

    fn restore_server_full(bench) {
        bench.serve(QdrantDouble::generated("many", 3_000, 4, 1));
        bench.run("export qdrant:many first").ends(0);
        bench.qdrant().set(Switch::FullAfter { points: 1 });
        bench.run("restore first qdrant:copy --readers 1")
    }

    fn restore_differences(bench) {
        exported(bench, "kinds");
        let id = bench.qdrant().ids("kinds")[2];
        bench.qdrant().set(Switch::Nudge(id));
        bench.run("restore first qdrant:copy")
    }
}
