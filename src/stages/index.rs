//! Records → the file index in KV. Writes only what differs; an entry that will
//! change is kept in the inventory first. Ids of others stay where the index
//! holds them, and nothing that exists is removed.

use crate::cloudflare::{Kv, KvPair};
use crate::error::Error;
use crate::file_index::{Compared, FileIndex, Standing, entry_text};
use crate::ledger::Milestone;
use crate::progress::Step;
use crate::report::FileIndexFacts;
use crate::stages::context::Migration;
use crate::stages::count_key::{self, Kept};
use crate::stages::entries::next_page;
use crate::stages::inventory::before;
use crate::stages::kv_bulk::put_all;
use crate::stages::stale_entries;

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
    let mut facts = writer.facts;
    facts.stale = stale_entries::report_or_prune(migration, file_index, stale).await?;
    match count_key::keep(migration, file_index.plan, count_kv, vectors).await? {
        Kept::Already => facts.unchanged += 1,
        Kept::Written => facts.written += 1,
    }
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
            let page = next_page(self.migration, self.file_index, after.as_deref()).await?;
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
