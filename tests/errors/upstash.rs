//! Upstash Vector: reaching an index, being let in, and what cannot be read or has no
//! place in Vectorize.

use serde_json::json;

use crate::account::closed_port;
use crate::bench::Bench;
use crate::cli::Told;
use crate::support::upstash::{Failure, READ_ONLY, Switch, UpstashDouble};

const ALL: &str = "run upstash: vectorize:docs --create";

fn index() -> UpstashDouble {
    UpstashDouble::dense(32).generated("acme", "a", 600)
}

/// Reads the first page, is stopped at the second by the plan's limit, and goes on
/// after that change.
fn stopped_halfway(bench: &mut Bench, change: impl Fn(&crate::support::upstash::Server)) -> Told {
    let server = bench.serve_upstash(index());
    server.set(Switch::After(
        "range",
        2,
        Failure::Told(403, "daily query limit exceeded"),
    ));
    bench.run(ALL).ends(5);
    let server = bench.upstash();
    server.set(Switch::After("range", 2, Failure::None));
    change(server);
    bench.run(ALL)
}

rows! {
    fn upstash_unreachable(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_URL", &format!("http://127.0.0.1:{}", closed_port()));
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "token");
        bench.run(ALL)
    }

    fn upstash_token_wrong(bench) {
        bench.serve_upstash(index());
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "a-wrong-token");
        let told = bench.run(ALL);
        assert!(!told.stderr.contains("a-wrong-token"), "{told}");
        told
    }

    fn upstash_token_read_only(bench) {
        bench.serve_upstash(index().switch(Switch::ReadOnlyRefused(&["range"])));
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", READ_ONLY);
        bench.run(ALL)
    }

    fn upstash_website(bench) {
        bench.run_upstash(index().switch(Switch::Fail("info", 99, Failure::Html(200))))
    }

    fn upstash_wrong_path(bench) {
        let url = bench.serve_upstash(index()).url();
        bench.shell.set("UPSTASH_VECTOR_REST_URL", &format!("{url}/console/vector"));
        bench.run(ALL)
    }

    fn upstash_namespace_missing(bench) {
        bench.serve_upstash(index());
        bench.run("run upstash:acne vectorize:docs --create")
    }

    fn upstash_namespace_empty(bench) {
        bench.serve_upstash(index().with_empty("void"));
        bench.run("run upstash:void vectorize:docs --create")
    }

    fn upstash_index_empty(bench) {
        bench.run_upstash(UpstashDouble::dense(32))
    }

    fn upstash_sparse_only(bench) {
        bench.run_upstash(index().kind("SPARSE"))
    }

    fn upstash_plan_limit(bench) {
        let limit = Failure::Told(400, "Exceeded daily query limit");
        bench.run_upstash(index().switch(Switch::Fail("range", 99, limit)))
    }

    fn upstash_held_off(bench) {
        bench.run_upstash(index().switch(Switch::Fail("range", 99, Failure::RetryAfter(429, "3600"))))
    }

    fn upstash_cursor_invalid(bench) {
        stopped_halfway(bench, |server| server.set(Switch::CursorsInvalid(true)))
    }

    fn upstash_namespace_gone(bench) {
        stopped_halfway(bench, |server| {
            server.delete_namespace("acme");
            server.put("other", json!({"id": "x", "vector": vec![1; 32]}));
        })
    }

    fn upstash_cursor_again(bench) {
        bench.run_upstash(index().switch(Switch::CursorsCircle(true)))
    }

    fn upstash_vector_unreadable(bench) {
        let bad = json!({"id": "bad", "vector": [1, 2, 3]});
        bench.run_upstash(index().with("acme", vec![bad]))
    }

    fn upstash_same_id_twice(bench) {
        bench.run_upstash(UpstashDouble::dense(32).generated("a", "x", 3).generated("b", "x", 2))
    }
}
