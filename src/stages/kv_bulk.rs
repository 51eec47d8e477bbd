//! Many pairs to KV, and many keys from it: as many a call as it takes, and again
//! what did not reach every store.

use std::collections::HashSet;
use std::time::Duration;

use crate::cloudflare::{Kv, KvPair, Unsuccessful};
use crate::error::Error;
use crate::stages::context::Migration;

/// Pairs of one bulk write (KV API).
const PAIRS_AT_ONCE: usize = 10_000;
/// Bytes of one bulk write: KV takes 100 MB, the JSON around values included, and pairs
/// and body are in memory together.
const BYTES_AT_ONCE: usize = 32 << 20;
/// Times that keys which did not reach every store are sent again.
const TRIES: u32 = 6;

/// Pairs that wait until they fill a bulk write.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pairs: Vec<KvPair>,
    bytes: usize,
}

impl Waiting {
    /// Adds a pair; gives those that must go out first, because a call takes no more.
    pub(super) fn add(&mut self, pair: KvPair) -> Option<Vec<KvPair>> {
        let weight = pair.key.len() + pair.value.len();
        let fits = self.bytes + weight <= BYTES_AT_ONCE && self.pairs.len() < PAIRS_AT_ONCE;
        let full = (!fits && !self.pairs.is_empty()).then(|| self.take());
        self.bytes += weight;
        self.pairs.push(pair);
        full
    }

    /// Those that are left.
    pub(super) fn take(&mut self) -> Vec<KvPair> {
        self.bytes = 0;
        std::mem::take(&mut self.pairs)
    }
}

/// Writes all pairs; those that did not reach every store are sent again.
pub(super) async fn put_all(
    migration: &Migration,
    kv: &Kv,
    pairs: Vec<KvPair>,
) -> Result<(), Error> {
    let mut waiting = Waiting::default();
    for pair in pairs {
        if let Some(full) = waiting.add(pair) {
            put(migration, kv, full).await?;
        }
    }
    put(migration, kv, waiting.take()).await
}

/// Writes what one call takes, which may be nothing.
pub(super) async fn put(
    migration: &Migration,
    kv: &Kv,
    mut left: Vec<KvPair>,
) -> Result<(), Error> {
    for attempt in 0.. {
        if left.is_empty() {
            break;
        }
        let Unsuccessful(keys) = kv.put_many(&left).await?;
        if keys.is_empty() {
            break;
        }
        wait_or_give_up(migration, attempt, keys.len()).await?;
        resend(&mut left, keys, |pair| &pair.key);
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
    for group in keys.chunks(PAIRS_AT_ONCE) {
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn pair(key: usize, bytes: usize) -> KvPair {
        KvPair {
            key: key.to_string(),
            value: "x".repeat(bytes),
            expiration_ttl: None,
            expiration: None,
            metadata: None,
        }
    }

    #[test]
    fn pairs_wait_until_a_call_is_full_however_few_come_at_a_time() {
        let mut waiting = Waiting::default();
        let full: Vec<usize> = (0..25_000)
            .filter_map(|key| waiting.add(pair(key, 1)))
            .map(|full| full.len())
            .collect();
        assert_eq!(full, [PAIRS_AT_ONCE, PAIRS_AT_ONCE]);
        assert_eq!(waiting.take().len(), 5_000);
        assert!(waiting.take().is_empty());
    }

    #[test]
    fn a_call_is_full_with_bytes_too_and_holds_one_pair_at_least() {
        let mut waiting = Waiting::default();
        let half = BYTES_AT_ONCE / 2;
        let full: Vec<usize> = (0..4)
            .filter_map(|key| waiting.add(pair(key, half)))
            .map(|full| full.len())
            .collect();
        assert_eq!(full, [1, 1, 1]);
        let mut waiting = Waiting::default();
        assert!(waiting.add(pair(1, BYTES_AT_ONCE + 1)).is_none());
        assert_eq!(waiting.take().len(), 1);
    }
}
