//! What a row's test works with: a shell whose variables name a served sandbox,
//! a Qdrant double where it wants one, and files made on the spot.

use serde_json::{Map, Value, json};

use crate::cli::{Shell, Told, sample};
use crate::cloud::{ACCOUNT, Cloud, TOKEN};
use crate::support::qdrant::{QdrantDouble, Server};
use crate::support::upstash::{self, UpstashDouble};

/// The options of the sample's migration.
pub(crate) const MAPPED: &str = "--id '{file_id}_{chunk_index}'";

pub(crate) struct Bench {
    pub(crate) shell: Shell,
    pub(crate) cloud: Cloud,
    qdrant: Option<Server>,
    upstash: Option<upstash::Server>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut shell = Shell::new();
        let cloud = Cloud::start();
        shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
        shell.set("CLOUDFLARE_API_TOKEN", TOKEN);
        shell.set("CLOUDFLARE_API_BASE_URL", &cloud.url());
        Self {
            shell,
            cloud,
            qdrant: None,
            upstash: None,
        }
    }

    /// What was done so far was preparation.
    pub(crate) fn prepared(&mut self) {
        self.cloud.forget_calls();
    }

    pub(crate) fn run(&self, line: &str) -> Told {
        self.shell.run(line)
    }

    /// Runs the sample's migration, with more options.
    pub(crate) fn run_sample(&self, options: &str) -> Told {
        self.run(&format!(
            "run {} vectorize:docs {MAPPED} {options}",
            sample()
        ))
    }

    /// The sample is migrated; what follows is the test.
    pub(crate) fn migrated(&mut self) {
        self.run_sample("--create").ends(0);
        self.prepared();
    }

    /// `points.ndjson` with these lines, migrated with `options`.
    pub(crate) fn run_lines(&self, lines: &[Value], options: &str) -> Told {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        self.run_text(&lines.join("\n"), options)
    }

    pub(crate) fn run_text(&self, text: &str, options: &str) -> Told {
        self.shell.write("points.ndjson", text);
        self.run(&format!("run points.ndjson vectorize:docs {options}"))
    }

    /// A running Qdrant, which `QDRANT_URL` names.
    pub(crate) fn serve(&mut self, double: QdrantDouble) -> &Server {
        let server = double.start();
        self.shell.set("QDRANT_URL", &server.grpc_url());
        self.shell
            .set("QDRANT_REST_PORT", &server.rest_port().to_string());
        self.qdrant.insert(server)
    }

    /// The Qdrant that was served last.
    pub(crate) fn qdrant(&self) -> &Server {
        self.qdrant.as_ref().expect("one is served")
    }

    /// A running Upstash index, which the variables name.
    pub(crate) fn serve_upstash(&mut self, double: UpstashDouble) -> &upstash::Server {
        let server = double.start();
        self.shell.set("UPSTASH_VECTOR_REST_URL", &server.url());
        self.shell.set("UPSTASH_VECTOR_REST_TOKEN", upstash::TOKEN);
        self.upstash.insert(server)
    }

    /// The Upstash index that was served last.
    pub(crate) fn upstash(&self) -> &upstash::Server {
        self.upstash.as_ref().expect("one is served")
    }

    /// The index migrated, all namespaces of it.
    pub(crate) fn run_upstash(&mut self, double: UpstashDouble) -> Told {
        self.serve_upstash(double);
        self.run("run upstash: vectorize:docs --create")
    }

    /// The recorded collection, migrated.
    pub(crate) fn run_recorded(&mut self, name: &str, options: &str) -> Told {
        self.serve(QdrantDouble::recorded(name));
        self.run(&format!("run qdrant:{name} vectorize:docs {options}"))
    }
}

/// A point in Qdrant's form with a vector of 32 dimensions.
pub(crate) fn point(id: impl Into<Value>, payload: &Value) -> Value {
    json!({"id": id.into(), "vector": vec![0.5; 32], "payload": payload})
}

/// A point whose vector is that text.
pub(crate) fn with_vector(vector: &str) -> String {
    format!(r#"{{"id": 1, "vector": {vector}, "payload": {{}}}}"#)
}

/// A payload of one field.
pub(crate) fn payload(field: &str, value: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(field.to_owned(), value.into())]))
}
