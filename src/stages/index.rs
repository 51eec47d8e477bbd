//! Records → the file index in KV. Writes only what differs; an entry that will
//! change is kept in the inventory first. Ids of others stay where the index
//! holds them, and nothing that exists is removed.

use std::time::Duration;

use crate::cloudflare::{Kv, KvPair, Unsuccessful};
use crate::error::Error;
use crate::file_index::{Compared, FileIndex, Stale, Standing, entry_text};
use crate::ledger::{InventoryEntry, Milestone};
use crate::progress::Step;
use crate::report::FileIndexFacts;
use crate::stages::context::Migration;
use crate::stages::inventory::before;

/// Pairs of one bulk write (KV API).
const PAIRS_AT_ONCE: usize = 10_000;
/// Bytes of one bulk write: KV takes 100 MB, the JSON around values included.
const BYTES_AT_ONCE: usize = 48 << 20;
/// Times that keys which did not reach every store are sent again.
const TRIES: u32 = 6;

/// What to do with entries none of whose vectors exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleEntries {
    /// Only say so.
    Report,
    /// Remove them.
    Prune,
}

/// Makes KV hold the file index, and the number of vectors under the count key.
///
/// Errors: an entry of ours that holds something else than ids (refused), and
/// what the account answers; running again writes what is still missing.
pub async fn index(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
    vectors: u64,
    stale: StaleEntries,
) -> Result<FileIndexFacts, Error> {
    let files = migration.ledger.files()?;
    migration.begin(Step::Index, Some(files));
    file_index.list().await?;
    let mut writer = Writer {
        migration,
        file_index,
        facts: FileIndexFacts::default(),
    };
    writer.entries().await?;
    writer.stale(stale).await?;
    writer.count(count_kv, vectors).await?;
    let facts = writer.facts;
    if !migration.is_dry_run() {
        migration.reach(Milestone::Indexed)?;
    }
    let verb = if migration.is_dry_run() {
        "would be written"
    } else {
        "written"
    };
    migration.progress.end(
        Step::Index,
        &format!(
            "{} entries, {} {verb}, {} stale",
            facts.entries, facts.written, facts.stale
        ),
    );
    Ok(facts)
}

struct Writer<'a> {
    migration: &'a Migration,
    file_index: &'a FileIndex<'a>,
    facts: FileIndexFacts,
}

