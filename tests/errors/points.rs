//! Points that cannot become records.

use axum::http::Method;
use serde_json::json;

use crate::bench::{payload, point};
use crate::cloud::StandIn;
use crate::support::upstash::UpstashDouble;

rows! {
    fn field_missing(bench) {
        let points = [point(1, &payload("doc", "a")), point(2, &json!({})), point(3, &json!({"doc": null}))];
        let told = bench.run_lines(&points, "--create --id '{doc}'");
        let rejected = bench.shell.read("docs.migration/rejected.ndjson");
        let ids: Vec<serde_json::Value> =
            rejected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(ids.iter().map(|line| &line["source_id"]).collect::<Vec<_>>(), ["2", "3"]);
        assert!(ids.iter().all(|line| line["reason"] == "missing_field"), "{rejected}");
        told
    }

    fn field_missing_allowed(bench) wrote {
        let points = [point(1, &payload("doc", "a")), point(2, &json!({}))];
        let told = bench.run_lines(&points, "--create --id '{doc}' --allow-rejects 1");
        assert_eq!(bench.cloud.vectors("docs").into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(bench.shell.read("docs.migration/rejected.ndjson").lines().count(), 1);
        told
    }

    fn field_wrong_type(bench) {
        bench.run_lines(&[point(1, &json!({"doc": {"name": "a"}}))], "--create --id '{doc}'")
    }

    fn ids_collide(bench) {
        let points = [point(1, &payload("doc", "a")), point(2, &payload("doc", "a"))];
        let told = bench.run_lines(&points, "--create --id '{doc}'");
        told.says("\n  1: the vector id 'a' is also that of the point '2'")
            .says("\n  2: the vector id 'a' is also that of the point '1'")
    }

    fn ids_collide_across_namespaces(bench) {
        let of = |namespace: &str| {
            let point = point("7", &json!({}));
            json!({"id": "7", "values": point["vector"], "namespace": namespace})
        };
        bench.run_lines(&[of("a"), of("b")], "--create")
    }

    fn id_too_long(bench) {
        bench.run_lines(&[point("x".repeat(65), &json!({}))], "--create")
    }

    fn metadata_too_large(bench) {
        bench.run_lines(&[point(1, &payload("text", "x".repeat(10_240)))], "--create")
    }

    fn truncate_cannot(bench) {
        let large = json!({"text": "x".repeat(10_231), "title": "ab"});
        bench.run_lines(&[point(1, &large)], "--create --truncate title")
    }

    fn keys_collide(bench) {
        bench.run_lines(&[point(1, &json!({"a.b": 1, "a_b": 2}))], "--create --fix-keys _")
    }

    fn map_text_too_deep(bench) {
        let points = [point(1, &json!({"x": "[".repeat(500_000)}))];
        bench.run_lines(&points, "--create --map '{x: .x | fromjson}'")
    }

    fn map_fails(bench) {
        let points = [point(1, &json!({"x": {"y": 1}})), point(2, &json!({"x": 1})), point(3, &json!({"x": {"y": false}}))];
        let told = bench.run_lines(&points, "--create --map 'select(.x.y)'");
        let rejected = bench.shell.read("docs.migration/rejected.ndjson");
        assert_eq!(rejected.matches("\"reason\":\"map_failed\"").count(), 2, "{rejected}");
        told
    }

    fn data_field_taken(bench) {
        let vector = json!({"id": "a", "vector": vec![0.5; 32], "metadata": {"data": 1}, "data": "text"});
        bench.run_upstash(UpstashDouble::dense(32).with("", vec![vector]))
    }

    fn rename_taken(bench) {
        bench.run_lines(&[point(1, &json!({"a": 1, "b": 2}))], "--create --rename a=b")
    }

    fn metadata_key_refused(bench) {
        bench.run_lines(&[point(1, &payload("a\"b", 1))], "--create")
    }

    fn namespace_too_long(bench) {
        bench.run_lines(&[point(1, &payload("tenant", "x".repeat(65)))], "--create --namespace '{tenant}'")
    }

    fn integer_too_big(bench) {
        bench.run_lines(&[point(1, &payload("n", 9_007_199_254_740_993_u64))], "--create")
    }

    fn file_key_too_long(bench) {
        let long = payload("file_id", "x".repeat(508));
        bench.run_lines(&[point(1, &long)], "--create --file-index kv:files")
    }

    fn refused_beyond_share(bench) wrote {
        let nulls = |number: u64| if number.is_multiple_of(2) { json!({"a": 1}) } else { json!({"a": null}) };
        let points: Vec<_> = (0..40).map(|number| point(number, &nulls(number))).collect();
        let told = bench.run_lines(&points, "--create");
        let rejected = bench.shell.read("docs.migration/rejected.ndjson");
        assert_eq!(rejected.lines().count(), 20, "those that were set aside as a class too");
        assert!(rejected.lines().all(|line| line.contains("code 40018")), "{rejected}");
        told.says("when that is mended, to go on, run: ")
    }

    fn refused_altogether(bench) wrote {
        let errors = json!([{"code": 40012, "message": "vectorize.upstream_error - invalid dimensions"}]);
        bench.cloud.answer_instead(StandIn {
            method: Method::POST,
            path: "/upsert",
            status: 400,
            headers: Vec::new(),
            body: json!({"success": false, "errors": errors, "result": null}).to_string(),
        });
        let points: Vec<_> = (0..40).map(|number| point(number, &json!({}))).collect();
        let told = bench.run_lines(&points, "--create");
        assert!(!bench.shell.path("docs.migration/rejected.ndjson").exists());
        told
    }

    fn all_rejected(bench) {
        bench.run_lines(&[point(1, &json!({}))], "--create --id '{doc}' --allow-rejects 5")
    }
}
