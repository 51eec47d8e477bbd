//! Records → the file index in KV. Writes only what differs; an entry that will
//! change is kept in the inventory first. Ids of others stay where the index
//! holds them, and nothing that exists is removed.

use crate::clock::Instant;
use crate::cloudflare::{Kv, KvPair};
use crate::error::Error;
use crate::file_index::{Compared, FileIndex, Standing, entry_text};
use crate::ledger::Milestone;
use crate::progress::Step;
use crate::report::FileIndexFacts;
use crate::stages::context::Migration;
use crate::stages::count_key::{self, Kept};
use crate::stages::entries::{left, next_page};
use crate::stages::inventory::before;
use crate::stages::kv_bulk::{Gathering, OldestLook, Removing, delete_all, put_all};
use crate::stages::stale_entries;

/// What to do with what nobody needs any more: entries none of whose vectors exists, and
/// vectors whose points vanished from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleEntries {
    /// Only say so.
    Report,
    /// Remove them.
    Prune,
    /// Remove them, even where that looks like a mistake.
    PruneAnyway,
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
    let facts = write_entries(migration, file_index, stale).await?;
    conclude(migration, file_index, (count_kv, vectors), stale, facts).await
}

/// Makes KV hold the entries.
pub(super) async fn write_entries(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    stale: StaleEntries,
) -> Result<FileIndexFacts, Error> {
    let files = migration.ledger.files()?;
    migration.begin(Step::Index, Some(files));
    file_index.list().await?;
    let mut writer = Writer {
        migration,
        file_index,
        gathering: Gathering::new(migration.pace.memory_for_bodies()),
        removing: Removing::default(),
        oldest: OldestLook::default(),
        facts: FileIndexFacts::default(),
    };
    writer.entries().await?;
    writer.left_entries(stale).await?;
    let rest = writer.gathering.take();
    writer.put(rest).await?;
    delete_all(migration, file_index.kv, writer.removing.take()).await?;
    Ok(writer.facts)
}

/// Sees to stale entries and to the count, when no vector is deleted any more.
pub(super) async fn conclude(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    (count_kv, vectors): (&Kv, u64),
    stale: StaleEntries,
    mut facts: FileIndexFacts,
) -> Result<FileIndexFacts, Error> {
    facts.stale += stale_entries::report_or_prune(migration, file_index, stale).await?;
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

/// Entries of former files that are looked at together.
const LEFT_AT_ONCE: usize = 1_000;

struct Writer<'a> {
    migration: &'a Migration,
    file_index: &'a FileIndex<'a>,
    /// Entries that are to be written, until they fill a call.
    gathering: Gathering,
    /// Entries that are to be removed, likewise.
    removing: Removing,
    oldest: OldestLook,
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

    /// Entries of files that earlier generations had: what is not there any more, or is
    /// another file's now, is taken out of them.
    async fn left_entries(&mut self, stale: StaleEntries) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let mut after: Option<String> = None;
        loop {
            self.migration.stop.check()?;
            let keys = ledger.left_files_after(after.as_deref(), LEFT_AT_ONCE)?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            let looked = self.migration.clock.now();
            let compared = left(self.migration, self.file_index, &keys).await?;
            let changed = compared
                .into_iter()
                .filter(|entry| entry.standing == Standing::Different);
            let (empty, shrunk): (Vec<_>, Vec<_>) =
                changed.partition(|entry| entry.expected.is_empty());
            self.write_changed(shrunk).await?;
            self.remove_empty(empty, stale, looked).await?;
            if self.oldest.is_due(&self.migration.clock) {
                delete_all(self.migration, self.file_index.kv, self.removing.take()).await?;
            }
        }
    }

    /// An entry that we wrote and whose ids are all other files' now is removed unasked:
    /// whoever deletes by it would delete in those files.
    async fn remove_empty(
        &mut self,
        empty: Vec<Compared>,
        stale: StaleEntries,
        looked: Instant,
    ) -> Result<(), Error> {
        let (mut moved, mut gone) = (Vec::new(), Vec::new());
        for entry in empty {
            match stale == StaleEntries::Report && !self.is_moved(&entry)? {
                true => gone.push(entry),
                false => moved.push(entry),
            }
        }
        if let Some(first) = gone.first() {
            self.facts.stale += gone.len() as u64;
            self.migration.warn(format!(
                "{} entries name only vectors that do not exist or belong to other files now, for example {}; --prune removes them",
                gone.len(),
                first.key
            ));
        }
        self.facts.written += moved.len() as u64;
        if self.migration.is_dry_run() || moved.is_empty() {
            return Ok(());
        }
        let namespace = &self.file_index.plan.namespace;
        let inventory: Vec<_> = moved.iter().map(|entry| before(namespace, entry)).collect();
        self.migration.ledger.add_entry_inventory(&inventory)?;
        for entry in moved {
            self.oldest.note(looked);
            if let Some(full) = self.removing.add(entry.key) {
                delete_all(self.migration, self.file_index.kv, full).await?;
            }
        }
        Ok(())
    }

    /// Whether the entry is as we wrote it, and the index holds all that it names.
    fn is_moved(&self, entry: &Compared) -> Result<bool, Error> {
        let namespace = &self.file_index.plan.namespace;
        let ours = self.migration.ledger.entry_value(namespace, &entry.key)?;
        let held = entry.stored.as_ref().map(|stored| &stored.value);
        Ok(entry.dropped.is_empty() && ours.as_ref() == held)
    }

    async fn write_changed(&mut self, compared: Vec<Compared>) -> Result<(), Error> {
        let (same, changed): (Vec<_>, Vec<_>) = compared
            .into_iter()
            .partition(|entry| entry.standing == Standing::Same);
        self.facts.unchanged += same.len() as u64;
        self.facts.written += changed.len() as u64;
        changed.iter().try_for_each(|entry| self.explain(entry))?;
        if self.migration.is_dry_run() {
            return Ok(());
        }
        let namespace = &self.file_index.plan.namespace;
        let inventory: Vec<_> = changed
            .iter()
            .map(|entry| before(namespace, entry))
            .collect();
        self.migration.ledger.add_entry_inventory(&inventory)?;
        for entry in changed {
            let pair = self.pair(entry);
            if let Some(full) = self.gathering.add(pair) {
                self.put(full).await?;
            }
        }
        Ok(())
    }

    async fn put(&self, pairs: Vec<KvPair>) -> Result<(), Error> {
        let namespace = &self.file_index.plan.namespace;
        self.migration.ledger.add_entries(namespace, &pairs)?;
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
