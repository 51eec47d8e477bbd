//! `cf-migrate.toml`: settings that are no secrets. Keys we do not know are
//! refused, because a misspelt one would otherwise be silently without effect.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::jobs::{JobSection, Jobs};
use super::options::{MappingOptions, PaceOptions};
use crate::error::Error;
use crate::limited;

/// The settings file where none is named.
pub const CONFIG_FILE: &str = "cf-migrate.toml";

/// The settings file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// `[cloudflare]`
    pub cloudflare: CloudflareSection,
    /// `[qdrant]`
    pub qdrant: QdrantSection,
    /// `[upstash]`
    pub upstash: UpstashSection,
    /// `[mapping]`: what is written.
    pub mapping: MappingOptions,
    /// `[pace]`: how fast.
    pub pace: PaceOptions,
    /// `[jobs.NAME]`: migrations by name.
    pub jobs: Jobs,
}

/// Where the account is; its tokens come from the environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CloudflareSection {
    /// As `CLOUDFLARE_ACCOUNT_ID`.
    pub account_id: Option<String>,
    /// As `CLOUDFLARE_API_BASE_URL`.
    pub api_base_url: Option<String>,
    /// As `CLOUDFLARE_VECTORIZE_INDEX`.
    pub vectorize_index: Option<String>,
    /// As `CLOUDFLARE_KV_NAMESPACE_ID`.
    pub kv_namespace_id: Option<String>,
}

/// Where Qdrant is; its key comes from the environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct QdrantSection {
    /// As `QDRANT_URL`.
    pub url: Option<String>,
    /// As `QDRANT_GRPC_PORT`.
    pub grpc_port: Option<u16>,
    /// As `QDRANT_REST_PORT`.
    pub rest_port: Option<u16>,
}

/// Where the Upstash Vector index is; its token comes from the environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct UpstashSection {
    /// As `UPSTASH_VECTOR_REST_URL`.
    pub vector_rest_url: Option<String>,
}

impl CloudflareSection {
    fn or(self, lower: Self) -> Self {
        Self {
            account_id: self.account_id.or(lower.account_id),
            api_base_url: self.api_base_url.or(lower.api_base_url),
            vectorize_index: self.vectorize_index.or(lower.vectorize_index),
            kv_namespace_id: self.kv_namespace_id.or(lower.kv_namespace_id),
        }
    }
}

impl QdrantSection {
    fn or(self, lower: Self) -> Self {
        Self {
            url: self.url.or(lower.url),
            grpc_port: self.grpc_port.or(lower.grpc_port),
            rest_port: self.rest_port.or(lower.rest_port),
        }
    }
}

impl UpstashSection {
    fn or(self, lower: Self) -> Self {
        Self {
            vector_rest_url: self.vector_rest_url.or(lower.vector_rest_url),
        }
    }
}

impl ConfigFile {
    /// The sections as they are for one job: its own above these.
    #[must_use]
    pub fn of_job(&self, job: &JobSection) -> Self {
        let (own, general) = (job.clone(), self.clone());
        Self {
            cloudflare: own.cloudflare.or(general.cloudflare),
            qdrant: own.qdrant.or(general.qdrant),
            upstash: own.upstash.or(general.upstash),
            mapping: own.mapping.or(general.mapping),
            pace: own.pace.or(general.pace),
            jobs: Jobs::default(),
        }
    }

    /// Reads the file; one that is absent is an empty one unless it was asked
    /// for by name.
    pub fn load(named: Option<&Path>) -> Result<Self, Error> {
        let path = named.unwrap_or(Path::new(CONFIG_FILE));
        match limited::read_text(path, limited::MAX_SETTINGS_BYTES) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(Error::usage(format!("{} cannot be read", path.display()))
                .advise("check the path that --config gives")
                .because(error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            // The library's own text shows the whole line, which may hold a token
            // that somebody put there.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let (line, reason) = (before.matches('\n').count() + 1, without_value(error.message()));
            Error::usage(format!("{}, line {line}: {reason}", path.display()))
                .advise("see the README's section on configuration; tokens belong in the environment or in .env")
        })
    }
}

/// The library's words for a value of the wrong type, without the value.
fn without_value(message: &str) -> String {
    match (message.find(" string \""), message.rfind("\", expected")) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{} text{}", &message[..begin], &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_nobody_knows_is_refused_by_name() {
        let error = ConfigFile::parse(Path::new("t.toml"), "[pace]\nconcurency = 3\n").unwrap_err();
        let text = crate::report::facts::chain(&error);
        assert!(
            text.contains("t.toml, line 2: unknown field `concurency`"),
            "{text}"
        );
    }

    #[test]
    fn a_token_in_the_file_is_refused_without_being_shown() {
        let text = "[cloudflare]\napi-token = 's3cret'\n";
        let error = ConfigFile::parse(Path::new("t.toml"), text).unwrap_err();
        let text = crate::report::facts::chain(&error);
        assert!(
            text.contains("api-token") && !text.contains("s3cret"),
            "{text}"
        );
    }

    #[test]
    fn every_section_is_read() {
        let file = ConfigFile::parse(
            Path::new("t.toml"),
            "[cloudflare]\naccount-id = 'a'\n[qdrant]\nurl = 'http://localhost:6333'\n\
             [upstash]\nvector-rest-url = 'https://a-vector.upstash.io'\n\
             [mapping]\nid = '{file_id}_{chunk_index}'\n[pace]\nbatch-bytes = '8MiB'\nsettle-timeout = '2m'\n",
        )
        .unwrap();
        assert_eq!(file.cloudflare.account_id.as_deref(), Some("a"));
        assert_eq!(
            file.mapping.id.unwrap().to_string(),
            "{file_id}_{chunk_index}"
        );
        assert_eq!(file.pace.batch_bytes.unwrap().get(), 8 << 20);
    }
}
