//! Every id: walks the index's list against the ledger.

use super::{Finding, Notebook, Subject};
use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::ledger::{self, Ledger, RecordRow, Strangers, Walked};
use crate::ordinals::Ordinals;
use crate::progress::Step;
use crate::record::VectorId;
use crate::report::Findings;
use crate::stages::context::Migration;
use crate::stages::inventory::{BETWEEN_WALKS, WALKS};

/// Rows asked from the ledger at a time.
const WINDOW: u64 = 4_096;
/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;
/// Records that the list lacks and that are held together: bounds memory where it
/// lacks all of them.
const MISSING_AT_ONCE: usize = READ_AT_ONCE * 200;
/// Unlisted ids that are asked for one by one before they are called missing;
/// with more of them the list's word is enough.
const DOUBLE_CHECKED: u64 = 2_000;

/// What the list held; none where it could not be walked to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListedIds {
    pub(super) ids: u64,
    /// What the list itself says it holds.
    pub(super) total: Option<u64>,
}

struct Walk {
    seen: Ordinals,
    listed: u64,
    total: Option<u64>,
    extra: Findings,
    strangers: Strangers,
    /// Ids of others that were not seen at earlier looks.
    newcomers: u64,
}

/// What becomes of an id that neither we nor the inventory know.
fn strangers(ledger: &Ledger) -> Result<Strangers, Error> {
    Ok(match ledger.held()? {
        // Something that should not be there: the inventory is as old as our first write.
        0 => Strangers::Stay,
        // Somebody else's: between two generations others may have written.
        _ => Strangers::TakenIn,
    })
}

impl Walk {
    /// Sorts the ids that the walk came by.
    fn sort_out(&mut self, ledger: &Ledger, listed: ledger::Walk<'_>) -> Result<(), Error> {
        ledger.index_ids()?;
        ledger.sort_out(listed, self.strangers, |id, walked| {
            match (walked, self.strangers) {
                (Walked::Record(ordinal), _) => self.seen.insert(ordinal),
                (Walked::Known, _) => {}
                (Walked::Deleted | Walked::Doubted, _) | (Walked::Stranger, Strangers::Stay) => {
                    self.extra.add(id)
                }
                (Walked::Stranger, Strangers::TakenIn) => self.newcomers += 1,
            }
        })
    }
}

pub(super) async fn compare(
    migration: &Migration,
    subject: &Subject<'_>,
    notebook: &mut Notebook,
) -> Result<Option<ListedIds>, Error> {
    let mut walk = Walk {
        seen: Ordinals::default(),
        listed: 0,
        total: None,
        extra: Findings::default(),
        strangers: strangers(&migration.ledger)?,
        newcomers: 0,
    };
    let finished = walk_list(migration, subject.index, &mut walk).await?;
    let mut missing = Missing {
        migration,
        index: subject.index,
        word: match finished && unlisted(&migration.ledger, &walk.seen)? > DOUBLE_CHECKED {
            true => Word::OfTheList,
            false => Word::OfTheIndex,
        },
        pending: Vec::new(),
        notebook,
    };
    missing
        .find(subject.generation.points(), &walk.seen)
        .await?;
    if walk.newcomers > 0 {
        migration.tell(format!(
            "{} vectors came into the index since it was last looked through, and not by this migration: they are foreign and stay",
            walk.newcomers
        ));
    }
    if !finished {
        notebook.leave_out(format!(
            "extra vectors were not excluded: the index's list broke off {WALKS} times because it is being written to"
        ));
        return Ok(None);
    }
    notebook.add_all(Finding::Extra, walk.extra);
    Ok(Some(ListedIds {
        ids: walk.listed,
        total: walk.total,
    }))
}