impl Writer<'_> {
    async fn entries(&mut self) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            self.migration.stop.check()?;
            let page = self.file_index.compare(after.as_deref()).await?;
            for compared in &page.compared {
                self.facts.entries += 1;
                self.facts.ids += compared.expected.len() as u64;
            }
            let total = page.compared.len() as u64;
            self.write_changed(page.compared).await?;
            self.migration.progress.advance(Step::Index, total);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn write_changed(&mut self, compared: Vec<Compared>) -> Result<(), Error> {
        let (same, changed): (Vec<_>, Vec<_>) = compared
            .into_iter()
            .partition(|entry| entry.standing == Standing::Same);
        self.facts.unchanged += same.len() as u64;
        self.facts.written += changed.len() as u64;
        changed.iter().try_for_each(|entry| self.explain(entry))?;
        let namespace = &self.file_index.plan.namespace;
        let mut pairs = Vec::new();
        let mut inventory = Vec::new();
        for entry in changed {
            inventory.push(before(namespace, &entry));
            pairs.push(self.pair(entry));
        }
        if self.migration.is_dry_run() {
            return Ok(());
        }
        self.migration.ledger.add_entry_inventory(&inventory)?;
        let written: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.key.clone(), pair.value.clone()))
            .collect();
        self.migration.ledger.add_entries(namespace, &written)?;
        put_all(self.migration, self.file_index.kv, pairs).await
    }

    fn explain(&self, entry: &Compared) -> Result<(), Error> {
        if !entry.dropped.is_empty() {
            self.migration.warn(format!(
                "{} names {} vectors that the index does not hold; they are dropped from it: {}",
                entry.key,
                entry.dropped.len(),
                entry
                    .dropped
                    .iter()
                    .take(3)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        match entry.standing {
            Standing::Unreadable => Err(unreadable(&entry.key)),
            _ => Ok(()),
        }
    }

    fn pair(&self, entry: Compared) -> KvPair {
        KvPair {
            value: entry_text(&entry.expected),
            key: entry.key,
            expiration_ttl: self.file_index.plan.ttl,
            expiration: None,
            // Somebody else's metadata on an entry is not ours to lose.
            metadata: entry.stored.and_then(|stored| stored.metadata),
        }
    }

    async fn stale(&mut self, stale: StaleEntries) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            self.migration.stop.check()?;
            let (found, next) = self.file_index.stale_after(after.as_deref()).await?;
            self.facts.stale += found.len() as u64;
            if stale == StaleEntries::Prune && !self.migration.is_dry_run() {
                self.prune(found).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if self.facts.stale > 0 && stale == StaleEntries::Report {
            self.migration.warn(format!(
                "{} entries name only vectors that do not exist; --prune removes them",
                self.facts.stale
            ));
        }
        Ok(())
    }

    async fn prune(&self, stale: Vec<Stale>) -> Result<(), Error> {
        let namespace = &self.file_index.plan.namespace;
        let inventory: Vec<InventoryEntry> = stale
            .iter()
            .map(|stale| InventoryEntry {
                namespace: namespace.clone(),
                key: stale.key.clone(),
                value: Some(stale.stored.value.clone()),
                metadata: stale.stored.metadata.as_ref().map(ToString::to_string),
                expiration: stale.stored.expiration,
            })
            .collect();
        self.migration.ledger.add_entry_inventory(&inventory)?;
        let keys = stale.into_iter().map(|stale| stale.key).collect();
        delete_all(self.migration, self.file_index.kv, keys).await
    }

    async fn count(&mut self, kv: &Kv, vectors: u64) -> Result<(), Error> {
        let key = &self.file_index.plan.count;
        let stored = read_listed(kv, &key.key).await?;
        let value = vectors.to_string();
        let same = stored.as_ref().is_some_and(|stored| {
            stored.value.trim() == value
                && stored.expiration.is_some() == self.file_index.plan.ttl.is_some()
        });
        if same {
            self.facts.unchanged += 1;
            return Ok(());
        }
        self.facts.written += 1;
        if self.migration.is_dry_run() {
            return Ok(());
        }
        let before = InventoryEntry {
            namespace: key.namespace.clone(),
            key: key.key.clone(),
            value: stored.as_ref().map(|stored| stored.value.clone()),
            metadata: stored
                .as_ref()
                .and_then(|stored| stored.metadata.as_ref())
                .map(ToString::to_string),
            expiration: stored.as_ref().and_then(|stored| stored.expiration),
        };
        self.migration.ledger.add_entry_inventory(&[before])?;
        let pair = KvPair {
            key: key.key.clone(),
            value: value.clone(),
            expiration_ttl: self.file_index.plan.ttl,
            expiration: None,
            metadata: stored.and_then(|stored| stored.metadata),
        };
        self.migration
            .ledger
            .add_entries(&key.namespace, &[(key.key.clone(), value)])?;
        put_all(self.migration, kv, vec![pair]).await
    }
}

/// Somebody else's value under a key of ours is not to be overwritten.
pub(super) fn unreadable(key: &str) -> Error {
    Error::refused(format!(
        "the KV entry {key} holds something else than a list of vector ids"
    ))
    .advise(
        "use another --file-key, another KV namespace, or delete that entry; it was left as it is",
    )
}

/// Reads one key the way a stale store wants it: only when it is listed.
pub async fn read_listed(kv: &Kv, key: &str) -> Result<Option<crate::cloudflare::KvValue>, Error> {
    let page = kv.list(key, None).await?;
    let Some(listed) = page.keys.into_iter().find(|listed| listed.name == key) else {
        return Ok(None);
    };
    let mut values = kv.get_many(&[key.to_owned()]).await?;
    let value = values.remove(key).flatten();
    Ok(value.map(|value| crate::cloudflare::KvValue {
        expiration: value.expiration.or(listed.expiration),
        ..value
    }))
}

/// Writes all pairs; those that did not reach every store are sent again.
async fn put_all(migration: &Migration, kv: &Kv, pairs: Vec<KvPair>) -> Result<(), Error> {
    for group in groups(pairs) {
        let mut left = group;
        for attempt in 0.. {
            let Unsuccessful(keys) = kv.put_many(&left).await?;
            if keys.is_empty() {
                break;
            }
            wait_or_give_up(migration, attempt, keys.len()).await?;
            left.retain(|pair| keys.contains(&pair.key));
        }
    }
    Ok(())
}

async fn delete_all(migration: &Migration, kv: &Kv, keys: Vec<String>) -> Result<(), Error> {
    for group in keys.chunks(PAIRS_AT_ONCE) {
        let mut left = group.to_vec();
        for attempt in 0.. {
            let Unsuccessful(keys) = kv.delete_many(&left).await?;
            if keys.is_empty() {
                break;
            }
            wait_or_give_up(migration, attempt, keys.len()).await?;
            left = keys;
        }
    }
    Ok(())
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
        let weight = pair.key.len() + pair.value.len();
        let fits = bytes + weight <= BYTES_AT_ONCE;
        match groups.last_mut() {
            Some(group) if fits && group.len() < PAIRS_AT_ONCE => {
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
