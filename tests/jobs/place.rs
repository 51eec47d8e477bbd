//! Where these tests work: an account, a folder with a settings file, and files of
//! a few points.

use std::time::Duration;

use cf_migrate::sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::cli::{Shell, Told};
use crate::cloud::{ACCOUNT, Cloud, TOKEN};

/// Points of a file that [`Place::file`] makes.
pub(crate) const POINTS: u64 = 6;

pub(crate) struct Place {
    pub(crate) shell: Shell,
    pub(crate) cloud: Cloud,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_delay(Duration::ZERO)
    }

    /// Whose account applies what is written after so long.
    pub(crate) fn with_delay(apply_delay: Duration) -> Self {
        let mut shell = Shell::new();
        let cloud = Cloud::with(SandboxOptions {
            apply_delay,
            ..SandboxOptions::default()
        });
        shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
        shell.set("CLOUDFLARE_API_TOKEN", TOKEN);
        shell.set("CLOUDFLARE_API_BASE_URL", &cloud.url());
        Self { shell, cloud }
    }

    /// The settings file.
    pub(crate) fn settings(&self, toml: &str) {
        self.shell.write("cf-migrate.toml", toml);
    }

    /// Jobs of these names, each from a file of its own into an index of its own,
    /// with more keys for each.
    pub(crate) fn jobs(&self, names: &[&str], keys: &str) {
        let mut toml = String::new();
        for name in names {
            self.file(name);
            toml.push_str(&job(name, keys));
        }
        self.settings(&toml);
    }

    /// `NAME.ndjson` with [`POINTS`] points.
    pub(crate) fn file(&self, name: &str) {
        let lines: Vec<String> = (0..POINTS)
            .map(|number| point(name, number).to_string())
            .collect();
        self.shell
            .write(&format!("{name}.ndjson"), lines.join("\n"));
    }

    pub(crate) fn run(&self, line: &str) -> Told {
        let told = self.shell.run(line);
        told.is_no_panic();
        told
    }

    /// The ids in an index.
    pub(crate) fn ids(&self, index: &str) -> Vec<String> {
        self.cloud.vectors(index).into_keys().collect()
    }
}

/// A job's section.
pub(crate) fn job(name: &str, keys: &str) -> String {
    format!(
        "[jobs.{name}]\nfrom = '{name}.ndjson'\nto = 'vectorize:{name}'\ncreate = true\n{keys}\n"
    )
}

/// A point whose payload says which collection it is of.
pub(crate) fn point(collection: &str, number: u64) -> Value {
    let mut vector = vec![0.0; 32];
    vector[usize::try_from(number % 32).unwrap()] = 1.0;
    let payload =
        json!({"of": collection, "file_id": format!("f{}", number / 2), "chunk_index": number % 2});
    json!({"id": number, "vector": vector, "payload": payload})
}

/// The names of an object's members in the order in which they stand in the text.
pub(crate) fn order<'a>(text: &str, names: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = names
        .iter()
        .map(|name| (text.find(&format!("\"{name}\":")).unwrap(), *name))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}
