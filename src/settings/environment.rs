//! The environment's variables: the only place that knows their names.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::env_file;
use crate::conceal::keep_secret;
use crate::error::Error;

/// A variable that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variable {
    /// The account's id.
    CloudflareAccountId,
    /// A token for Vectorize, and for KV unless it has its own.
    CloudflareApiToken,
    /// A token for KV.
    CloudflareKvApiToken,
    /// Where the API is.
    CloudflareApiBaseUrl,
    /// What a bare `vectorize:` means.
    CloudflareVectorizeIndex,
    /// What a bare `kv:` means.
    CloudflareKvNamespaceId,
    /// Qdrant's address.
    QdrantUrl,
    /// Qdrant's key.
    QdrantApiKey,
    /// Qdrant's gRPC port.
    QdrantGrpcPort,
    /// Qdrant's REST port.
    QdrantRestPort,
    /// An Upstash Vector index's address.
    UpstashVectorRestUrl,
    /// Its token.
    UpstashVectorRestToken,
}

/// A service whose address and keys belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Service {
    Cloudflare,
    Qdrant,
    Upstash,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Self; 12] = [
        Self::CloudflareAccountId,
        Self::CloudflareApiToken,
        Self::CloudflareKvApiToken,
        Self::CloudflareApiBaseUrl,
        Self::CloudflareVectorizeIndex,
        Self::CloudflareKvNamespaceId,
        Self::QdrantUrl,
        Self::QdrantApiKey,
        Self::QdrantGrpcPort,
        Self::QdrantRestPort,
        Self::UpstashVectorRestUrl,
        Self::UpstashVectorRestToken,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudflareAccountId => "CLOUDFLARE_ACCOUNT_ID",
            Self::CloudflareApiToken => "CLOUDFLARE_API_TOKEN",
            Self::CloudflareKvApiToken => "CLOUDFLARE_KV_API_TOKEN",
            Self::CloudflareApiBaseUrl => "CLOUDFLARE_API_BASE_URL",
            Self::CloudflareVectorizeIndex => "CLOUDFLARE_VECTORIZE_INDEX",
            Self::CloudflareKvNamespaceId => "CLOUDFLARE_KV_NAMESPACE_ID",
            Self::QdrantUrl => "QDRANT_URL",
            Self::QdrantApiKey => "QDRANT_API_KEY",
            Self::QdrantGrpcPort => "QDRANT_GRPC_PORT",
            Self::QdrantRestPort => "QDRANT_REST_PORT",
            Self::UpstashVectorRestUrl => "UPSTASH_VECTOR_REST_URL",
            Self::UpstashVectorRestToken => "UPSTASH_VECTOR_REST_TOKEN",
        }
    }

    /// Whether its value lets somebody in.
    fn is_secret(self) -> bool {
        matches!(
            self,
            Self::CloudflareApiToken
                | Self::CloudflareKvApiToken
                | Self::QdrantApiKey
                | Self::UpstashVectorRestToken
        )
    }

    /// The service that it gives access to; none for a mere name in it.
    fn service(self) -> Option<Service> {
        match self {
            Self::CloudflareAccountId
            | Self::CloudflareApiToken
            | Self::CloudflareKvApiToken
            | Self::CloudflareApiBaseUrl => Some(Service::Cloudflare),
            Self::QdrantUrl | Self::QdrantApiKey | Self::QdrantGrpcPort | Self::QdrantRestPort => {
                Some(Service::Qdrant)
            }
            Self::UpstashVectorRestUrl | Self::UpstashVectorRestToken => Some(Service::Upstash),
            Self::CloudflareVectorizeIndex | Self::CloudflareKvNamespaceId => None,
        }
    }

    /// What to say when it is needed and absent.
    fn missing(self) -> Error {
        let advice = match self {
            Self::CloudflareAccountId => {
                "it is the 32 hex digits on the account's overview page; set it in the environment or in .env, or try the migration first with --sandbox"
            }
            Self::CloudflareApiToken => {
                "create a token with Vectorize Write (and Workers KV Storage Write), set it in the environment or in .env, or try the migration first with --sandbox"
            }
            Self::CloudflareVectorizeIndex => "set it, or write vectorize:INDEX",
            Self::CloudflareKvNamespaceId => "set it, or write kv:NAMESPACE",
            _ => "set it in the environment or in .env",
        };
        Error::usage(format!("{} is not set", self.name())).advise(advice)
    }
}

/// The variables' values as they were when the process started, or a job's.
#[derive(Default, Clone)]
pub struct Environment {
    values: HashMap<Variable, String>,
    /// The file that a job's variables come from, where it has one.
    file: Option<PathBuf>,
    /// What is set, and not for this job: its file speaks of the same service.
    withheld: HashSet<Variable>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets: names are enough.
        f.debug_set()
            .entries(self.values.keys().map(|variable| variable.name()))
            .finish()
    }
}

impl Environment {
    /// Has every secret of these concealed from now on: tokens, keys, and what an
    /// address holds that it should not.
    pub fn conceal(&self) {
        for (variable, value) in &self.values {
            if variable.is_secret() {
                keep_secret(value);
            } else {
                parts_of_address(value).for_each(keep_secret);
            }
        }
    }

