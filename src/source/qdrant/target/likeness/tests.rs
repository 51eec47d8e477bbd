use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionConfig, HnswConfigDiff, Modifier, MultiVectorConfig, SparseVectorConfig,
    VectorParamsMap, VectorsConfig,
};

use super::*;

fn dense(size: u64, distance: Distance) -> VectorParams {
    VectorParams {
        size,
        distance: distance.into(),
        ..VectorParams::default()
    }
}

fn of(vectors: &[(&str, VectorParams)], sparse: &[(&str, Modifier)]) -> Settings {
    let map = vectors
        .iter()
        .map(|(name, params)| ((*name).to_owned(), *params));
    let words = sparse.iter().map(|(name, modifier)| {
        let params = SparseVectorParams {
            modifier: Some((*modifier).into()),
            ..SparseVectorParams::default()
        };
        ((*name).to_owned(), params)
    });
    let params = CollectionParams {
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap { map: map.collect() })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: words.collect(),
        }),
        ..CollectionParams::default()
    };
    Settings {
        config: CollectionConfig {
            params: Some(params),
            ..CollectionConfig::default()
        },
        payload_schema: HashMap::new(),
    }
}

#[test]
fn the_same_vectors_are_no_conflict_whatever_else_differs() {
    let plain = dense(4, Distance::Cosine);
    let single = VectorParams {
        datatype: Some(Datatype::Float32.into()),
        hnsw_config: Some(HnswConfigDiff::default()),
        ..plain
    };
    let (wanted, held) = (of(&[("a", plain)], &[]), of(&[("a", single)], &[]));
    assert_eq!(conflicts(&wanted, &held), Vec::<String>::new());
}

#[test]
fn a_distance_that_is_not_known_stands_against_none() {
    let unknown = of(&[("a", dense(4, Distance::UnknownDistance))], &[]);
    let held = of(&[("a", dense(4, Distance::Manhattan))], &[]);
    assert_eq!(conflicts(&unknown, &held), Vec::<String>::new());
    assert_eq!(conflicts(&held, &unknown).len(), 1);
}

#[test]
fn each_conflict_is_told() {
    let wanted = dense(4, Distance::Cosine);
    let bytes = VectorParams {
        datatype: Some(Datatype::Uint8.into()),
        ..wanted
    };
    let multi = VectorParams {
        multivector_config: Some(MultiVectorConfig::default()),
        ..wanted
    };
    let rows = [
        (
            dense(5, Distance::Cosine),
            "vector \"a\" has 5 dimensions there, 4 in the archive",
        ),
        (
            dense(4, Distance::Dot),
            "vector \"a\" is compared by dot there, by cosine in the archive",
        ),
        (
            bytes,
            "vector \"a\" is stored as uint8 there, as float32 in the archive",
        ),
        (
            multi,
            "vector \"a\" is a multivector there, one vector in the archive",
        ),
    ];
    for (held, told) in rows {
        let found = conflicts(&of(&[("a", wanted)], &[]), &of(&[("a", held)], &[]));
        assert_eq!(found, [told]);
    }
}

#[test]
fn vectors_that_only_one_side_has_are_conflicts() {
    let field = dense(4, Distance::Cosine);
    let one = of(&[("", field)], &[("words", Modifier::None)]);
    let other = of(&[("b", field)], &[]);
    assert_eq!(
        conflicts(&one, &other),
        [
            "it has no unnamed vector",
            "vector \"b\", which it has, is not in the archive",
            "it has no sparse vector \"words\"",
        ]
    );
    let idf = of(&[("", field)], &[("words", Modifier::Idf)]);
    assert_eq!(
        conflicts(&one, &idf),
        ["sparse vector \"words\" has the modifier Idf there, None in the archive"]
    );
}

#[test]
fn differences_are_those_of_settings_that_are_wanted() {
    let hnsw = |m, ef_construct| HnswConfigDiff {
        m,
        ef_construct,
        ..HnswConfigDiff::default()
    };
    let mut wanted = of(&[("a", dense(4, Distance::Cosine))], &[]);
    let mut held = wanted.clone();
    wanted.config.hnsw_config = Some(hnsw(Some(32), None));
    held.config.hnsw_config = Some(hnsw(Some(16), Some(100)));
    assert_eq!(
        differences(&wanted, &held),
        ["config.hnsw_config.m is 16, not 32"]
    );
    assert_eq!(differences(&wanted, &wanted), Vec::<String>::new());
}
