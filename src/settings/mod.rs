//! Everything that can be set, resolved once: flags over environment over
//! `cf-migrate.toml` over defaults. Secrets are wrapped so that they cannot be
//! printed; below this room only the request budget reads a variable, for its folder.

mod env_file;
mod environment;
mod file;
mod jobs;
mod options;
mod rate;
mod sizes;

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::error::Error;
use crate::http::Bandwidth;
use crate::source::DEFAULT_READERS;

pub(crate) use env_file::malformed;
pub use environment::{Environment, Variable};
pub use file::{CONFIG_FILE, ConfigFile};
pub use jobs::{JobSection, Jobs, NamedJob};
pub use options::{MappingOptions, PaceOptions};
pub use rate::{ApiBudget, MaxBandwidth};
pub use sizes::{Pause, Share, Size};

/// Calls in five minutes that we take by default; the account has 1,200
/// (Cloudflare API limits page), and production shares them.
pub const DEFAULT_API_BUDGET: u32 = 1_000;
/// The account's own limit in five minutes.
pub const MAX_API_BUDGET: u32 = 1_200;
/// Upserts that are sent at once unless the operator says otherwise.
pub const USUAL_CONCURRENCY: usize = 4;
/// Upserts that may be under way at once.
pub const MAX_CONCURRENCY: usize = 64;

/// What a migration takes of memory besides bodies: the program itself, the ledger's
/// pages, a row group of the archive and what is decoded of it, the answers being read
/// (docs/performance.md; measured, some 45 MiB, and at most 32 more of free memory).
const BESIDES_BODIES: usize = 64 << 20;
/// Less would leave no room for bodies, and an export takes as much.
const LEAST_MEMORY: usize = 96 << 20;

/// How fast, never what: may change at every start.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Lanes of a source that are read at once.
    pub readers: NonZeroUsize,
    /// Calls in any five minutes.
    pub api_budget: ApiBudget,
    /// Bytes of bodies that go out in a second, at most; none for as many as the line
    /// takes.
    pub max_bandwidth: Option<Bandwidth>,
    /// Bytes of an upsert; none for as many as memory has room for twice.
    pub batch_bytes: Option<usize>,
    /// Records of an upsert, at most.
    pub batch_count: usize,
    /// Upserts under way at once, at most; none for [`USUAL_CONCURRENCY`] whose bodies
    /// are being sent, and more that only wait for their answers.
    pub concurrency: Option<usize>,
    /// Bytes that the process may take, [`Pace::memory_for_bodies`] of them for bodies.
    pub memory: usize,
    /// How long the index may make no progress before we stop.
    pub settle_timeout: Duration,
    /// What part of the records Vectorize may refuse before we stop.
    pub max_poison: Share,
}

impl Pace {
    /// Resolves what was given, and checks it against what the service takes.
    pub fn resolve(options: &PaceOptions) -> Result<Self, Error> {
        let pace = Self {
            readers: readers(options.readers)?,
            api_budget: options
                .api_budget
                .unwrap_or(ApiBudget::Calls(DEFAULT_API_BUDGET)),
            max_bandwidth: options.max_bandwidth.and_then(MaxBandwidth::get),
            batch_bytes: options.batch_bytes.map(Size::get),
            batch_count: options.batch_count.unwrap_or(5_000),
            concurrency: options.concurrency,
            memory: options.memory.map_or(256 << 20, Size::get),
            settle_timeout: options
                .settle_timeout
                .map_or(Duration::from_secs(900), Pause::get),
            max_poison: options.max_poison.unwrap_or(Share::percent(1)),
        };
        pace.check()?;
        Ok(pace)
    }

    /// Bytes that bodies may take together: encoded, waiting to be sent, or in flight.
    pub fn memory_for_bodies(&self) -> usize {
        self.memory.saturating_sub(BESIDES_BODIES)
    }

    fn check(&self) -> Result<(), Error> {
        let budget = match self.api_budget {
            ApiBudget::Off => true,
            ApiBudget::Calls(calls) => (1..=MAX_API_BUDGET).contains(&calls),
        };
        let count = (1..=5_000).contains(&self.batch_count);
        let bytes = self
            .batch_bytes
            .is_none_or(|bytes| (65_536..=95_000_000).contains(&bytes));
        let concurrency = self
            .concurrency
            .is_none_or(|upserts| (1..=MAX_CONCURRENCY).contains(&upserts));
        let problem = match (budget, count, bytes, concurrency) {
            (false, ..) => {
                "--api-budget must be 1 to 1200: the account takes 1,200 calls in five minutes"
            }
            (_, false, ..) => {
                "--batch-count must be 1 to 5000: Vectorize takes 5,000 vectors a call"
            }
            (_, _, false, _) => {
                "--batch-bytes must be 64KiB to 95MB: Vectorize takes 100 MB a call"
            }
            (.., false) => "--concurrency must be 1 to 64",
            _ if self.memory < LEAST_MEMORY => {
                "--memory must be at least 96MiB: it is that of the whole process"
            }
            _ if self
                .batch_bytes
                .is_some_and(|bytes| bytes > self.memory_for_bodies()) =>
            {
                "--batch-bytes must be no more than --memory less 64MiB: a batch is held until it is answered, and the process takes the rest"
            }
            _ => return Ok(()),
        };
        Err(Error::usage(problem))
    }
}

/// More would take a server's search threads from its users (Qdrant contract).
fn readers(given: Option<usize>) -> Result<NonZeroUsize, Error> {
    const MOST: usize = 64;
    let readers = given.map_or(Some(DEFAULT_READERS), NonZeroUsize::new);
    readers
        .filter(|readers| readers.get() <= MOST)
        .ok_or_else(|| Error::usage("--readers must be 1 to 64"))
}

