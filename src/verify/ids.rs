//! Every id: walks the index's list against the ledger.

use super::seen::Seen;
use super::{Finding, Notebook, Subject};
use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::context::Migration;
use crate::stages::inventory::{BETWEEN_WALKS, WALKS};

/// Rows asked from the ledger at a time.
const WINDOW: u64 = 4_096;
/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;
/// Unlisted ids that are asked for one by one before they are called missing;
/// with more of them the list's word is enough.
const DOUBLE_CHECKED: usize = 2_000;

/// What the list held; none where it could not be walked to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListedIds {
    pub(super) ids: u64,
    /// What the list itself says it holds.
    pub(super) total: Option<u64>,
}

struct Walk {
    seen: Seen,
    listed: u64,
    total: Option<u64>,
    extra: Vec<String>,
    strangers: Strangers,
    /// Ids of others that were not seen at earlier looks.
    newcomers: u64,
}

/// What an id is that neither we nor the inventory know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strangers {
    /// Something that should not be there: the inventory is as old as our first write.
    Extra,
    /// Somebody else's: between two generations others may have written.
    Foreign,
}

impl Strangers {
    fn of(ledger: &Ledger) -> Result<Self, Error> {
        Ok(match ledger.held()? {
            0 => Self::Extra,
            _ => Self::Foreign,
        })
    }
}

impl Walk {
    /// Sorts the ids of a page.
    fn add(&mut self, ledger: &Ledger, ids: Vec<String>) -> Result<(), Error> {
        let mut newcomers = Vec::new();
        for id in ids {
            if let Some(record) = ledger.record_of(&id)? {
                self.seen.insert(record.ordinal);
            } else if ledger.in_vector_inventory(&id)? || ledger.holds(&id)? {
                continue;
            } else if self.strangers == Strangers::Extra || ledger.was_deleted(&id)? {
                self.extra.push(id);
            } else {
                newcomers.push(id);
            }
        }
        self.newcomers += newcomers.len() as u64;
        ledger.add_vector_inventory(&newcomers)
    }
}

pub(super) async fn compare(
    migration: &Migration,
    subject: &Subject<'_>,
    notebook: &mut Notebook,
) -> Result<Option<ListedIds>, Error> {
    let mut walk = Walk {
        seen: Seen::below(subject.generation.points()),
        listed: 0,
        total: None,
        extra: Vec::new(),
        strangers: Strangers::of(&migration.ledger)?,
        newcomers: 0,
    };
    let finished = walk_list(migration, subject.index, &mut walk).await?;
    let unlisted = unlisted(migration, subject, &walk.seen)?;
    let missing = match finished && unlisted.len() > DOUBLE_CHECKED {
        true => unlisted,
        // A list is a snapshot of its first page: what was applied since is
        // asked for before it is called missing.
        false => absent(migration, subject.index, unlisted).await?,
    };
    for id in missing {
        if let Some(record) = migration.ledger.record_of(&id)? {
            notebook.of_namespace(record.namespace.as_deref()).missing += 1;
        }
        notebook.add(Finding::Missing, id);
    }
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
    for id in walk.extra {
        notebook.add(Finding::Extra, id);
    }
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
        walk.extra.clear();
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
    let mut cursor = None;
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Ok(page) => page,
            Err(ApiError::CursorBroken(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        walk.listed += page.ids.len() as u64;
        walk.total = page.total.or(walk.total);
        migration
            .progress
            .advance(Step::Verify, page.ids.len() as u64);
        walk.add(&migration.ledger, page.ids)?;
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(true),
        }
    }
}

fn unlisted(
    migration: &Migration,
    subject: &Subject<'_>,
    seen: &Seen,
) -> Result<Vec<String>, Error> {
    let mut unlisted = Vec::new();
    let mut first = 0;
    while first < subject.generation.points() {
        let rows = migration
            .ledger
            .records_between(first, first + WINDOW - 1)?;
        unlisted.extend(
            rows.into_iter()
                .filter(|row| !seen.contains(row.ordinal))
                .map(|row| row.id),
        );
        first += WINDOW;
    }
    Ok(unlisted)
}

async fn absent(
    migration: &Migration,
    index: &Vectorize,
    ids: Vec<String>,
) -> Result<Vec<String>, Error> {
    let mut absent = Vec::new();
    for asked in ids.chunks(READ_AT_ONCE) {
        migration.stop.check()?;
        let ids: Vec<VectorId> = asked
            .iter()
            .filter_map(|id| VectorId::new(id.as_str()).ok())
            .collect();
        let stored = index.get_by_ids(&ids).await?;
        let found = |id: &String| stored.iter().any(|vector| &vector.id == id);
        absent.extend(asked.iter().filter(|id| !found(id)).cloned());
    }
    Ok(absent)
}
