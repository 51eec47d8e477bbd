//! `--keep-overwritten`: before the first write, the vectors that will be replaced
//! are read (20 a call) into archives of their own in the migration folder, so that
//! a rollback can put them back. A stopped saving goes on where it was.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, Generation, GenerationWriter, Resume};
use crate::cloudflare::{MAX_GET_IDS, Vectorize};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::progress::Step;
use crate::source::vectorize::{IdList, VectorizeSource, facts};
use crate::source::{Source, SourceFacts};
use crate::stages::context::Migration;
use crate::stages::estimate::of_requests;

/// The folder within the migration folder.
pub(super) const FOLDER: &str = "overwritten";
/// The section of the plan that names the archives.
const SECTION: &str = "overwritten";
/// The ids of the archive that is being written, beside it.
const IDS: &str = "ids.db";
/// Ids handled together: bounds memory.
const IDS_AT_ONCE: usize = 1_000;

/// The archives of what was overwritten, by folder name. A catch-up that meets new
/// ids adds one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Saves {
    complete: Vec<String>,
    begun: Option<String>,
}

impl Saves {
    fn load(ledger: &Ledger) -> Result<Self, Error> {
        let json = ledger.plan_section(SECTION)?;
        let saves = json.and_then(|json| serde_json::from_str(&json).ok());
        Ok(saves.unwrap_or_default())
    }

    fn store(&self, ledger: &Ledger) -> Result<(), Error> {
        let json = serde_json::to_string(self).expect("lists of names are plain JSON");
        ledger.keep_section(SECTION, &json)
    }
}

/// What was saved, each archive complete and sound; `folder` is [`FOLDER`] in the
/// migration folder.
///
/// Errors: an archive that is missing or damaged, because values in it would be
/// lost in silence.
pub(super) fn saved(ledger: &Ledger, folder: &Path) -> Result<Vec<Generation>, Error> {
    let names = Saves::load(ledger)?.complete;
    names
        .iter()
        .map(|name| {
            let root = folder.join(name);
            let generation = Archive::at(&root).current()?.ok_or_else(|| {
                Error::failed(format!("the old values saved in {} are gone", root.display()))
                    .advise("put the folder back from another copy: nothing else knows what was overwritten")
            })?;
            match generation.check()?.into_iter().next() {
                Some(damage) => Err(damage.error.into()),
                None => Ok(generation),
            }
        })
        .collect()
}

/// Saves the old values of everything that will be replaced and is not saved yet.
///
/// Errors: the account's, the archive's, and interruption; nothing was replaced.
pub(super) async fn keep(
    migration: &Migration,
    index: &Vectorize,
    service: &str,
) -> Result<(), Error> {
    let ledger = &migration.ledger;
    let folder = migration.archive.root().with_file_name(FOLDER);
    loop {
        let mut saves = Saves::load(ledger)?;
        if saves.begun.is_none() {
            if ledger.unsaved_conflicts("", 1)?.is_empty() {
                return Ok(());
            }
            if migration.is_dry_run() {
                return tell_costs(migration, ledger.conflicts(0)?.0);
            }
            saves.begun = Some(next_name(&folder)?);
            saves.store(ledger)?;
        }
        let Some(name) = saves.begun.take() else {
            return Ok(());
        };
        let save = Save::open(migration, index, folder.join(&name), service).await?;
        save.complete().await?;
        saves.complete.push(name);
        saves.store(ledger)?;
    }
}

/// The name behind every folder that is there: those of an earlier life of this
/// migration folder stay as they are.
fn next_name(folder: &Path) -> Result<String, Error> {
    let mut last = 0;
    if let Ok(entries) = std::fs::read_dir(folder) {
        for entry in entries.flatten() {
            let name = entry.file_name();
            last = last.max(name.to_string_lossy().parse().unwrap_or(0_u32));
        }
    }
    let name = format!("{:04}", last + 1);
    let path = folder.join(&name);
    crate::disk::create_folders(&path).map_err(|error| crate::folder::explain(&path, error))?;
    Ok(name)
}

fn tell_costs(migration: &Migration, vectors: u64) -> Result<(), Error> {
    let reads = vectors.div_ceil(MAX_GET_IDS as u64);
    migration.tell(format!(
        "--keep-overwritten: {vectors} vectors that will be replaced are saved first: about {reads} requests ({MAX_GET_IDS} vectors at a time), {}",
        of_requests(reads, migration.pace.api_budget)
    ));
    Ok(())
}

