//! Which generation of the archive a verb works on, and how the ledger comes to the
//! next one. A new generation is exported whole while the ledger still speaks of the
//! one before, and takes its place in one transaction: until then nothing of what is
//! known is lost, however the export ends.

use crate::archive::{Generation, GenerationNumber};
use crate::error::Error;
use crate::ledger::{BatchState, Milestone};
use crate::plan::{Plan, load_file_index};
use crate::source::{Source, SourceFacts};
use crate::stages::context::Migration;
use crate::stages::export::{self, is_same, of_another_source};
use crate::stages::origin::Origin;

/// What a verb wants of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The target is to become what the source is now.
    CatchUp,
    /// Only what was archived already matters.
    AsItIs,
}

/// Which generation it is to be.
#[derive(Debug)]
pub(super) enum Choice {
    /// That of the ledger, which is to be exported, gone on with, or taken as it is.
    Own,
    /// This one; the source is not read.
    Kept(Generation),
    /// One behind that of the ledger.
    Next,
}

/// Chooses for a source that can be read.
///
/// Errors: refused where the archive is of another source.
pub(super) fn choose(
    migration: &Migration,
    source: &dyn Source,
    purpose: Purpose,
) -> Result<Choice, Error> {
    let Some((own, newest)) = own_and_newest(migration)? else {
        return Ok(Choice::Own);
    };
    let kept = migration.archive.generation(own)?;
    match (purpose, kept) {
        (Purpose::AsItIs, Some(kept)) => {
            let (held, asked) = (&kept.manifest().source, source.facts());
            match is_same(held, asked) {
                true => Ok(Choice::Kept(kept)),
                false => Err(of_another_source(held, asked)),
            }
        }
        (Purpose::CatchUp, Some(kept)) if own == newest => match is_finished(migration)? {
            true => behind(migration, source, kept),
            // What was begun is finished without the file that was changed since.
            false if !may_leave(migration)? && is_changed(&kept, source) => Ok(Choice::Kept(kept)),
            false => Ok(Choice::Own),
        },
        (Purpose::CatchUp, _) if own != newest && may_leave(migration)? => Ok(Choice::Next),
        (Purpose::CatchUp, Some(kept)) => Ok(Choice::Kept(kept)),
        (_, None) => Ok(Choice::Own),
    }
}

/// Whether the source is a file that was changed since that generation.
fn is_changed(kept: &Generation, source: &dyn Source) -> bool {
    let (held, asked) = (&kept.manifest().source, source.facts());
    held.name == asked.name && !is_same(held, asked) && source.was_changed_since(&held.identity)
}

/// The next generation, unless the source cannot have changed.
fn behind(migration: &Migration, source: &dyn Source, kept: Generation) -> Result<Choice, Error> {
    let (held, asked) = (&kept.manifest().source, source.facts());
    let name = &asked.name;
    let changed = source.was_changed_since(&held.identity);
    match is_same(held, asked) {
        true if source.is_pinned() => {
            migration.tell(format!(
                "{name} is what it was when it was archived: there is nothing to catch up with"
            ));
            Ok(Choice::Kept(kept))
        }
        same if same || changed && held.name == asked.name => {
            migration.tell(format!(
                "all that was archived of {name} is in the index: exporting it anew, to send what is new or changed since"
            ));
            Ok(Choice::Next)
        }
        _ => Err(of_another_source(held, asked)),
    }
}

/// Chooses where there is only the folder's own archive: the newest complete
/// generation where the ledger may come to it, else that of the ledger.
pub(super) fn choose_archived(
    migration: &Migration,
    purpose: Purpose,
) -> Result<Option<Generation>, Error> {
    let Some((own, newest)) = own_and_newest(migration)? else {
        return Ok(None);
    };
    let kept = migration.archive.generation(own)?;
    if own != newest && migration.archive.unfinished()?.is_some() && kept.is_some() {
        migration.tell(
            "a newer export is not complete: going on with the generation that was complete before",
        );
        return Ok(kept);
    }
    match purpose {
        Purpose::CatchUp if own != newest && may_leave(migration)? => {
            Ok(migration.archive.current()?)
        }
        _ => Ok(kept),
    }
}

/// The ledger's generation and the archive's newest; none where either knows of none.
fn own_and_newest(
    migration: &Migration,
) -> Result<Option<(GenerationNumber, GenerationNumber)>, Error> {
    let Some(newest) = migration.archive.generations()?.pop() else {
        return Ok(None);
    };
    let ledger = &migration.ledger;
    Ok(match ledger.generation()? {
        Some(number) => GenerationNumber::new(number).map(|own| (own, newest)),
        None if ledger.checked_points()? > 0 => {
            // Begun before generations were counted: it is of the newest.
            ledger.set_generation(u64::from(newest.get()))?;
            Some((newest, newest))
        }
        None => None,
    })
}