    /// Asks `lookup` for every variable once.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let values = Variable::ALL
            .into_iter()
            .filter_map(|variable| Some((variable, lookup(variable.name())?)))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// This with the variables of a job's file above it. Of a service that the file
    /// speaks of, nothing but the file's is taken: a key must not go to another's
    /// server.
    ///
    /// # Errors
    ///
    /// Usage, where the file cannot be read.
    pub fn under(&self, path: &Path) -> Result<Self, Error> {
        let mut found: HashMap<String, String> = env_file::read(path)?.into_iter().collect();
        let own: HashMap<Variable, String> = Variable::ALL
            .into_iter()
            .filter_map(|variable| Some((variable, found.remove(variable.name())?)))
            .collect();
        let services: HashSet<Service> = own.keys().filter_map(|own| own.service()).collect();
        let mut under = Self {
            file: Some(path.to_owned()),
            ..Self::default()
        };
        for (variable, value) in &self.values {
            let of_file = variable.service().is_some_and(|of| services.contains(&of));
            match of_file {
                true => drop(under.withheld.insert(*variable)),
                false => drop(under.values.insert(*variable, value.clone())),
            }
        }
        under.values.extend(own);
        Ok(under)
    }

    /// What to say when the variable is needed and absent.
    pub(super) fn missing(&self, variable: Variable) -> Error {
        let error = variable.missing();
        match &self.file {
            Some(file) if self.withheld.contains(&variable) => error.advise(format!(
                "{0} speaks of this service, so what is set elsewhere is not used with it: set it in {0} too",
                file.display()
            )),
            _ => error,
        }
    }

    /// The variable's value without surrounding white space; one that is set
    /// but empty is a mistake worth telling.
    pub fn text(&self, variable: Variable) -> Result<Option<String>, Error> {
        match self.values.get(&variable).map(|value| value.trim()) {
            None => Ok(None),
            Some("") => Err(
                Error::usage(format!("{} is set but empty", variable.name()))
                    .advise("give it a value, or unset it"),
            ),
            Some(value) => Ok(Some(value.to_owned())),
        }
    }

    /// The variable's value, wrapped so that it cannot be printed.
    pub fn secret(&self, variable: Variable) -> Result<Option<SecretString>, Error> {
        let Some(value) = self.text(variable)? else {
            return Ok(None);
        };
        // A header cannot carry these, and the library's error would not say why.
        if value
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace())
        {
            return Err(Error::usage(format!(
                "{} contains white space or control characters",
                variable.name()
            ))
            .advise("copy the token again, on one line"));
        }
        Ok(Some(value.into()))
    }

    /// The variable's value as a port.
    pub fn port(&self, variable: Variable) -> Result<Option<u16>, Error> {
        let Some(text) = self.text(variable)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Error::usage(format!(
                "{} is {text:?}, which is not a port",
                variable.name()
            ))
            .advise("give a number from 1 to 65535")
        })
    }
}

/// User, password, and the values of a query: what of an address may be a secret.
fn parts_of_address(text: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = text.split_once("://").unwrap_or(("", ""));
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let values = query
        .split(['&', '#'])
        .filter_map(|part| part.split('=').next_back());
    user.split(':').chain([user]).chain(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &'static str, value: &'static str) -> Environment {
        Environment::read(move |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn a_variable_that_is_empty_is_not_taken_for_absent() {
        let empty = environment("QDRANT_URL", "  ");
        let error = empty.text(Variable::QdrantUrl).unwrap_err();
        assert_eq!(error.to_string(), "QDRANT_URL is set but empty");
        assert_eq!(
            Environment::default().text(Variable::QdrantUrl).unwrap(),
            None
        );
    }

    #[test]
    fn no_value_shows_when_the_environment_is_printed() {
        let secret = environment("CLOUDFLARE_API_TOKEN", "s3cret-value");
        let shown = format!(
            "{secret:?} {:?}",
            secret.secret(Variable::CloudflareApiToken).unwrap()
        );
        assert!(shown.contains("CLOUDFLARE_API_TOKEN"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_jobs_file_keeps_the_keys_of_others_from_its_services_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.env");
        std::fs::write(&path, "QDRANT_URL=http://a:6334\nOTHER=x\n").unwrap();
        let general = Environment::read(|name| Some(format!("general {name}")));
        let job = general.under(&path).unwrap();
        let text = |variable| job.text(variable).unwrap();
        assert_eq!(text(Variable::QdrantUrl).as_deref(), Some("http://a:6334"));
        assert_eq!(text(Variable::QdrantApiKey), None, "it is another server's");
        assert_eq!(
            text(Variable::CloudflareApiToken).as_deref(),
            Some("general CLOUDFLARE_API_TOKEN")
        );
        let told = job.missing(Variable::QdrantApiKey);
        assert!(told.advice().unwrap().contains("a.env"), "{told:?}");
        assert_eq!(
            general.text(Variable::QdrantUrl).unwrap().as_deref(),
            Some("general QDRANT_URL"),
            "the next job sees nothing of it"
        );
    }

    #[test]
    fn a_port_that_is_none_is_named() {
        let error = environment("QDRANT_GRPC_PORT", "70000").port(Variable::QdrantGrpcPort);
        assert!(error.unwrap_err().to_string().contains("\"70000\""));
    }
}
