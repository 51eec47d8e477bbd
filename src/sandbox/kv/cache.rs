//! Stale reads: what was read once is answered from that reading for as long as
//! `stale` says, absences included (How KV works, <https://developers.cloudflare.com/kv/concepts/how-kv-works/>).
//! A write does not freshen it, since the writer may sit elsewhere. Each reading
//! remembers only the version it saw; the entries are in the store.

use std::collections::HashMap;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) enum ReadOf {
    /// A key's value and metadata, or that it is absent.
    Key { namespace: String, key: String },
    /// The list of the keys with a prefix.
    List { namespace: String, prefix: String },
}

/// A reading: which version it saw, and when.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Reading {
    version: i64,
    at_ms: i64,
}

/// The readings that may still be answered from.
pub(in super::super) type ReadCache = HashMap<ReadOf, Reading>;

/// More readings than this are swept of those too old to be used.
const SWEEP_AT: usize = 100_000;

/// The version that a reading sees: the one of an earlier reading if that is not
/// older than `stale_ms`, else the newest.
pub(super) fn version_for(
    cache: &mut ReadCache,
    what: ReadOf,
    newest: i64,
    now_ms: i64,
    stale_ms: i64,
) -> i64 {
    if stale_ms == 0 {
        return newest;
    }
    let fresh = |reading: &Reading| now_ms - reading.at_ms < stale_ms;
    if let Some(reading) = cache.get(&what).filter(|reading| fresh(reading)) {
        return reading.version;
    }
    if cache.len() >= SWEEP_AT {
        cache.retain(|_, reading| fresh(reading));
    }
    let reading = Reading {
        version: newest,
        at_ms: now_ms,
    };
    cache.insert(what, reading);
    newest
}