/// Whether nothing is left to be done for the ledger's generation.
fn is_finished(migration: &Migration) -> Result<bool, Error> {
    let ledger = &migration.ledger;
    for state in [BatchState::Sent, BatchState::Accepted] {
        if !ledger.batches(state)?.is_empty() {
            return Ok(false);
        }
    }
    let all_sent = ledger
        .sent_between(ledger.first_unbatched()?, ledger.checked_points()?, 1)?
        .is_empty();
    Ok(all_sent
        && ledger.reached(Milestone::Checked)?
        && ledger.reached(Milestone::Settled)?
        && ledger.to_delete()? == 0
        && (load_file_index(ledger)?.is_none() || ledger.reached(Milestone::Indexed)?))
}

/// Whether all of the newest complete generation is in the index: more can be done only
/// with the source.
///
/// Errors: the archive's, the ledger's.
pub fn nothing_left(migration: &Migration) -> Result<bool, Error> {
    let Some((own, _)) = own_and_newest(migration)? else {
        return Ok(false);
    };
    let current = migration.archive.current()?;
    let is_own = current.is_some_and(|current| current.manifest().generation == own);
    Ok(is_own && is_finished(migration)?)
}

/// Whether the ledger may come to another generation.
fn may_leave(migration: &Migration) -> Result<bool, Error> {
    Ok(!migration.ledger.has_sent_of_generation()? || is_finished(migration)?)
}

/// The identity that the plan knows, where the source is a file that was changed since.
fn planned_otherwise(
    migration: &Migration,
    facts: &SourceFacts,
    origin: &Origin,
) -> Result<Option<String>, Error> {
    let ledger = &migration.ledger;
    if !ledger.has_sent()? {
        return Ok(None);
    }
    let planned = match Plan::load(ledger)? {
        Some(plan) if plan.source.name == facts.name => plan.source.identity,
        _ => return Ok(None),
    };
    let changed = planned != facts.identity && origin.was_changed_since(&planned);
    Ok(changed.then_some(planned))
}

/// The source as the plan may know it: a file that was changed keeps the identity it was
/// planned with until its new generation has taken the place of the old one.
///
/// Errors: refused where what was begun of the file as it was cannot be finished.
pub(super) fn planned_as(
    migration: &Migration,
    facts: SourceFacts,
    origin: &Origin,
) -> Result<SourceFacts, Error> {
    let Some(identity) = planned_otherwise(migration, &facts, origin)? else {
        return Ok(facts);
    };
    let planned = SourceFacts {
        identity,
        ..facts.clone()
    };
    if !may_leave(migration)? && !is_archived(migration)? {
        return Err(of_another_source(&planned, &facts));
    }
    Ok(planned)
}

/// Whether what was begun of a file has to be finished from the archive, because the
/// file was changed since.
pub(super) fn finishes_first(
    migration: &Migration,
    facts: &SourceFacts,
    origin: &Origin,
) -> Result<bool, Error> {
    Ok(planned_otherwise(migration, facts, origin)?.is_some()
        && !may_leave(migration)?
        && is_archived(migration)?)
}

/// Refuses to hold what was migrated against a file that was changed since.
pub(super) fn refuse_changed(
    migration: &Migration,
    facts: &SourceFacts,
    origin: &Origin,
) -> Result<(), Error> {
    if planned_otherwise(migration, facts, origin)?.is_none() {
        return Ok(());
    }
    let name = &facts.name;
    let archive = migration.archive.root().display();
    Err(Error::refused(format!(
        "{name} was changed since it was migrated"
    ))
    .advise(format!(
        "catch up with it first, with cf-migrate run; or name {archive} in its place, which holds what was migrated"
    )))
}

/// Whether the archive has the whole generation of the ledger.
fn is_archived(migration: &Migration) -> Result<bool, Error> {
    Ok(match own_and_newest(migration)? {
        Some((own, _)) => migration.archive.generation(own)?.is_some(),
        None => false,
    })
}

/// Exports the generation behind that of the ledger, or goes on with it.
pub(super) async fn next(
    migration: &Migration,
    source: &mut dyn Source,
) -> Result<Generation, Error> {
    let own = own_and_newest(migration)?.map(|(own, _)| own);
    export::next(migration, source, own).await
}

/// The ledger comes to that generation.
pub(super) fn take(migration: &Migration, generation: &Generation) -> Result<(), Error> {
    let number = u64::from(generation.manifest().generation.get());
    let ledger = &migration.ledger;
    match ledger.generation()? {
        Some(own) if own == number => Ok(()),
        Some(_) => {
            Plan::adopt_source(ledger, &generation.manifest().source)?;
            ledger.begin_generation(number)
        }
        None => ledger.set_generation(number),
    }
}