/// How to reach the Cloudflare account.
#[derive(Debug, Clone)]
pub struct CloudflareSettings {
    /// The account's id.
    pub account_id: String,
    /// The token for Vectorize.
    pub token: SecretString,
    /// The token for KV, where it has one of its own.
    pub kv_token: Option<SecretString>,
    /// Where the API is, `/client/v4` included.
    pub base_url: String,
}

/// Where Cloudflare's API is unless `CLOUDFLARE_API_BASE_URL` says otherwise
/// (Cloudflare, how to make API calls).
pub const DEFAULT_BASE_URL: &str = "https://api.cloudflare.com/client/v4";

/// The environment with the settings file below it.
#[derive(Debug)]
pub struct Settings {
    environment: Environment,
    file: ConfigFile,
}

impl Settings {
    /// The settings that these two give.
    pub fn new(environment: Environment, file: ConfigFile) -> Self {
        Self { environment, file }
    }

    /// The jobs that the file names.
    pub fn jobs(&self) -> &Jobs {
        &self.file.jobs
    }

    /// One job's settings: the variables of its file above the environment, its own
    /// keys above the general sections. What it is given is concealed from now on.
    ///
    /// # Errors
    ///
    /// Usage, where its file of variables cannot be read.
    pub fn of_job(&self, job: &JobSection) -> Result<Self, Error> {
        let environment = match &job.env_file {
            Some(path) => self.environment.under(path)?,
            None => self.environment.clone(),
        };
        environment.conceal();
        Ok(Self {
            environment,
            file: self.file.of_job(job),
        })
    }

    /// Keys of the job that variables win over with another value, a sentence each.
    ///
    /// # Errors
    ///
    /// Usage, where a variable is set but empty.
    pub fn overruled(&self, job: &JobSection) -> Result<Vec<String>, Error> {
        let mut told = Vec::new();
        for (variable, key, value) in job.keys_of_variables() {
            let set = self.environment.text(variable)?;
            if value.is_some() && set.is_some() && set != value {
                let name = variable.name();
                told.push(format!(
                    "{name} is set and wins over {key} of this job; to have a value for this job alone, set {name} in a file that its env-file names"
                ));
            }
        }
        Ok(told)
    }

    /// How fast, with `flags` above the file.
    pub fn pace(&self, flags: &PaceOptions) -> Result<Pace, Error> {
        Pace::resolve(&flags.clone().or(self.file.pace.clone()))
    }

    /// The mapping options, with `flags` above the file.
    ///
    /// Errors: usage, where they contradict themselves.
    pub fn mapping(&self, flags: &MappingOptions) -> Result<MappingOptions, Error> {
        let options = flags.clone().or(self.file.mapping.clone());
        options.check().map(|()| options)
    }

    /// How to reach the account.
    pub fn cloudflare(&self) -> Result<CloudflareSettings, Error> {
        let token = self.environment.secret(Variable::CloudflareApiToken)?;
        Ok(CloudflareSettings {
            account_id: self.required(
                Variable::CloudflareAccountId,
                &self.file.cloudflare.account_id,
            )?,
            token: token.ok_or_else(|| self.environment.missing(Variable::CloudflareApiToken))?,
            kv_token: self.environment.secret(Variable::CloudflareKvApiToken)?,
            base_url: self
                .optional(
                    Variable::CloudflareApiBaseUrl,
                    &self.file.cloudflare.api_base_url,
                )?
                .unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
        })
    }

    /// The index that a bare `vectorize:` means.
    pub fn default_index(&self) -> Result<String, Error> {
        self.required(
            Variable::CloudflareVectorizeIndex,
            &self.file.cloudflare.vectorize_index,
        )
    }

    /// The namespace that a bare `kv:` means.
    pub fn default_kv_namespace(&self) -> Result<String, Error> {
        self.required(
            Variable::CloudflareKvNamespaceId,
            &self.file.cloudflare.kv_namespace_id,
        )
    }

    /// Qdrant's address, as the operator gave it.
    pub fn qdrant_url(&self) -> Result<Option<String>, Error> {
        self.optional(Variable::QdrantUrl, &self.file.qdrant.url)
    }

    /// Qdrant's key.
    pub fn qdrant_api_key(&self) -> Result<Option<SecretString>, Error> {
        self.environment.secret(Variable::QdrantApiKey)
    }

    /// Qdrant's gRPC port, where the rule for ports does not fit.
    pub fn qdrant_grpc_port(&self) -> Result<Option<u16>, Error> {
        Ok(self
            .environment
            .port(Variable::QdrantGrpcPort)?
            .or(self.file.qdrant.grpc_port))
    }

    /// Qdrant's REST port, where the rule for ports does not fit.
    pub fn qdrant_rest_port(&self) -> Result<Option<u16>, Error> {
        Ok(self
            .environment
            .port(Variable::QdrantRestPort)?
            .or(self.file.qdrant.rest_port))
    }

    /// An Upstash Vector index's address, as the operator gave it.
    pub fn upstash_url(&self) -> Result<Option<String>, Error> {
        self.optional(
            Variable::UpstashVectorRestUrl,
            &self.file.upstash.vector_rest_url,
        )
    }

    /// Its token.
    pub fn upstash_token(&self) -> Result<Option<SecretString>, Error> {
        self.environment.secret(Variable::UpstashVectorRestToken)
    }

    fn optional(&self, variable: Variable, file: &Option<String>) -> Result<Option<String>, Error> {
        Ok(self.environment.text(variable)?.or_else(|| file.clone()))
    }

    fn required(&self, variable: Variable, file: &Option<String>) -> Result<String, Error> {
        self.optional(variable, file)?
            .ok_or_else(|| self.environment.missing(variable))
    }
}
