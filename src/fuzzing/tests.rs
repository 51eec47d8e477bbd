//! The targets over their seeds, and over mutations of them: what a fuzzer does, in
//! small, on every run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{TARGETS, Target};

/// Mutations of the seeds of one target.
const MUTATIONS: u32 = 200;
/// The longest mutated input.
const LONGEST: usize = 64 << 10;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(fuzz().join("seeds").join(target)).expect(target);
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

#[test]
fn every_target_has_a_binary_and_seeds() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        let of = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        names.map(of).collect()
    };
    let targets = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    let seeds = names("seeds")
        .into_iter()
        .filter(|name| name != "part.json");
    assert_eq!(
        seeds
            .filter(|name| !name.ends_with("part.json"))
            .collect::<BTreeSet<_>>(),
        targets
    );
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
    }
}

/// One edit of an input.
#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, some)| Edit::Insert(at, some)),
        (at(), 1..64_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        (at(), 1..16_usize, 2..200_usize)
            .prop_map(|(at, span, times)| Edit::Repeat(at, span, times)),
    ]
}

fn edited(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for edit in edits {
        match edit {
            Edit::Set(at, byte) if !data.is_empty() => {
                let at = at.index(data.len());
                data[at] = *byte;
            }
            Edit::Set(..) => {}
            Edit::Insert(at, some) => {
                let at = at.index(data.len() + 1);
                data.splice(at..at, some.iter().copied());
            }
            Edit::Remove(at, count) => {
                let at = at.index(data.len() + 1);
                data.drain(at..data.len().min(at + count));
            }
            Edit::Repeat(at, span, times) => {
                let at = at.index(data.len() + 1);
                let span = data[at..data.len().min(at + span)].to_vec();
                data.splice(at..at, span.repeat(*times));
            }
        }
        data.truncate(LONGEST);
    }
    data
}

fn try_out((name, target): Target) {
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| target(seed));
    let mutated = (
        prop::sample::select(seeds),
        prop::collection::vec(edit(), 1..6),
    );
    let config = Config {
        cases: MUTATIONS,
        failure_persistence: None,
        ..Config::default()
    };
    // A fixed seed: new inputs are the fuzzer's work, this keeps what is known.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&mutated, |(seed, edits)| {
            target(&edited(&seed, &edits));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

macro_rules! targets {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            try_out((stringify!($name), super::$name));
        }
    )*};
}

targets! {
    budget cloudflare config dotenv floats ledger manifest map ndjson parquet part place program
    qdrant_grpc qdrant_rest sandbox template transform upstash
}
