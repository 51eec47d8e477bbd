//! Records by a formula: ids of files and chunks as a sync system has them, in an order
//! of their own, and what the second generation changes.

use cf_migrate::ledger::{Checked, CheckedPoint, RecordRow};
use cf_migrate::point::Payload;
use cf_migrate::record::Digest;
use cf_migrate::transform::Order;

/// Chunks of a file.
pub(crate) const CHUNKS: u64 = 12;
/// Numbers of a vector: the fewest that Vectorize takes.
pub(crate) const DIMENSIONS: usize = 32;
/// Points that are checked between two writes to the ledger, as the export does.
const CHECKED_AT_ONCE: u64 = 4_096;

/// Primes far above any number of records, so that multiplying by one shuffles them.
const SOURCE_ORDER: u64 = 2_147_483_647;
const INDEX_ORDER: u64 = 2_305_843_009_213_693_951;

/// Which generation of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    First,
    /// One record in a hundred is changed, one is gone, one is new.
    Second,
}

/// So many records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection {
    pub(crate) points: u64,
}

impl Collection {
    pub(crate) fn of(points: u64) -> Self {
        assert!(points > 0, "there is nothing to measure without records");
        Self { points }
    }

    /// The record at that place of the source.
    pub(crate) fn at(self, ordinal: u64) -> u64 {
        self.shuffled(ordinal, SOURCE_ORDER)
    }

    /// The record at that place of the index's list.
    pub(crate) fn listed_at(self, position: u64) -> u64 {
        self.shuffled(position, INDEX_ORDER)
    }

    fn shuffled(self, position: u64, prime: u64) -> u64 {
        let points = u128::from(self.points);
        let moved = u128::from(position) * u128::from(prime) + points / 3;
        u64::try_from(moved % points).expect("less than the number of records")
    }

    pub(crate) fn files(self) -> u64 {
        self.points.div_ceil(CHUNKS)
    }

    /// The ids of a file, in order.
    pub(crate) fn ids_of(self, file: u64) -> Vec<String> {
        let last = self.points.min((file + 1) * CHUNKS);
        (file * CHUNKS..last).map(id).collect()
    }

    /// What checking gives the ledger, some thousand points at a time.
    pub(crate) fn checked(self, generation: Generation) -> impl Iterator<Item = (u64, Checked)> {
        let firsts = (0..self.points).step_by(CHECKED_AT_ONCE as usize);
        firsts.map(move |first| {
            let last = self.points.min(first + CHECKED_AT_ONCE);
            let rows = (first..last).map(|ordinal| self.row(ordinal, generation));
            let checked = Checked {
                points: rows.map(CheckedPoint::Record).collect(),
                ..Checked::default()
            };
            (first, checked)
        })
    }

    pub(crate) fn row(self, ordinal: u64, generation: Generation) -> RecordRow {
        let record = self.at(ordinal);
        let (mut id, mut digest) = (id(record), digest());
        match (generation, record % 100) {
            (Generation::Second, 0) => digest.0[0] ^= 1,
            (Generation::Second, 1) => id.insert(0, 'n'),
            _ => {}
        }
        RecordRow {
            ordinal,
            id,
            namespace: None,
            file: Some(key(record / CHUNKS)),
            order: Order::Number((record % CHUNKS) as f64),
            digest,
        }
    }
}

/// A record's id: that of its file, 32 digits, and the chunk's number.
pub(crate) fn id(record: u64) -> String {
    format!("{}_{}", file_id(record / CHUNKS), record % CHUNKS)
}

/// The key of a file's entry.
pub(crate) fn key(file: u64) -> String {
    format!("file:{}", file_id(file))
}

/// Digits that begin with the number, so that keys come in the order of their files.
fn file_id(file: u64) -> String {
    format!(
        "{file:016x}{:016x}",
        file.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}

/// The file whose key that is.
pub(crate) fn file_of_key(key: &str) -> Option<u64> {
    let digits = key.strip_prefix("file:")?.get(..16)?;
    u64::from_str_radix(digits, 16).ok()
}

/// All vectors are alike: what they hold is not what is measured here.
pub(crate) fn vector() -> Vec<f32> {
    vec![0.25; DIMENSIONS]
}

fn digest() -> Digest {
    use std::sync::OnceLock;
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| Digest::of(None, &vector(), &Payload::new()))
}
