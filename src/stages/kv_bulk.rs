//! Many pairs to KV, and many keys from it: as many a call as it takes, and again
//! what did not reach every store.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::{Clock, Instant};
use crate::cloudflare::{Kv, KvPair, MAX_BULK_KEYS, Unsuccessful};
use crate::error::Error;
use crate::stages::context::Migration;

/// Bytes of one bulk write: KV takes 100 MB, the JSON around values included.
const BYTES_AT_ONCE: usize = 48 << 20;
/// Times that keys which did not reach every store are sent again.
const TRIES: u32 = 6;

/// How long what a look showed is acted upon while others are gathered: KV cannot compare
/// before it writes or deletes, so what somebody else writes meanwhile would be lost.
const LOOK_HOLDS: Duration = Duration::from_secs(5);

/// When the oldest of what is gathered was looked at.
#[derive(Debug, Default)]
pub(super) struct OldestLook(Option<Instant>);

impl OldestLook {
    /// Something is gathered that was looked at then.
    pub(super) fn note(&mut self, looked: Instant) {
        self.0.get_or_insert(looked);
    }

    /// Whether it is time to act; all that is gathered goes then.
    pub(super) fn is_due(&mut self, clock: &Clock) -> bool {
        let is_due = self.0.is_some_and(|at| clock.now() - at >= LOOK_HOLDS);
        if is_due {
            self.0 = None;
        }
        is_due
    }
}

/// Pairs on their way into full bulk writes.
#[derive(Debug)]
pub(super) struct Gathering {
    pairs: Vec<KvPair>,
    bytes: usize,
    most_bytes: usize,
}

impl Gathering {
    /// None yet. The pairs and the body that is made of them take the memory that there
    /// is for bodies together.
    pub(super) fn new(memory: usize) -> Self {
        Self {
            pairs: Vec::new(),
            bytes: 0,
            most_bytes: BYTES_AT_ONCE.min(memory / 2),
        }
    }

    /// Adds one; gives those before it where they fill a write.
    pub(super) fn add(&mut self, pair: KvPair) -> Option<Vec<KvPair>> {
        let bytes = weight(&pair);
        let is_full = self.pairs.len() == MAX_BULK_KEYS || self.bytes + bytes > self.most_bytes;
        let full = (is_full && !self.pairs.is_empty()).then(|| self.take());
        self.bytes += bytes;
        self.pairs.push(pair);
        full
    }

    /// Gives what is left.
    pub(super) fn take(&mut self) -> Vec<KvPair> {
        self.bytes = 0;
        std::mem::take(&mut self.pairs)
    }
}

fn weight(pair: &KvPair) -> usize {
    pair.key.len() + pair.value.len()
}

/// Keys on their way into full bulk deletes. A key has at most 512 bytes, so that they
/// need no other bound.
#[derive(Debug, Default)]
pub(super) struct Removing {
    keys: Vec<String>,
}

impl Removing {
    /// Adds one; gives all of them where they fill a call.
    pub(super) fn add(&mut self, key: String) -> Option<Vec<String>> {
        self.keys.push(key);
        (self.keys.len() == MAX_BULK_KEYS).then(|| self.take())
    }

    /// Gives what is left.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.keys)
    }
}

/// Writes all pairs; those that did not reach every store are sent again.
pub(super) async fn put_all(
    migration: &Migration,
    kv: &Kv,
    pairs: Vec<KvPair>,
) -> Result<(), Error> {
    for group in groups(pairs) {
        let mut left = group;
        for attempt in 0.. {
            let Unsuccessful(keys) = kv.put_many(&left).await?;
            if keys.is_empty() {
                break;
            }
            wait_or_give_up(migration, attempt, keys.len()).await?;
            resend(&mut left, keys, |pair| &pair.key);
        }
    }
    Ok(())
}

/// Removes all keys; the ledger knows of it before, so that a rollback knows who
/// removed them.
pub(super) async fn delete_all(
    migration: &Migration,
    kv: &Kv,
    keys: Vec<String>,
) -> Result<(), Error> {
    let namespace = kv.namespace().as_str();
    migration.ledger.add_removed_entries(namespace, &keys)?;
    for group in keys.chunks(MAX_BULK_KEYS) {
        let mut left = group.to_vec();
        for attempt in 0.. {
            let Unsuccessful(keys) = kv.delete_many(&left).await?;
            if keys.is_empty() {
                break;
            }
            wait_or_give_up(migration, attempt, keys.len()).await?;
            resend(&mut left, keys, |key| key);
        }
    }
    Ok(())
}

