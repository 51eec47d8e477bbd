//! The environment's variables: the only place that knows their names.

use std::collections::HashMap;

use secrecy::SecretString;

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

    /// What to say when it is needed and absent.
    pub(super) fn missing(self) -> Error {
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

/// The variables' values as they were when the process started.
#[derive(Default)]
pub struct Environment {
    values: HashMap<Variable, String>,
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
        Self { values }
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
    fn a_port_that_is_none_is_named() {
        let error = environment("QDRANT_GRPC_PORT", "70000").port(Variable::QdrantGrpcPort);
        assert!(error.unwrap_err().to_string().contains("\"70000\""));
    }
}
