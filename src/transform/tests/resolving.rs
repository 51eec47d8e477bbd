use super::*;

fn error(mapping: Mapping, names: &[&str], dimensions: usize) -> ResolveError {
    Transform::resolve(mapping, &shape(names, dimensions), target(Metric::Cosine)).unwrap_err()
}

fn vector(name: &str) -> Mapping {
    Mapping {
        vector: Some(name.to_owned()),
        ..Mapping::default()
    }
}

fn dims(kept: usize) -> Mapping {
    Mapping {
        dims: Some(Dimensions::new(kept).unwrap()),
        ..Mapping::default()
    }
}

#[test]
fn the_only_vector_is_taken_whatever_its_name() {
    for name in ["", "text"] {
        let shape = shape(&[name], DIMENSIONS);
        let taken = Transform::resolve(Mapping::default(), &shape, target(Metric::Cosine));
        assert_eq!(taken.unwrap().position, 0);
    }
}

#[test]
fn a_named_vector_is_taken_from_among_several() {
    let mut two = point("{}");
    two.dense = vec![Some(vec![1.0; DIMENSIONS]), Some(vec![2.0; DIMENSIONS])];
    let shape = shape(&["image", "text"], DIMENSIONS);
    let transform = Transform::resolve(vector("text"), &shape, target(Metric::Cosine)).unwrap();
    let transformed = both(&transform, two).unwrap();
    assert_eq!(transformed.record.values, [2.0; DIMENSIONS]);
}

#[test]
fn the_unnamed_vector_is_taken_from_among_named_ones() {
    let shape = shape(&["image", "", "text"], DIMENSIONS);
    let taken = Transform::resolve(Mapping::default(), &shape, target(Metric::Cosine));
    assert_eq!(taken.unwrap().position, 1);
}

#[test]
fn only_the_chosen_vector_must_fit_the_index() {
    let mut shape = shape(&["image", "text"], DIMENSIONS);
    shape.dense[0].dimensions = 512;
    assert!(Transform::resolve(vector("text"), &shape, target(Metric::Cosine)).is_ok());
}

#[test]
fn each_refusal_names_what_there_is_and_what_to_do() {
    let none = error(Mapping::default(), &[], 0);
    assert_eq!(none, ResolveError::NoDenseVector);
    for (error, message, advice) in [
        (
            error(Mapping::default(), &["image", "text"], DIMENSIONS),
            "the source has several dense vectors: 'image', 'text'",
            "choose one of them with --vector NAME",
        ),
        (
            error(vector("txt"), &["image", "text"], DIMENSIONS),
            "the source has no vector 'txt'; it has 'image', 'text'",
            "choose one of them with --vector NAME",
        ),
        (
            error(Mapping::default(), &["text"], 512),
            "the vector 'text' has 512 dimensions, the index has 32",
            "migrate into an index with 512 dimensions",
        ),
        (
            error(Mapping::default(), &[""], 3_072),
            "the unnamed vector has 3072 dimensions, the index has 32",
            "Vectorize takes 32 to 1536 dimensions; shorten longer vectors with --dims, or embed the texts again with a model in that range",
        ),
        (
            error(dims(64), &[""], 48),
            "the unnamed vector has 48 dimensions, --dims asks for 64",
            "--dims only shortens: leave it out, or give at most 48",
        ),
        (
            error(dims(64), &[""], 128),
            "the unnamed vector has 64 dimensions, the index has 32",
            "migrate into an index with 64 dimensions",
        ),
    ] {
        assert_eq!(
            (error.to_string().as_str(), error.advice().as_str()),
            (message, advice)
        );
    }
}

#[test]
fn an_unfit_collection_refuses_the_plan() {
    let error = crate::error::Error::from(ResolveError::NoDenseVector);
    assert_eq!(error.kind(), crate::error::Kind::Refused);
    assert!(error.advice().is_some());
}