/// One archive of old values.
struct Save<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    root: PathBuf,
    facts: SourceFacts,
}

impl<'a> Save<'a> {
    async fn open(
        migration: &'a Migration,
        index: &'a Vectorize,
        root: PathBuf,
        service: &str,
    ) -> Result<Self, Error> {
        let description = index.describe().await?.ok_or_else(|| {
            Error::stopped(format!("the index {} is no longer there", index.name()))
                .advise("run the same command again: it is looked at anew")
        })?;
        crate::disk::create_folders(&root).map_err(|error| crate::folder::explain(&root, error))?;
        Ok(Self {
            migration,
            index,
            root,
            facts: facts(&description, service),
        })
    }

    async fn complete(&self) -> Result<(), Error> {
        let (path, facts) = (self.root.join(IDS), &self.facts);
        let mut ids = IdList::open(&path, &format!("{} ({})", facts.name, facts.identity))?;
        if ids.listed_at()?.is_none() {
            self.fill(&mut ids)?;
        }
        tell_costs(self.migration, ids.count()?)?;
        let archive = Archive::at(&self.root);
        let generation = match (archive.unfinished()?, archive.current()?) {
            (None, Some(generation)) => generation,
            _ => {
                let writer = archive.write(facts, self.migration.clock)?;
                let listed = IdList::open(&path, &format!("{} ({})", facts.name, facts.identity))?;
                let source = VectorizeSource::new(self.index.clone(), facts.clone(), listed)?;
                self.copy(source, writer).await?
            }
        };
        self.remember(&generation, &ids)?;
        drop(ids);
        IdList::remove(&path)
    }

    /// Writes down which ids are saved here, before the first is.
    fn fill(&self, ids: &mut IdList) -> Result<(), Error> {
        ids.clear()?;
        let mut after = String::new();
        loop {
            let ledger = &self.migration.ledger;
            let page = ledger.unsaved_conflicts(&after, IDS_AT_ONCE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            ids.add(&page)?;
        }
        ids.complete(&self.migration.timestamp())
    }

    async fn copy(
        &self,
        mut source: VectorizeSource,
        mut writer: GenerationWriter,
    ) -> Result<Generation, Error> {
        let progress = &self.migration.progress;
        let listed = source.listed();
        progress.begin(Step::Inventory, Some(listed));
        progress.advance(Step::Inventory, writer.sealed_points());
        if let Err(error) = self.all_pages(&mut source, &mut writer).await {
            // What can still be kept need not be read again; why it stopped matters.
            if let Err(unsealed) = writer.seal() {
                self.migration
                    .warn(format!("the last part could not be sealed: {unsealed}"));
            }
            return Err(error);
        }
        let generation = writer.finish(Some(listed))?;
        let saved = generation.count();
        progress.end(
            Step::Inventory,
            &format!("{saved} vectors saved before they are replaced"),
        );
        Ok(generation)
    }

    async fn all_pages(
        &self,
        source: &mut VectorizeSource,
        writer: &mut GenerationWriter,
    ) -> Result<(), Error> {
        let mut from = match writer.resume_from() {
            Resume::End => return Ok(()),
            Resume::Start => None,
            Resume::At(cursor) => Some(cursor),
        };
        let mut unsealed = 0;
        loop {
            self.migration.stop.check()?;
            let page = source.page(from.as_ref()).await?;
            let points = page.points.len() as u64;
            for read in page.points {
                writer.push(&read)?;
            }
            self.migration.progress.advance(Step::Inventory, points);
            unsealed += points;
            if source.sealed_points().is_some_and(|most| unsealed >= most) {
                unsealed = 0;
                writer.seal()?;
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What is in the archive is saved; what was not there any more when it was
    /// read is not replaced.
    fn remember(&self, generation: &Generation, ids: &IdList) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let mut points = generation.read(0..generation.points())?;
        loop {
            let page: Vec<String> = points
                .by_ref()
                .take(IDS_AT_ONCE)
                .map(|read| read.map(|(_, point)| point.id.to_string()))
                .collect::<Result<_, _>>()?;
            if page.is_empty() {
                break;
            }
            ledger.add_saved(&page)?;
        }
        let mut after: Option<String> = None;
        loop {
            let page = ids.after(after.as_deref(), IDS_AT_ONCE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            let mut gone = Vec::new();
            for id in page {
                if !ledger.is_saved(&id)? {
                    gone.push(id);
                }
            }
            ledger.drop_from_inventory(&gone)?;
        }
    }
}