/// Whether a walk came to the list's end within the tries we give it. What
/// broken walks saw is kept.
async fn walk_list(
    migration: &Migration,
    index: &Vectorize,
    walk: &mut Walk,
) -> Result<bool, Error> {
    for attempt in 1..=WALKS {
        walk.listed = 0;
        walk.extra = Findings::default();
        if walk_once(migration, index, walk).await? {
            return Ok(true);
        }
        migration.warn("the list of ids broke off because the index is being written to");
        if attempt < WALKS {
            migration
                .stop
                .pause(&migration.clock, BETWEEN_WALKS)
                .await?;
        }
    }
    Ok(false)
}

async fn walk_once(
    migration: &Migration,
    index: &Vectorize,
    walk: &mut Walk,
) -> Result<bool, Error> {
    let mut listed = migration.ledger.walk();
    let finished = walk_pages(migration, index, walk, &mut listed).await?;
    walk.sort_out(&migration.ledger, listed)?;
    Ok(finished)
}

async fn walk_pages(
    migration: &Migration,
    index: &Vectorize,
    walk: &mut Walk,
    listed: &mut ledger::Walk<'_>,
) -> Result<bool, Error> {
    let mut cursor = None;
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Ok(page) => page,
            Err(ApiError::CursorBroken(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let ids = page.ids.len() as u64;
        walk.listed += ids;
        walk.total = page.total.or(walk.total);
        migration.progress.advance(Step::Verify, ids);
        listed.add(&page.ids)?;
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(true),
        }
    }
}

/// How many of our records the list did not name.
fn unlisted(ledger: &Ledger, seen: &Ordinals) -> Result<u64, Error> {
    Ok(ledger.totals()?.records.saturating_sub(seen.count()))
}

/// Whose word it takes to call a record missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The list's, which is walked to its end.
    OfTheList,
    /// That of the index, asked for each: a list is a snapshot of its first page, and
    /// what was applied since is not in it.
    OfTheIndex,
}

/// Looks for the records that the list did not name, as many at a time as are held.
struct Missing<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    word: Word,
    pending: Vec<RecordRow>,
    notebook: &'a mut Notebook,
}

impl Missing<'_> {
    async fn find(&mut self, points: u64, seen: &Ordinals) -> Result<(), Error> {
        for first in (0..points).step_by(WINDOW as usize) {
            let last = points.min(first + WINDOW) - 1;
            if (first..=last).all(|ordinal| seen.contains(ordinal)) {
                continue;
            }
            let rows = self.migration.ledger.records_between(first, last)?;
            let unseen = rows.into_iter().filter(|row| !seen.contains(row.ordinal));
            self.pending.extend(unseen);
            while self.pending.len() >= MISSING_AT_ONCE {
                let rows = self.pending.drain(..MISSING_AT_ONCE).collect();
                self.judge(rows).await?;
            }
        }
        let rows = std::mem::take(&mut self.pending);
        self.judge(rows).await
    }

    async fn judge(&mut self, rows: Vec<RecordRow>) -> Result<(), Error> {
        self.migration.stop.check()?;
        let missing = match self.word {
            Word::OfTheList => rows,
            Word::OfTheIndex => absent(self.migration, self.index, rows).await?,
        };
        for row in missing {
            let namespace = row.namespace.as_deref();
            self.notebook.of_namespace(namespace).missing += 1;
            self.notebook.add(Finding::Missing, row.id);
        }
        Ok(())
    }
}

async fn absent(
    migration: &Migration,
    index: &Vectorize,
    rows: Vec<RecordRow>,
) -> Result<Vec<RecordRow>, Error> {
    let mut absent = Vec::new();
    for asked in rows.chunks(READ_AT_ONCE) {
        migration.stop.check()?;
        let ids: Vec<VectorId> = asked
            .iter()
            .filter_map(|row| VectorId::new(row.id.as_str()).ok())
            .collect();
        let stored = index.get_by_ids(&ids).await?;
        let found = |row: &&RecordRow| stored.iter().any(|vector| vector.id == row.id);
        absent.extend(asked.iter().filter(|row| !found(row)).cloned());
    }
    Ok(absent)
}
