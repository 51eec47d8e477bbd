//! What an index is and how much it holds, by its own account (REST API, "Info").
//! Counts are eventually consistent; parts that the service may leave out are
//! deduced.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Namespace;
use super::decode::Fields;
use super::server::Server;
use crate::error::Error;
use crate::locator::Namespaces;
use crate::point::Distance;

/// Vectors of an index or a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    ready: u64,
    /// Written, and not indexed yet; pages hold them all the same.
    pending: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dense,
    Sparse,
    Hybrid,
}

/// An answer of `/info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    kind: Kind,
    dimension: u64,
    similarity: Option<String>,
    /// The model with which the index embeds texts itself, where it has one.
    model: Option<String>,
    all: Counts,
    /// None where the answer has no list of them.
    namespaces: Option<BTreeMap<Namespace, Counts>>,
}

impl Info {
    pub(super) async fn ask(server: &Server) -> Result<Self, Error> {
        let reply = server
            .call("describing the index", "/info", &json!({}))
            .await?;
        let info = serde_json::from_str(reply.result()).ok();
        info.as_ref().and_then(Self::of).ok_or_else(|| {
            Error::failed("Upstash's description of the index cannot be read")
                .advise("See whether UPSTASH_VECTOR_REST_URL is the REST address of a Vector index")
        })
    }

    pub(super) fn of(info: &Value) -> Option<Self> {
        let dense = &info["denseIndex"];
        let either = |name: &str| {
            [&info[name], &dense[name]]
                .into_iter()
                .find(|v| !v.is_null())
        };
        let model = dense["embeddingModel"].as_str().filter(|m| !m.is_empty());
        let namespaces = info["namespaces"].as_object().map(|all| {
            let of = |(name, value): (&String, &Value)| {
                let namespace = (!name.is_empty()).then(|| name.clone());
                Some((namespace, Counts::of(value)?))
            };
            all.iter().map(of).collect::<Option<BTreeMap<_, _>>>()
        });
        Some(Self {
            kind: kind(info),
            dimension: either("dimension").and_then(Value::as_u64).unwrap_or(0),
            similarity: either("similarityFunction")
                .and_then(Value::as_str)
                .map(str::to_owned),
            model: model.map(str::to_owned),
            all: Counts::of(info)?,
            namespaces: match namespaces {
                None => None,
                Some(readable) => Some(readable?),
            },
        })
    }

    /// What the index's vectors are made of.
    ///
    /// # Errors
    /// Refused for an index without dense vectors; Failed for an answer that does not
    /// say enough.
    pub(super) fn fields(&self) -> Result<Fields, Error> {
        if self.kind == Kind::Sparse {
            return Err(Error::refused("the index holds sparse vectors only, and Vectorize holds dense ones")
                .advise("Embed the texts with a dense model into an index of their own; sparse vectors have no place in Vectorize"));
        }
        let dimensions = usize::try_from(self.dimension).ok().filter(|d| *d > 0);
        let dimensions = dimensions.ok_or_else(|| {
            Error::failed("Upstash does not say how many dimensions the index has")
                .advise("See in the Upstash console whether the index is ready")
        })?;
        Ok(Fields {
            dimensions,
            distance: self.distance()?,
            hybrid: self.kind == Kind::Hybrid,
        })
    }

    fn distance(&self) -> Result<Option<Distance>, Error> {
        match self.similarity.as_deref() {
            None => Ok(None),
            Some("COSINE") => Ok(Some(Distance::Cosine)),
            Some("EUCLIDEAN") => Ok(Some(Distance::Euclid)),
            Some("DOT_PRODUCT") => Ok(Some(Distance::Dot)),
            Some(other) => Err(Error::refused(format!(
                "the index compares by {other:?}, which Vectorize may not have"
            ))
            .advise("Vectorize has cosine, euclidean and dot-product")),
        }
    }

