//! `[jobs.NAME]` of the settings file: migrations by name, each with what `run`
//! would be told on the command line, and sections of its own.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::environment::Variable;
use super::file::{CloudflareSection, QdrantSection, UpstashSection};
use super::options::{MappingOptions, PaceOptions};
use super::sizes::Pause;
use crate::locator::Locator;

/// A migration that the file describes. Keys that are flags of `run` bear their
/// names and mean the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JobSection {
    /// Where the points are.
    pub from: Locator,
    /// Where they go: `vectorize:INDEX`.
    pub to: Locator,
    /// A file of variables, as `.env`, for this job alone.
    pub env_file: Option<PathBuf>,
    /// The migration folder.
    pub dir: Option<PathBuf>,
    /// Whether what is missing is made.
    #[serde(default)]
    pub create: bool,
    /// The namespace of the file index.
    pub file_index: Option<Locator>,
    /// Key of the number of vectors.
    pub count_key: Option<String>,
    /// When entries expire.
    pub kv_ttl: Option<Pause>,
    /// Parquet's column of ids.
    pub id_column: Option<String>,
    /// Parquet's column of vectors.
    pub vector_column: Option<String>,
    /// Whether vectors that are there already are replaced.
    #[serde(default)]
    pub overwrite: bool,
    /// Whether what is replaced is saved first.
    #[serde(default)]
    pub keep_overwritten: bool,
    /// How many points may be rejected.
    pub allow_rejects: Option<u64>,
    /// Whether what vanished is deleted.
    #[serde(default)]
    pub prune: bool,
    /// The same, even where much vanished.
    #[serde(default)]
    pub prune_anyway: bool,
    /// Records whose values are compared.
    pub sample: Option<NonZeroUsize>,
    /// Which of them.
    pub sample_seed: Option<u64>,
    /// Generations of the archive to keep.
    pub keep_generations: Option<NonZeroU32>,
    /// As the file's `[cloudflare]`, for this job.
    #[serde(default)]
    pub cloudflare: CloudflareSection,
    /// As the file's `[qdrant]`, for this job.
    #[serde(default)]
    pub qdrant: QdrantSection,
    /// As the file's `[upstash]`, for this job.
    #[serde(default)]
    pub upstash: UpstashSection,
    /// As the file's `[mapping]`, for this job.
    #[serde(default)]
    pub mapping: MappingOptions,
    /// As the file's `[pace]`, for this job.
    #[serde(default)]
    pub pace: PaceOptions,
}

impl JobSection {
    /// Its own values of what is a variable too: the variable, the key, the value.
    pub(super) fn keys_of_variables(&self) -> [(Variable, &'static str, Option<String>); 8] {
        let (cloudflare, qdrant) = (&self.cloudflare, &self.qdrant);
        let port = |port: Option<u16>| port.map(|port| port.to_string());
        [
            (
                Variable::CloudflareAccountId,
                "cloudflare.account-id",
                cloudflare.account_id.clone(),
            ),
            (
                Variable::CloudflareApiBaseUrl,
                "cloudflare.api-base-url",
                cloudflare.api_base_url.clone(),
            ),
            (
                Variable::CloudflareVectorizeIndex,
                "cloudflare.vectorize-index",
                cloudflare.vectorize_index.clone(),
            ),
            (
                Variable::CloudflareKvNamespaceId,
                "cloudflare.kv-namespace-id",
                cloudflare.kv_namespace_id.clone(),
            ),
            (Variable::QdrantUrl, "qdrant.url", qdrant.url.clone()),
            (
                Variable::QdrantGrpcPort,
                "qdrant.grpc-port",
                port(qdrant.grpc_port),
            ),
            (
                Variable::QdrantRestPort,
                "qdrant.rest-port",
                port(qdrant.rest_port),
            ),
            (
                Variable::UpstashVectorRestUrl,
                "upstash.vector-rest-url",
                self.upstash.vector_rest_url.clone(),
            ),
        ]
    }
}

/// A job and its name.
#[derive(Debug, Clone)]
pub struct NamedJob {
    /// Letters, digits, `-`, `_` and `.`; not digits alone.
    pub name: String,
    /// What it does.
    pub section: JobSection,
}

/// Jobs in the file's order.
#[derive(Debug, Clone, Default)]
pub struct Jobs(Vec<NamedJob>);

impl Jobs {
    /// All of them.
    pub fn all(&self) -> &[NamedJob] {
        &self.0
    }

    /// The one of that name, or at that place of the order, counted from 0.
    pub fn find(&self, asked: &str) -> Option<&NamedJob> {
        match asked.parse::<usize>() {
            Ok(place) => self.0.get(place),
            Err(_) => self.0.iter().find(|job| job.name == asked),
        }
    }

    /// The names, for a sentence.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|job| job.name.as_str()).collect();
        names.join(", ")
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Takes jobs as they come: a map would sort them by name.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Jobs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("jobs, written as [jobs.NAME]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jobs, A::Error> {
        let mut jobs = Vec::new();
        while let Some(JobName(name)) = map.next_key()? {
            let section = map.next_value()?;
            jobs.push(NamedJob { name, section });
        }
        Ok(Jobs(jobs))
    }
}

/// A name that is one word in any shell, and cannot be taken for a place in the order.
struct JobName(String);

impl<'de> Deserialize<'de> for JobName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let digits = name.chars().all(|letter| letter.is_ascii_digit());
        if digits || name.starts_with(['-', '.']) || !name.chars().all(fits) {
            return Err(D::Error::custom(format!(
                "a job cannot be called {name:?}: a name has letters, digits, '-', '_' and '.', begins with a letter, digit or '_', and is not a number"
            )));
        }
        Ok(Self(name))
    }
}
