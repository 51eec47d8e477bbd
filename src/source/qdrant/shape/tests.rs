use qdrant_client::qdrant::{
    CollectionConfig, CollectionStatus, CollectionWarning, Datatype, MultiVectorConfig,
    SparseVectorConfig, SparseVectorParams, UpdateQueueInfo, VectorParamsMap, VectorsConfig,
};

use super::*;
use crate::error::Kind;
use crate::source::qdrant::warnings::multivector_note;

fn dense(size: u64, distance: WireDistance) -> VectorParams {
    VectorParams {
        size,
        distance: distance.into(),
        ..VectorParams::default()
    }
}

fn multi(size: u64) -> VectorParams {
    VectorParams {
        multivector_config: Some(MultiVectorConfig::default()),
        ..dense(size, WireDistance::Cosine)
    }
}

fn info(vectors: &[(&str, VectorParams)], sparse: &[&str]) -> CollectionInfo {
    let named = vectors
        .iter()
        .map(|(name, params)| ((*name).to_owned(), *params));
    let map = VectorParamsMap {
        map: named.collect(),
    };
    let sparse = sparse.iter();
    let params = CollectionParams {
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(map)),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: sparse
                .map(|name| ((*name).to_owned(), SparseVectorParams::default()))
                .collect(),
        }),
        ..CollectionParams::default()
    };
    CollectionInfo {
        status: CollectionStatus::Green.into(),
        config: Some(CollectionConfig {
            params: Some(params),
            ..CollectionConfig::default()
        }),
        ..CollectionInfo::default()
    }
}

fn chosen(vector: Option<&str>, info: CollectionInfo) -> Result<String, Error> {
    describe("c", vector, info).map(|description| description.chosen)
}

const COSINE: WireDistance = WireDistance::Cosine;

#[test]
fn fields_are_sorted_by_name_with_the_unnamed_one_first() {
    let info = info(
        &[
            ("z", dense(8, COSINE)),
            ("", dense(4, WireDistance::Dot)),
            ("m", multi(2)),
        ],
        &["words", "bits"],
    );
    let fields = describe("c", None, info).unwrap().fields;
    let names: Vec<_> = fields
        .shape
        .dense
        .iter()
        .map(|field| &*field.name)
        .collect();
    assert_eq!(names, ["", "z"]);
    assert_eq!(fields.shape.dense[0].distance, Some(Distance::Dot));
    assert_eq!(fields.shape.sparse, ["bits", "words"]);
    assert_eq!(fields.left_out, ["m"]);
    assert_eq!(fields.names().unwrap(), ["", "z", "bits", "words"]);
    assert_eq!(fields.numbers(), 12);
}

#[test]
fn the_vector_is_the_chosen_one_or_the_unnamed_one_or_the_only_one() {
    let two = [("", dense(8, COSINE)), ("a", dense(8, COSINE))];
    assert_eq!(chosen(None, info(&two, &[])).unwrap(), "");
    assert_eq!(chosen(Some("a"), info(&two, &[])).unwrap(), "a");
    assert_eq!(chosen(None, info(&two[1..], &["s"])).unwrap(), "a");
}

fn assert_refused(
    vector: Option<&str>,
    info: CollectionInfo,
    (kind, message, advice): (Kind, &str, &str),
) {
    let error = chosen(vector, info).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
    assert_eq!(error.advice(), Some(advice));
}

#[test]
fn a_choice_that_is_missing_or_wrong_is_a_usage_error_with_the_names() {
    let several = [("a", dense(8, COSINE)), ("", dense(8, COSINE))];
    let named = [several[0], ("b", dense(8, COSINE))];
    let missing = "vector \"x\" of collection \"c\" does not exist";
    assert_refused(
        None,
        info(&named, &[]),
        (
            Kind::Usage,
            "collection \"c\" has 2 dense vectors, and a Vectorize record holds one",
            "Choose one with --vector: a, b",
        ),
    );
    let names = "Choose a dense vector with --vector: '' (the unnamed one), a";
    assert_refused(
        Some("x"),
        info(&several, &[]),
        (Kind::Usage, missing, names),
    );
    let leave_out = "Leave --vector out: the collection has one unnamed dense vector";
    let unnamed = info(&several[1..], &[]);
    assert_refused(Some("x"), unnamed, (Kind::Usage, missing, leave_out));
}