    /// What the operator should know of the index, a sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.kind == Kind::Hybrid {
            warnings.push("The index is hybrid: its sparse vectors stay in the archive, because Vectorize holds dense ones only.".to_owned());
        }
        if let Some(model) = &self.model {
            warnings.push(format!("The index embeds texts itself, with {model}. Vectorize does not: the application has to embed its queries with the same model."));
        }
        warnings
    }

    /// The namespaces it names.
    pub(super) fn named(&self) -> Option<impl Iterator<Item = &Namespace>> {
        Some(self.namespaces.as_ref()?.keys())
    }

    /// Vectors that wait to be indexed; none where that is not said.
    pub(super) fn pending(&self, chosen: &Namespaces) -> Option<u64> {
        self.chosen(chosen).map(|counts| counts.pending)
    }

    /// All vectors, pending ones included; none where that is not said.
    pub(super) fn count(&self, chosen: &Namespaces) -> Option<u64> {
        self.chosen(chosen).map(Counts::sum)
    }

    /// The same for each namespace that is read.
    pub(super) fn counts(&self, chosen: &Namespaces) -> Option<BTreeMap<Namespace, u64>> {
        let counts = self.namespaces.as_ref()?.iter();
        let read = counts.filter(|(namespace, _)| chosen.holds(namespace));
        Some(
            read.map(|(name, counts)| (name.clone(), counts.sum()))
                .collect(),
        )
    }

    fn chosen(&self, chosen: &Namespaces) -> Option<Counts> {
        match chosen.only() {
            None => Some(self.all),
            Some(namespace) => self.namespaces.as_ref()?.get(&namespace).copied(),
        }
    }
}

impl Counts {
    fn of(value: &Value) -> Option<Self> {
        let number = |name: &str| match &value[name] {
            Value::Null => Some(0),
            number => number.as_u64(),
        };
        value.is_object().then_some(())?;
        Some(Self {
            ready: number("vectorCount")?,
            pending: number("pendingVectorCount")?,
        })
    }

    fn sum(self) -> u64 {
        self.ready.saturating_add(self.pending)
    }
}

/// Older answers have no `indexType`: what parts there are tells it too.
fn kind(info: &Value) -> Kind {
    match info["indexType"].as_str() {
        Some("SPARSE") => Kind::Sparse,
        Some("HYBRID") => Kind::Hybrid,
        Some("DENSE") => Kind::Dense,
        _ => match (
            info["denseIndex"].is_object(),
            info["sparseIndex"].is_object(),
        ) {
            (true, true) => Kind::Hybrid,
            (false, true) => Kind::Sparse,
            _ => Kind::Dense,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(value: Value) -> Info {
        Info::of(&value).unwrap()
    }

    #[test]
    fn the_kind_is_deduced_where_it_is_not_said() {
        let kind = |value: Value| kind(&value);
        assert_eq!(kind(json!({"indexType": "HYBRID"})), Kind::Hybrid);
        assert_eq!(
            kind(json!({"denseIndex": {}, "sparseIndex": {}})),
            Kind::Hybrid
        );
        assert_eq!(kind(json!({"sparseIndex": {}})), Kind::Sparse);
        assert_eq!(kind(json!({"denseIndex": {}})), Kind::Dense);
        assert_eq!(kind(json!({})), Kind::Dense);
    }

    #[test]
    fn similarities_become_distances() {
        for (similarity, distance) in [
            ("COSINE", Distance::Cosine),
            ("EUCLIDEAN", Distance::Euclid),
            ("DOT_PRODUCT", Distance::Dot),
        ] {
            let info = info(json!({"dimension": 3, "similarityFunction": similarity}));
            assert_eq!(info.fields().unwrap().distance, Some(distance));
        }
        let other = info(json!({"dimension": 3, "similarityFunction": "HAMMING"}));
        assert!(other.fields().unwrap_err().to_string().contains("HAMMING"));
    }

    #[test]
    fn counts_are_those_of_what_was_chosen_pending_ones_included() {
        let info = info(json!({
            "vectorCount": 10, "pendingVectorCount": 3, "dimension": 3,
            "namespaces": {"": {"vectorCount": 6, "pendingVectorCount": 1}, "a": {"vectorCount": 4, "pendingVectorCount": 2}},
        }));
        let a = Namespaces::Named("a".to_owned());
        assert_eq!(info.count(&Namespaces::All), Some(13));
        assert_eq!(info.count(&Namespaces::Default), Some(7));
        assert_eq!((info.count(&a), info.pending(&a)), (Some(6), Some(2)));
        let counts = info.counts(&Namespaces::All).unwrap();
        assert_eq!(
            counts,
            BTreeMap::from([(None, 7), (Some("a".to_owned()), 6)])
        );
        assert_eq!(info.counts(&a).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_said_is_not_made_up() {
        let silent = info(json!({"vectorCount": 10, "dimension": 3}));
        assert_eq!(silent.counts(&Namespaces::All), None);
        assert_eq!(silent.count(&Namespaces::Default), None);
        assert!(Info::of(&json!([])).is_none());
        assert!(Info::of(&json!({"vectorCount": "many"})).is_none());
        assert!(Info::of(&json!({"namespaces": {"a": 5}})).is_none());
        assert!(info(json!({"vectorCount": 1})).fields().is_err());
    }
}
