//! Looking at both ends before anything is done: what stands in the way, and
//! what the operator should know. It reads and judges; it writes nothing.

use crate::cloudflare::{Account, IndexName, KvNamespace, Vectorize};
use crate::error::Error;
use crate::point::{DenseField, Distance, Shape};
use crate::record::{Dimensions, Metric};
use crate::transform::{Target, choose_dense};

use super::dimensions::{kept_dimensions, shorten_to};

/// Something that keeps a migration from beginning, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// What stands in the way.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl Blocker {
    /// A blocker.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
        }
    }
}

/// The index as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexState {
    /// It is there.
    Present {
        /// Its dimensions and metric.
        target: TargetFacts,
        /// How many vectors it counts, where it says so.
        vectors: Option<u64>,
    },
    /// It is not.
    Missing,
}

/// Dimensions and metric of an index that exists, whatever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its dimensions.
    pub dimensions: usize,
    /// Its metric.
    pub metric: Metric,
}

/// The KV namespace as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvState {
    /// It is there, with this id.
    Present(String),
    /// There is none of that title or id.
    Missing(String),
}

/// What was asked for, as far as it concerns the target.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// Whether missing things may be created.
    pub create: bool,
    /// The metric of an index that is to be created.
    pub metric: Option<Metric>,
    /// How many of their first numbers the vectors are to keep; none: all.
    pub dims: Option<Dimensions>,
}

/// Asks the account for the index.
pub async fn survey_index(index: &Vectorize) -> Result<IndexState, Error> {
    let Some(description) = index.describe().await? else {
        return Ok(IndexState::Missing);
    };
    let vectors = index.info().await?.vector_count;
    let target = TargetFacts {
        dimensions: description.dimensions,
        metric: description.metric,
    };
    Ok(IndexState::Present { target, vectors })
}

/// Finds a KV namespace by its id or title.
pub async fn find_namespace(account: &Account, wanted: &str) -> Result<KvState, Error> {
    let namespaces: Vec<KvNamespace> = account.kv_namespaces().await?;
    let by_id = namespaces
        .iter()
        .find(|namespace| namespace.id.as_str() == wanted);
    let found = by_id.or_else(|| {
        namespaces
            .iter()
            .find(|namespace| namespace.title == wanted)
    });
    Ok(match found {
        Some(namespace) => KvState::Present(namespace.id.to_string()),
        None => KvState::Missing(wanted.to_owned()),
    })
}

/// The target that the chosen vector's records would go to, or why not.
///
/// `vector` is the chosen name; the rules: an existing index must have the
/// dimensions that the vector has, or keeps, and its metric; a new one gets them.
pub fn choose_target(
    shape: &Shape,
    vector: Option<&str>,
    index: (&IndexName, &IndexState),
    wishes: Wishes,
    warnings: &mut Vec<String>,
) -> Result<Target, Blocker> {
    let position = choose_dense(shape, vector)
        .map_err(|error| Blocker::new(error.to_string(), error.advice()))?;
    let field = &shape.dense[position];
    let dimensions = kept_dimensions(field, wishes.dims, index.1)?;
    let creating = wishes.create && *index.1 == IndexState::Missing;
    let metric = wanted_metric(field, wishes.metric, creating, warnings)?;
    match index.1 {
        IndexState::Missing if wishes.create => Ok(Target {
            dimensions,
            metric: metric.unwrap_or(Metric::Cosine),
        }),
        IndexState::Missing => Err(Blocker::new(
            format!("the index {} does not exist", index.0),
            format!(
                "give --create to create it with {dimensions} dimensions, or name another index"
            ),
        )),
        IndexState::Present { target, .. } => {
            fitting(index.0, target, field, (dimensions, wishes.dims))?;
            comparing(index.0, target, metric)?;
            Ok(Target {
                dimensions,
                metric: target.metric,
            })
        }
    }
}

