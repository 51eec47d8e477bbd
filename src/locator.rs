//! Places, as the operator writes them: `qdrant:docs`, `vectorize:docs`, a path.
//! A locator only names a place; opening it is somebody else's work.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// Any place that a command line or a settings file can name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Locator {
    /// `qdrant:COLLECTION`
    Qdrant(String),
    /// `upstash:NAMESPACE`; all of them for the bare `upstash:`
    Upstash(Namespaces),
    /// `vectorize:INDEX`; none for the bare `vectorize:`
    Vectorize(Option<String>),
    /// `kv:NAMESPACE`, a title or an id; none for the bare `kv:`
    Kv(Option<String>),
    /// An archive folder or a file.
    Path(PathBuf),
}

/// Which namespaces of an Upstash index are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespaces {
    /// `upstash:`: every one.
    All,
    /// `upstash:@default`: the one without a name.
    Default,
    /// `upstash:NAME`: that one. A name that begins with `@` gets another `@` in
    /// front.
    Named(String),
}

impl Namespaces {
    /// The one that is meant, by its name (none: the default one); none where it is
    /// all of them.
    pub fn only(&self) -> Option<Option<String>> {
        match self {
            Self::All => None,
            Self::Default => Some(None),
            Self::Named(name) => Some(Some(name.clone())),
        }
    }

    /// Whether a namespace (none: the default one) is among those that are meant.
    pub fn holds(&self, namespace: &Option<String>) -> bool {
        self.only().is_none_or(|only| only == *namespace)
    }

    fn parse(text: &str) -> Result<Self, LocatorError> {
        match text.strip_prefix('@') {
            _ if text.is_empty() => Ok(Self::All),
            None => Ok(Self::Named(text.to_owned())),
            Some("default") => Ok(Self::Default),
            Some(name) if name.starts_with('@') => Ok(Self::Named(name.to_owned())),
            Some(_) => Err(LocatorError::UnknownNamespaces {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Default => f.write_str("@default"),
            Self::Named(name) if name.starts_with('@') => write!(f, "@{name}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// Why a text is not a locator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocatorError {
    /// Nothing was given.
    #[error(
        "a place is missing: expected qdrant:COLLECTION, upstash:, vectorize:INDEX, kv:NAMESPACE or a path"
    )]
    Empty,
    /// A scheme that needs a name came without one.
    #[error("`{scheme}:` needs a name, as in `{scheme}:docs`")]
    Unnamed {
        /// The scheme.
        scheme: &'static str,
    },
    /// A scheme of ours that this version cannot open.
    #[error(
        "`{scheme}:` is not supported by this version; it reads qdrant:COLLECTION, upstash:NAMESPACE, archive folders, NDJSON and Parquet files"
    )]
    Unsupported {
        /// The scheme.
        scheme: String,
    },
    /// `@` and something else than `default` or another `@`.
    #[error(
        "`upstash:{text}` names no namespace: write upstash:@default for the default one, upstash:@{text} for one of that name"
    )]
    UnknownNamespaces {
        /// What stands behind the colon.
        text: String,
    },
    /// A scheme nobody knows. A path of that form can be given as `./a:b`.
    #[error("`{scheme}:` is not a kind of place; for a file of that name write ./{text}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The whole text.
        text: String,
    },
}

impl TryFrom<String> for Locator {
    type Error = LocatorError;

    fn try_from(text: String) -> Result<Self, LocatorError> {
        text.parse()
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        if text.is_empty() {
            return Err(LocatorError::Empty);
        }
        let Some((scheme, name)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
        else {
            return Ok(Self::Path(PathBuf::from(text)));
        };
        let named = (!name.is_empty()).then(|| name.to_owned());
        match scheme {
            "qdrant" => named
                .map(Self::Qdrant)
                .ok_or(LocatorError::Unnamed { scheme: "qdrant" }),
            "vectorize" => Ok(Self::Vectorize(named)),
            "kv" => Ok(Self::Kv(named)),
            "upstash" => Namespaces::parse(name).map(Self::Upstash),
            "redis" => Err(LocatorError::Unsupported {
                scheme: scheme.to_owned(),
            }),
            _ => Err(LocatorError::UnknownScheme {
                scheme: scheme.to_owned(),
                text: text.to_owned(),
            }),
        }
    }
}

/// Two letters at least, so that a drive letter stays a path.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qdrant(collection) => write!(f, "qdrant:{collection}"),
            Self::Upstash(namespaces) => write!(f, "upstash:{namespaces}"),
            Self::Vectorize(index) => write!(f, "vectorize:{}", index.as_deref().unwrap_or("")),
            Self::Kv(namespace) => write!(f, "kv:{}", namespace.as_deref().unwrap_or("")),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_was_written() {
        for text in [
            "qdrant:docs",
            "qdrant:a:b",
            "upstash:",
            "upstash:tenant/1 ü",
            "upstash:@default",
            "upstash:@@default",
            "vectorize:docs",
            "vectorize:",
            "kv:0123456789abcdef0123456789abcdef",
            "kv:",
            "points.ndjson.gz",
            "./a:b",
            "/tmp/archive",
            "C:/points.ndjson",
        ] {
            let locator: Locator = text.parse().expect(text);
            assert_eq!(locator.to_string(), text);
        }
    }

    #[test]
    fn every_namespace_can_be_named() {
        let namespaces = |text: &str| match text.parse() {
            Ok(Locator::Upstash(namespaces)) => namespaces,
            other => panic!("{text}: {other:?}"),
        };
        let named = |name: &str| Namespaces::Named(name.to_owned());
        assert_eq!(namespaces("upstash:"), Namespaces::All);
        assert_eq!(namespaces("upstash:@default"), Namespaces::Default);
        assert_eq!(namespaces("upstash:default"), named("default"));
        assert_eq!(namespaces("upstash:@@default"), named("@default"));
        assert_eq!(namespaces("upstash:a@b:c"), named("a@b:c"));
        let refused = "upstash:@acme".parse::<Locator>().unwrap_err();
        assert!(refused.to_string().contains("upstash:@@acme"), "{refused}");
    }

    #[test]
    fn what_is_not_a_place_is_refused_with_what_would_be() {
        let text = |given: &str| given.parse::<Locator>().unwrap_err().to_string();
        assert!(text("").contains("a place is missing"));
        assert!(text("qdrant:").contains("`qdrant:docs`"));
        assert!(text("redis:").contains("not supported by this version"));
        assert!(text("pinecone:docs").contains("write ./pinecone:docs"));
    }
}
