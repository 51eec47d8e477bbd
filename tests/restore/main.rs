//! `restore`: an archive back into Qdrant, tried on the real binary against a double
//! of the server that follows the contract: round trips of every recorded shape, what
//! is refused before anything is written, going on after failures, and a verification
//! that catches what a server stores otherwise.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod existing;
mod faults;
mod files;
mod round_trip;
mod verification;

use std::path::Path;

use cf_migrate::archive::{Archive, Generation};
use cf_migrate::point::Point;
use serde_json::Value;

use cli::{Shell, Told};
use support::qdrant::{QdrantDouble, Server};

/// A working folder, and a server that archives go into.
pub(crate) struct Bench {
    pub(crate) shell: Shell,
    pub(crate) server: Server,
}

impl Bench {
    pub(crate) fn of(double: QdrantDouble) -> Self {
        let server = double.start();
        let mut shell = Shell::new();
        shell.set("QDRANT_URL", &server.grpc_url());
        shell.set("QDRANT_REST_PORT", &server.rest_port().to_string());
        Self { shell, server }
    }

    pub(crate) fn recorded(name: &str) -> Self {
        Self::of(QdrantDouble::recorded(name))
    }

    pub(crate) fn run(&self, line: &str) -> Told {
        let told = self.shell.run(line);
        told.is_no_panic();
        told
    }

    /// Exports a collection; `options` where it needs some.
    pub(crate) fn export(&self, collection: &str, archive: &str, options: &str) {
        self.run(&format!("export qdrant:{collection} {archive} {options}"))
            .ends(0);
    }

    /// Restores, which must end proven; gives the result object.
    pub(crate) fn restore(&self, archive: &str, collection: &str, options: &str) -> Value {
        let line = format!("restore {archive} qdrant:{collection} --json {options}");
        let report = self.run(&line).ends(0).json();
        assert_eq!(report["outcome"], "proven", "{report}");
        report
    }

    pub(crate) fn generation(&self, archive: &str) -> Generation {
        generation(&self.shell.path(archive))
    }

    pub(crate) fn points(&self, archive: &str) -> Vec<Point> {
        let generation = self.generation(archive);
        let points = generation.read(0..u64::MAX).unwrap();
        points.map(|read| read.unwrap().1).collect()
    }

    /// What was called that writes.
    pub(crate) fn writes(&self) -> u64 {
        let methods = ["create", "create_field_index", "upsert"];
        methods.iter().map(|method| self.server.calls(method)).sum()
    }
}

fn generation(archive: &Path) -> Generation {
    Archive::at(archive).current().unwrap().unwrap()
}