#[test]
fn a_chosen_vector_that_vectorize_cannot_hold_is_refused() {
    let mixed = || info(&[("a", dense(8, COSINE)), ("m", multi(8))], &["s"]);
    let advice = "Choose a dense vector with --vector: a";
    let multi = "vector \"m\" of collection \"c\" is a multivector, and a Vectorize record holds one vector";
    assert_refused(Some("m"), mixed(), (Kind::Refused, multi, advice));
    let sparse = "vector \"s\" of collection \"c\" is sparse, and Vectorize holds dense ones";
    assert_refused(Some("s"), mixed(), (Kind::Refused, sparse, advice));
    let manhattan = info(&[("", dense(8, WireDistance::Manhattan))], &[]);
    assert_refused(
        None,
        manhattan,
        (
            Kind::Refused,
            "the unnamed vector of collection \"c\" is compared by Manhattan distance, \
             which Vectorize does not have",
            "Vectorize has cosine, euclidean and dot-product. \
             The collection has no other dense vector to choose",
        ),
    );
}

#[test]
fn a_collection_without_a_dense_vector_is_refused_by_what_it_has_instead() {
    let rows = [
        (
            info(&[("", multi(8))], &["s"]),
            "has multivectors (several vectors a point), and a Vectorize record holds one vector",
        ),
        (
            info(&[], &["s"]),
            "has only sparse vectors, and Vectorize holds dense ones",
        ),
        (info(&[], &[]), "has no vectors at all"),
        (CollectionInfo::default(), "has no vectors at all"),
    ];
    for (info, problem) in rows {
        let error = chosen(None, info).unwrap_err();
        assert_eq!(error.to_string(), format!("collection \"c\" {problem}"));
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.advice().is_some());
    }
}

#[test]
fn a_manhattan_vector_beside_the_chosen_one_is_no_obstacle() {
    let both = [
        ("a", dense(8, COSINE)),
        ("b", dense(8, WireDistance::Manhattan)),
    ];
    let description = describe("c", Some("a"), info(&both, &[])).unwrap();
    assert_eq!(description.fields.shape.dense.len(), 2);
}

#[test]
fn strict_mode_limits_hold_unless_strict_mode_is_off() {
    let strict = StrictModeConfig {
        enabled: Some(true),
        max_query_limit: Some(50),
        max_timeout: Some(7),
        search_allow_exact: Some(false),
        ..StrictModeConfig::default()
    };
    let free = Limits {
        page_points: None,
        timeout_s: None,
        exact_count: ExactCount::Allowed,
    };
    let held = Limits {
        page_points: Some(50),
        timeout_s: Some(7),
        exact_count: ExactCount::Refused,
    };
    let off = StrictModeConfig {
        enabled: Some(false),
        ..strict.clone()
    };
    assert_eq!(limits(Some(&strict)), held);
    assert_eq!(limits(Some(&off)), free);
    assert_eq!(limits(None), free);
}

#[test]
fn the_operator_hears_what_is_unusual() {
    let half = VectorParams {
        datatype: Some(Datatype::Float16.into()),
        ..dense(8, COSINE)
    };
    let mut unusual = info(&[("", half), ("m", multi(8))], &[]);
    unusual.status = CollectionStatus::Yellow.into();
    unusual.update_queue = Some(UpdateQueueInfo {
        length: 0,
        deferred_points: Some(12),
    });
    unusual.warnings = vec![CollectionWarning {
        message: "old setting".to_owned(),
    }];
    assert_eq!(
        describe("c", None, unusual).unwrap().warnings,
        [
            "The collection's status is yellow: the server is still optimising it.",
            "12 deferred points are hidden until the server has indexed them: they are neither counted nor read.",
            "Qdrant says: old setting",
            "The unnamed vector is stored as float16: what comes back is rounded, not what was once written.",
        ]
    );
}

#[test]
fn a_multivector_is_said_with_its_points_where_they_are_known() {
    let note = |having| multivector_note("m", having);
    let end = "it is not read and will not be in the archive.";
    assert_eq!(note(None), format!("Vector \"m\" is a multivector: {end}"));
    assert_eq!(
        note(Some(1)),
        format!("Vector \"m\" is a multivector, which 1 point has: {end}")
    );
    assert_eq!(
        note(Some(20)),
        format!("Vector \"m\" is a multivector, which 20 points have: {end}")
    );
}

#[test]
fn an_ordinary_collection_gives_no_warning() {
    let plain = info(&[("", dense(8, COSINE))], &[]);
    assert_eq!(describe("c", None, plain).unwrap().warnings, [""; 0]);
}
