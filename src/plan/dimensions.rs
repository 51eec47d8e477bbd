//! How many dimensions an index needs, given what the source has and `--dims`
//! keeps of it; and what is proposed where they do not fit.

use super::survey::{Blocker, IndexState};
use crate::point::DenseField;
use crate::record::{Dimensions, MAX_DIMENSIONS, MIN_DIMENSIONS};

/// What is left of the vector, or why no index can hold it.
pub(super) fn kept_dimensions(
    field: &DenseField,
    asked: Option<Dimensions>,
    index: &IndexState,
) -> Result<Dimensions, Blocker> {
    match asked {
        Some(asked) if field.dimensions < MIN_DIMENSIONS => Err(too_few(field, Some(asked))),
        Some(asked) if asked.get() > field.dimensions => Err(Blocker::new(
            format!(
                "--dims {asked} asks for more than the source's vectors have: {} dimensions",
                field.dimensions
            ),
            format!(
                "--dims only shortens: leave it out, or give at most {}",
                field.dimensions.min(MAX_DIMENSIONS)
            ),
        )),
        Some(asked) => Ok(asked),
        None => Dimensions::new(field.dimensions).map_err(|_| {
            match proposed_dimensions(field.dimensions, index) {
                Some(proposed) => too_many(field, proposed),
                None => too_few(field, None),
            }
        }),
    }
}

/// What `--dims` would be for vectors that are longer than the index, or any index,
/// takes; none where they are not.
pub fn proposed_dimensions(from: usize, index: &IndexState) -> Option<Dimensions> {
    let of_index = match index {
        IndexState::Present { target, .. } => Dimensions::new(target.dimensions).ok(),
        IndexState::Missing => None,
    };
    let most = Dimensions::new(MAX_DIMENSIONS).ok();
    let fits = |dims: &Dimensions| dims.get() < from;
    of_index.filter(fits).or_else(|| most.filter(fits))
}

fn too_many(field: &DenseField, proposed: Dimensions) -> Blocker {
    let why = match proposed.get() {
        MAX_DIMENSIONS => "the most that Vectorize takes and so the least that is lost",
        _ => "what the index has",
    };
    Blocker::new(
        out_of_range(field),
        format!(
            "shorten them with --dims {proposed}, {why}: {}. Or embed the texts again with at most {MAX_DIMENSIONS} dimensions",
            soundness(proposed)
        ),
    )
}

fn too_few(field: &DenseField, asked: Option<Dimensions>) -> Blocker {
    let only_shortens = match asked {
        Some(_) => ": --dims only shortens",
        None => "",
    };
    Blocker::new(
        out_of_range(field),
        format!(
            "embed the texts again with a model that gives at least {MIN_DIMENSIONS} dimensions{only_shortens}"
        ),
    )
}

fn out_of_range(field: &DenseField) -> String {
    format!(
        "the source's vectors have {} dimensions; Vectorize takes {MIN_DIMENSIONS} to {MAX_DIMENSIONS}",
        field.dimensions
    )
}

/// The option, and what to think of it.
pub(super) fn shorten_to(dims: Dimensions) -> String {
    format!("--dims {dims}, {}", soundness(dims))
}

fn soundness(dims: Dimensions) -> String {
    format!(
        "sound for models trained for it (Matryoshka), such as text-embedding-3-small and -large; for others the recall shows what it costs, and cf-migrate plan FROM TO --dims {dims} measures it"
    )
}

#[cfg(test)]
mod tests {
    use super::super::survey::TargetFacts;
    use super::*;
    use crate::record::Metric;

    fn field(dimensions: usize) -> DenseField {
        DenseField {
            name: String::new(),
            dimensions,
            distance: None,
        }
    }

    fn dims(dimensions: usize) -> Dimensions {
        Dimensions::new(dimensions).unwrap()
    }

    fn index(dimensions: usize) -> IndexState {
        let metric = Metric::Cosine;
        IndexState::Present {
            target: TargetFacts { dimensions, metric },
            vectors: None,
        }
    }

    #[test]
    fn what_is_asked_for_is_kept_as_far_as_it_is_there() {
        let kept = |from, asked| kept_dimensions(&field(from), asked, &IndexState::Missing);
        assert_eq!(kept(3_072, Some(dims(512))), Ok(dims(512)));
        assert_eq!(kept(384, Some(dims(384))), Ok(dims(384)));
        assert_eq!(kept(384, None), Ok(dims(384)));
        let blocker = kept(384, Some(dims(385))).unwrap_err();
        assert!(
            blocker.what.contains("--dims 385 asks for more"),
            "{blocker:?}"
        );
        assert!(blocker.advice.contains("at most 384"), "{blocker:?}");
        let blocker = kept(16, Some(dims(32))).unwrap_err();
        assert!(blocker.what.contains("have 16 dimensions"), "{blocker:?}");
        assert!(blocker.advice.contains("at least 32"), "{blocker:?}");
    }

    #[test]
    fn the_proposal_is_what_the_index_has_or_else_the_most() {
        assert_eq!(
            proposed_dimensions(3_072, &IndexState::Missing),
            Some(dims(1_536))
        );
        assert_eq!(proposed_dimensions(3_072, &index(512)), Some(dims(512)));
        assert_eq!(proposed_dimensions(384, &index(512)), None);
        assert_eq!(proposed_dimensions(1_536, &IndexState::Missing), None);
        let told = |index| {
            kept_dimensions(&field(3_072), None, &index)
                .unwrap_err()
                .advice
        };
        assert!(told(IndexState::Missing).contains("--dims 1536, the most"));
        assert!(told(index(512)).contains("--dims 512, what the index has"));
    }
}