fn wanted_metric(
    field: &DenseField,
    asked: Option<Metric>,
    creating: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<Metric>, Blocker> {
    let own = match field.distance {
        Some(Distance::Manhattan) => {
            return Err(Blocker::new(
                "the source compares by Manhattan distance, for which Vectorize has no metric",
                "neighbours would differ under any other metric; if that is acceptable, rebuild the collection with cosine, Euclid or dot product first",
            ));
        }
        Some(distance) => Metric::from_distance(distance),
        None => None,
    };
    match (own, asked) {
        (Some(own), Some(asked)) if own != asked => Err(Blocker::new(
            format!("the source compares by {own}, not by {asked}"),
            "leave out --metric",
        )),
        (None, None) => {
            if creating {
                warnings.push("the source does not say how it compares vectors: a new index gets cosine unless --metric says otherwise".to_owned());
            }
            Ok(None)
        }
        (own, asked) => Ok(own.or(asked)),
    }
}

const FIXED: &str = "dimensions and metric of an index cannot be changed: name another index, with --create where it does not exist yet";

/// Whether an existing index has those dimensions.
fn fitting(
    name: &IndexName,
    found: &TargetFacts,
    field: &DenseField,
    (dimensions, asked): (Dimensions, Option<Dimensions>),
) -> Result<(), Blocker> {
    if found.dimensions == dimensions.get() {
        return Ok(());
    }
    let what = match asked {
        Some(asked) => format!(
            "the index {name} has {} dimensions, --dims asks for {asked}",
            found.dimensions
        ),
        None => format!(
            "the index {name} has {} dimensions, the source's vectors have {dimensions}",
            found.dimensions
        ),
    };
    let advice = match Dimensions::new(found.dimensions) {
        Ok(fewer) if found.dimensions < field.dimensions => {
            format!(
                "{FIXED}; or shorten the vectors to it: {}",
                shorten_to(fewer)
            )
        }
        _ => FIXED.to_owned(),
    };
    Err(Blocker::new(what, advice))
}

/// Whether an existing index compares as the source does.
fn comparing(name: &IndexName, found: &TargetFacts, metric: Option<Metric>) -> Result<(), Blocker> {
    match metric {
        Some(wanted) if wanted != found.metric => Err(Blocker::new(
            format!(
                "the index {name} compares by {}, the source by {wanted}",
                found.metric
            ),
            FIXED,
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dimensions: usize, distance: Option<Distance>) -> Shape {
        let field = DenseField {
            name: String::new(),
            dimensions,
            distance,
        };
        Shape {
            dense: vec![field],
            sparse: Vec::new(),
            data: false,
        }
    }

    fn choose(shape: &Shape, index: IndexState, wishes: Wishes) -> Result<Target, Blocker> {
        let name = IndexName::new("docs").unwrap();
        choose_target(shape, None, (&name, &index), wishes, &mut Vec::new())
    }

    fn present(dimensions: usize, metric: Metric) -> IndexState {
        let target = TargetFacts { dimensions, metric };
        IndexState::Present {
            target,
            vectors: Some(0),
        }
    }

    const CREATE: Wishes = Wishes {
        create: true,
        metric: None,
        dims: None,
    };

    #[test]
    fn a_new_index_gets_the_sources_dimensions_and_metric() {
        let target = choose(
            &shape(384, Some(Distance::Euclid)),
            IndexState::Missing,
            CREATE,
        )
        .unwrap();
        assert_eq!(
            (target.dimensions.get(), target.metric),
            (384, Metric::Euclidean)
        );
    }

    #[test]
    fn a_file_may_be_told_its_metric() {
        let wishes = Wishes {
            create: true,
            metric: Some(Metric::DotProduct),
            dims: None,
        };
        let target = choose(&shape(384, None), IndexState::Missing, wishes).unwrap();
        assert_eq!(target.metric, Metric::DotProduct);
        let target = choose(
            &shape(384, None),
            present(384, Metric::Euclidean),
            Wishes::default(),
        );
        assert_eq!(target.unwrap().metric, Metric::Euclidean);
    }

    #[test]
    fn what_cannot_fit_is_said_with_what_can_be_done() {
        let told = |shape: &Shape, index, wishes| choose(shape, index, wishes).unwrap_err();
        let cosine = Some(Distance::Cosine);
        let cases = [
            (
                told(&shape(3_072, cosine), IndexState::Missing, CREATE),
                "3072 dimensions",
                "at most 1536",
            ),
            (
                told(&shape(8, cosine), IndexState::Missing, CREATE),
                "8 dimensions",
                "at least 32",
            ),
            (
                told(
                    &shape(64, Some(Distance::Manhattan)),
                    IndexState::Missing,
                    CREATE,
                ),
                "Manhattan",
                "rebuild",
            ),
            (
                told(&shape(64, cosine), IndexState::Missing, Wishes::default()),
                "does not exist",
                "--create",
            ),
            (
                told(&shape(64, cosine), present(128, Metric::Cosine), CREATE),
                "128 dimensions",
                "another index",
            ),
            (
                told(&shape(64, cosine), present(64, Metric::Euclidean), CREATE),
                "euclidean",
                "another index",
            ),
            (
                told(&Shape::default(), IndexState::Missing, CREATE),
                "no dense vector",
                "one dense vector",
            ),
        ];
        for (blocker, what, advice) in cases {
            assert!(blocker.what.contains(what), "{blocker:?}");
            assert!(blocker.advice.contains(advice), "{blocker:?}");
        }
    }
}