/// Keeps what failed; everything where keys failed that were not sent as they
/// are named, because then it cannot be told what did not.
fn resend<T>(left: &mut Vec<T>, failed: Vec<String>, key: impl Fn(&T) -> &String) {
    let mut failed: HashSet<String> = failed.into_iter().collect();
    let sent: HashSet<&String> = left.iter().map(&key).collect();
    if failed.iter().any(|key| !sent.contains(key)) {
        return;
    }
    left.retain(|item| failed.remove(key(item)));
}

async fn wait_or_give_up(migration: &Migration, attempt: u32, keys: usize) -> Result<(), Error> {
    if attempt + 1 >= TRIES {
        return Err(Error::stopped(format!(
            "{keys} KV entries did not reach every store, after {TRIES} tries"
        ))
        .advise("run the same command again in a few minutes: only what is missing is written"));
    }
    migration
        .stop
        .pause(&migration.clock, Duration::from_secs(1 << attempt))
        .await
}

/// Groups that one bulk write takes.
fn groups(pairs: Vec<KvPair>) -> Vec<Vec<KvPair>> {
    let mut groups: Vec<Vec<KvPair>> = Vec::new();
    let mut bytes = 0;
    for pair in pairs {
        let weight = weight(&pair);
        let fits = bytes + weight <= BYTES_AT_ONCE;
        match groups.last_mut() {
            Some(group) if fits && group.len() < MAX_BULK_KEYS => {
                bytes += weight;
                group.push(pair);
            }
            _ => {
                bytes = weight;
                groups.push(vec![pair]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(number: usize, value_bytes: usize) -> KvPair {
        KvPair {
            key: format!("{number:06}"),
            value: "x".repeat(value_bytes),
            expiration_ttl: None,
            expiration: None,
            metadata: None,
        }
    }

    fn gathered(memory: usize, pairs: impl Iterator<Item = KvPair>) -> Vec<usize> {
        let mut gathering = Gathering::new(memory);
        let mut writes: Vec<usize> = pairs
            .filter_map(|pair| gathering.add(pair))
            .map(|full| full.len())
            .collect();
        writes.push(gathering.take().len());
        writes
    }

    #[test]
    fn pairs_are_gathered_into_writes_that_are_full_by_number_or_by_memory() {
        let small = (0..25_000).map(|number| pair(number, 10));
        assert_eq!(gathered(256 << 20, small), [10_000, 10_000, 5_000]);
        let mebibytes = (0..40).map(|number| pair(number, (1 << 20) - 6));
        assert_eq!(gathered(32 << 20, mebibytes), [16, 16, 8]);
        let large = (0..3).map(|number| pair(number, 25 << 20));
        assert_eq!(gathered(32 << 20, large), [1, 1, 1]);
        assert_eq!(gathered(32 << 20, std::iter::empty()), [0]);
    }

    #[test]
    fn keys_are_gathered_into_deletes_that_are_full() {
        let mut removing = Removing::default();
        let full = (0..25_000).filter_map(|number| removing.add(number.to_string()));
        let mut deletes: Vec<usize> = full.map(|keys| keys.len()).collect();
        deletes.push(removing.take().len());
        assert_eq!(deletes, [10_000, 10_000, 5_000]);
        assert!(removing.take().is_empty());
    }

    #[test]
    fn what_failed_is_sent_again_and_everything_where_that_is_unclear() {
        let again = |failed: &[&str]| {
            let mut left: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
            let failed = failed.iter().map(|key| (*key).to_owned()).collect();
            resend(&mut left, failed, |key| key);
            left.concat()
        };
        assert_eq!(again(&["b", "b"]), "b");
        assert_eq!(again(&["c", "a"]), "ac");
        assert_eq!(again(&["%62"]), "abc");
        assert_eq!(again(&["a", "%62"]), "abc");
    }
}
