//! A shell whose variables name a served sandbox, and what that sandbox holds.

use std::collections::BTreeMap;

use cf_migrate::sandbox::SandboxOptions;
use cf_migrate::sandbox::inspect::StoredVector;

use crate::cli::{Shell, Told, sample};
use crate::cloud::{ACCOUNT, Cloud, TOKEN};

/// How the sync system calls the sample's records.
pub(crate) const MAPPED: &str = "--id '{file_id}_{chunk_index}'";
/// The migration of the sample with everything that belongs to it.
pub(crate) const WHOLE: &str = "--file-index kv:files --create";

/// Vectors by id, and the file index's entries by key.
pub(crate) type Held = (BTreeMap<String, StoredVector>, BTreeMap<String, String>);

pub(crate) struct Place {
    pub(crate) shell: Shell,
    pub(crate) cloud: Cloud,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::on(Cloud::start())
    }

    pub(crate) fn with(options: SandboxOptions) -> Self {
        Self::on(Cloud::with(options))
    }

    fn on(cloud: Cloud) -> Self {
        let mut shell = Shell::new();
        shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
        shell.set("CLOUDFLARE_API_TOKEN", TOKEN);
        shell.set("CLOUDFLARE_API_BASE_URL", &cloud.url());
        Self { shell, cloud }
    }

    /// Runs a line, in which `SAMPLE` stands for the project's own sample.
    pub(crate) fn run(&self, line: &str) -> Told {
        let told = self.shell.run(&line.replace("SAMPLE", &sample()));
        told.is_no_panic();
        told
    }

    /// The whole migration of the sample.
    pub(crate) fn run_sample(&self, options: &str) -> Told {
        self.run(&format!("run SAMPLE vectorize:docs {MAPPED} {options}"))
    }

    /// What the index `docs` and the namespace `files` hold.
    pub(crate) fn held(&self) -> Held {
        (self.cloud.vectors("docs"), self.entries())
    }

    /// What the namespace `files` holds.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        self.cloud.texts(&self.cloud.namespace("files"))
    }
}

/// What an undisturbed migration of the sample ends in.
pub(crate) fn undisturbed() -> Held {
    let place = Place::new();
    place
        .run_sample(WHOLE)
        .ends(0)
        .says("proven: 269 records, verified equal");
    place.held()
}

/// Fails where the two differ, naming what differs and nothing more.
#[track_caller]
pub(crate) fn assert_same(held: &Held, expected: &Held) {
    let differing = |ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>| {
        let keys: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let other = |key: &&&String| ours.get(**key) != theirs.get(**key);
        let line =
            |key: &String| format!("{key}: {:?}, not {:?}\n", ours.get(key), theirs.get(key));
        keys.iter()
            .filter(other)
            .map(|key| line(key))
            .collect::<String>()
    };
    let shown = |vectors: &BTreeMap<String, StoredVector>| {
        let line = |vector: &StoredVector| format!("{vector:?}").replace(", ", ",");
        vectors
            .iter()
            .map(|(id, vector)| (id.clone(), line(vector)))
            .collect()
    };
    assert_eq!(differing(&held.1, &expected.1), "");
    assert_eq!(differing(&shown(&held.0), &shown(&expected.0)), "");
}
