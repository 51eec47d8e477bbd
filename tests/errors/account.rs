//! The Cloudflare account: reaching it, being let in, and what it holds.

use axum::http::Method;
use serde_json::json;

use crate::bench::{MAPPED, point};
use crate::cli::sample;
use crate::cloud::StandIn;

const UNAVAILABLE: &str = "<html><body><h1>503 Service Unavailable</h1></body></html>";

/// An answer that the client gives up on at once: it is told to wait longer than
/// it has patience.
fn in_two_hours(status: u16, body: &str) -> StandIn {
    StandIn {
        method: Method::GET,
        path: "/vectorize/v2/indexes/docs",
        status,
        headers: vec![("retry-after", "7200")],
        body: body.to_owned(),
    }
}

fn refusal(code: u32, message: &str) -> String {
    let errors = json!([{"code": code, "message": message}]);
    json!({"success": false, "errors": errors, "messages": [], "result": null}).to_string()
}

rows! {
    fn cloudflare_unreachable(bench) {
        let url = format!("http://127.0.0.1:{}/client/v4", closed_port());
        bench.shell.set("CLOUDFLARE_API_BASE_URL", &url);
        bench.run_sample("--create")
    }

    fn base_url_wrong_path(bench) {
        let url = bench.cloud.url().replace("/client/v4", "/v4");
        bench.shell.set("CLOUDFLARE_API_BASE_URL", &url);
        bench.run_sample("--create")
    }

    fn base_url_website(bench) {
        bench.cloud.answer_instead(StandIn {
            method: Method::GET,
            path: "/vectorize/v2/indexes/docs",
            status: 200,
            headers: vec![("content-type", "text/html")],
            body: "<!doctype html><title>Welcome</title>".to_owned(),
        });
        bench.run_sample("--create")
    }

    fn answer_too_large(bench) {
        bench.cloud.answer_instead(StandIn {
            method: Method::GET,
            path: "/vectorize/v2/indexes/docs",
            status: 200,
            headers: vec![("content-type", "application/json")],
            body: " ".repeat(2 << 20),
        });
        bench.run_sample("--create")
    }

    fn token_wrong(bench) {
        bench.shell.set("CLOUDFLARE_API_TOKEN", "another-token");
        let told = bench.run_sample("--create");
        assert!(!told.stderr.contains("another-token"), "{told}");
        told
    }

    fn account_not_allowed(bench) {
        bench.shell.set("CLOUDFLARE_ACCOUNT_ID", &"f".repeat(32));
        bench.run_sample("--create")
    }

    fn token_cannot_write(bench) {
        bench.cloud.create_index("docs", 384, "cosine");
        bench.prepared();
        bench.cloud.answer_instead(StandIn {
            method: Method::POST,
            path: "/upsert",
            status: 403,
            headers: Vec::new(),
            body: refusal(10000, "Authentication error"),
        });
        bench.run_sample("")
    }

    fn token_without_kv(bench) {
        bench.cloud.create_index("docs", 384, "cosine");
        bench.prepared();
        bench.cloud.answer_instead(StandIn {
            method: Method::GET,
            path: "/storage/kv/namespaces",
            status: 403,
            headers: Vec::new(),
            body: refusal(10000, "Authentication error"),
        });
        bench.run_sample("--file-index kv:files")
    }

    fn firewall_challenge(bench) {
        bench.cloud.answer_instead(StandIn {
            headers: vec![("cf-mitigated", "challenge"), ("content-type", "text/html")],
            ..in_two_hours(403, "<!DOCTYPE html><title>Just a moment...</title>")
        });
        bench.run_sample("--create")
    }

    fn gateway_error(bench) {
        bench.cloud.answer_instead(in_two_hours(503, UNAVAILABLE));
        bench.run_sample("--create")
    }

    fn account_limited(bench) {
        let body = refusal(971, "Please wait and consider throttling your request speed");
        bench.cloud.answer_instead(in_two_hours(429, &body));
        bench.run_sample("--create")
    }

    fn kv_allowance_spent(bench) wrote {
        bench.cloud.create_index("docs", 384, "cosine");
        bench.cloud.create_namespace("files");
        bench.cloud.answer_instead(StandIn {
            method: Method::PUT,
            path: "/bulk",
            status: 429,
            headers: Vec::new(),
            body: refusal(10048, "free usage limit exceeded for today"),
        });
        bench.run_sample("--file-index kv:files")
    }

    fn index_missing(bench) {
        bench.run_sample("")
    }

    fn index_missing_to_verify(bench) {
        bench.run(&format!("verify {} vectorize:docs {MAPPED}", sample()))
    }

    fn index_missing_to_export(bench) {
        bench.run("export vectorize:docs docs.archive")
    }

    fn index_as_source(bench) {
        bench.run("run vectorize:docs vectorize:other --create")
    }

    fn index_as_archive(bench) {
        bench.run("upsert vectorize:docs vectorize:other --create")
    }

    fn index_with_a_vector(bench) {
        bench.run("export vectorize:docs docs.archive --vector title")
    }

    fn backup_of_another(bench) {
        for index in ["docs", "other"] {
            bench.cloud.create_index(index, 32, "cosine");
        }
        bench.run("export vectorize:docs docs.archive").ends(0);
        bench.prepared();
        bench.run("export vectorize:other docs.archive")
    }

    fn ids_unusable(bench) {
        bench.cloud.create_index("docs", 32, "cosine");
        bench.prepared();
        std::fs::create_dir(bench.shell.path("docs.archive")).unwrap();
        bench.shell.write("docs.archive/ids.db", "no database");
        bench.run("export vectorize:docs docs.archive")
    }

    fn index_missing_to_list(bench) {
        bench.cloud.create_namespace("files");
        bench.prepared();
        bench.run("index vectorize:docs kv:files")
    }

    fn namespace_missing(bench) {
        bench.cloud.create_index("docs", 384, "cosine");
        bench.prepared();
        bench.run_sample("--file-index kv:files")
    }

    fn namespace_id_missing(bench) {
        bench.run_sample(&format!("--create --file-index kv:{}", "a".repeat(32)))
    }

    fn several_missing(bench) {
        bench.run_sample("--file-index kv:files")
    }

    fn index_other_dimensions(bench) {
        bench.cloud.create_index("docs", 512, "cosine");
        bench.prepared();
        bench.run_sample("")
    }

    fn index_fewer_dimensions(bench) {
        bench.cloud.create_index("docs", 128, "cosine");
        bench.prepared();
        bench.run_sample("")
    }

    fn index_other_dims(bench) {
        bench.cloud.create_index("docs", 128, "cosine");
        bench.prepared();
        bench.run_sample("--dims 64")
    }

    fn index_other_metric(bench) {
        bench.cloud.create_index("docs", 384, "euclidean");
        bench.prepared();
        bench.run_sample("--metric cosine")
    }

    fn ids_present(bench) {
        bench.run_lines(&[point(1, &json!({}))], "--create").ends(0);
        bench.prepared();
        bench.run_lines(&[point(1, &json!({"a": 1})), point(2, &json!({}))], "--dir other")
    }
}

/// A port of loopback on which nothing listens.
pub(crate) fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
