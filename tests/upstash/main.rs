//! Whole migrations out of Upstash Vector: the real binary between a double of the
//! service and a served sandbox, whose state is compared tenant by tenant.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/mod.rs"]
mod support;

mod resuming;
mod shapes;
mod tenants;
mod verbs;

use std::collections::BTreeMap;

use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::Value;

use crate::cli::{Shell, Told};
use crate::cloud::{ACCOUNT, Cloud, TOKEN};
use crate::support::upstash::{self, Server, UpstashDouble, generated, values};

/// The least that Vectorize takes.
const DIMENSIONS: usize = 32;
/// The whole migration, ids unique in the whole index.
const WHOLE: &str = "run upstash: vectorize:docs --create --id '{namespace}:{id}'";

/// An index, an account, and a folder to work in.
struct Place {
    shell: Shell,
    cloud: Cloud,
    server: Server,
}

impl Place {
    fn of(double: UpstashDouble) -> Self {
        let (mut shell, cloud, server) = (Shell::new(), Cloud::start(), double.start());
        shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
        shell.set("CLOUDFLARE_API_TOKEN", TOKEN);
        shell.set("CLOUDFLARE_API_BASE_URL", &cloud.url());
        shell.set("UPSTASH_VECTOR_REST_URL", &server.url());
        shell.set("UPSTASH_VECTOR_REST_TOKEN", upstash::TOKEN);
        Self {
            shell,
            cloud,
            server,
        }
    }

    fn run(&self, line: &str) -> Told {
        let told = self.shell.run(line);
        told.is_no_panic();
        told
    }

    fn held(&self) -> BTreeMap<String, StoredVector> {
        self.cloud.vectors("docs")
    }
}

/// What becomes of a generated vector.
fn expected(namespace: &str, prefix: &str, number: usize) -> (String, StoredVector) {
    let mut metadata = generated(prefix, number, DIMENSIONS)["metadata"].clone();
    metadata["data"] = Value::String(format!("Text № {number}"));
    let vector = StoredVector {
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        values: values(number, DIMENSIONS),
        metadata: Some(metadata),
    };
    (format!("{namespace}:{prefix}{number}"), vector)
}

/// The same for each of `(namespace, prefix, count)`.
fn all_expected(of: &[(&str, &str, usize)]) -> BTreeMap<String, StoredVector> {
    let each = of.iter().flat_map(|(namespace, prefix, count)| {
        (0..*count).map(|number| expected(namespace, prefix, number))
    });
    each.collect()
}

/// Fails where the two differ, naming what differs and nothing more.
#[track_caller]
fn assert_same(held: &BTreeMap<String, StoredVector>, expected: &BTreeMap<String, StoredVector>) {
    let ids = held.keys().chain(expected.keys());
    let ids: std::collections::BTreeSet<&String> = ids.collect();
    let differing = ids
        .into_iter()
        .filter(|id| held.get(*id) != expected.get(*id));
    let shown: Vec<String> = differing
        .take(3)
        .map(|id| format!("{id}: {:?}, not {:?}", held.get(id), expected.get(id)))
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}
