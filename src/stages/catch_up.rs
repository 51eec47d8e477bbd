//! What belongs to catching up beyond one pass: how old the view is that was migrated,
//! the last pass before the switch-over and the seal that it leaves, and the generations
//! that nobody needs any more.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::archive::{Generation, GenerationNumber};
use crate::error::Error;
use crate::ledger::Milestone;
use crate::report::{CatchUpFacts, Report, Verdict};
use crate::stages::context::Migration;
use crate::stages::run::{Job, Ready};
use crate::stages::second_look::{Moved, second_look};

/// The kind of finding that a source which moved is.
const SOURCE_MOVED: &str = "source_moved";

/// The kind of finding that vectors are whose points vanished.
const VANISHED: &str = "vanished";

/// Refuses to write to an index that the application writes to by now.
pub(super) fn refuse_sealed(migration: &Migration) -> Result<(), Error> {
    let Some(at) = migration.ledger.reached_at(Milestone::Sealed)? else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "this migration was sealed by its last pass on {at}"
    ))
    .advise("what the application has written to the index since would be overwritten: compare with cf-migrate verify, or go on all the same with --reopen; nothing was written"))
}

/// Whether `--final` can do what it is for.
pub(super) fn refuse_without_source(job: &mut Job) -> Result<(), Error> {
    match job.origin.source() {
        Some(_) => Ok(()),
        None => Err(Error::refused(
            "--final reads the source once more, and there is only the folder's archive",
        )
        .advise("name the source that was migrated, and see that it can be reached; nothing was written")),
    }
}

/// The facts of a pass over that generation.
pub(super) fn facts(migration: &Migration, generation: &Generation) -> CatchUpFacts {
    let manifest = generation.manifest();
    let begun = manifest
        .parts
        .iter()
        .map(|part| part.read_at.as_str())
        .min();
    let behind = begun
        .and_then(|begun| humantime::parse_rfc3339(begun).ok())
        .and_then(|begun| migration.clock.wall().duration_since(begun).ok());
    CatchUpFacts {
        generation: u64::from(manifest.generation.get()),
        export_began: begun.map(str::to_owned),
        behind_seconds: behind.map(|behind| behind.as_secs_f64()),
        passes: 1,
        sealed: false,
        removed_generations: Vec::new(),
    }
}

/// How far behind the target is, in words.
pub(super) fn tell_age(migration: &Migration, report: &Report) {
    let (Some(facts), Some(points)) = (&report.catch_up, &report.points) else {
        return;
    };
    let Some(behind) = facts.behind_seconds else {
        return;
    };
    let age = humantime::format_duration(Duration::from_secs(behind as u64));
    migration.tell(format!(
        "the index is what the source was {age} ago: {} records sent, {} unchanged, {} vanished, {} of them deleted",
        points.settled, points.unchanged, points.vanished, points.deleted
    ));
}

/// Seals the folder when the source, read once more, is what was migrated.
pub(super) async fn seal(job: &mut Job, ready: &Ready, report: &mut Report) -> Result<(), Error> {
    let equal = report
        .verification
        .as_ref()
        .is_some_and(|found| found.verdict == Verdict::Equal);
    if !equal {
        job.migration
            .warn("not sealed: source and index are not proven equal");
        return Ok(());
    }
    let vanished = job.migration.ledger.vanished_of_ours()?;
    if vanished > 0 {
        tell_kept(&job.migration, vanished, report);
        return Ok(());
    }
    let Some(source) = job.origin.source() else {
        return Ok(());
    };
    let moved = second_look(&job.migration, source, ready.transform()).await?;
    if !moved.is_nothing() {
        tell_moved(&job.migration, moved, report);
        return Ok(());
    }
    job.migration.reach(Milestone::Sealed)?;
    job.migration.tell("source and index are equal: the folder is sealed, and the application may be switched over. A later run is refused, so that it cannot overwrite what the application writes");
    if let Some(facts) = &mut report.catch_up {
        facts.sealed = true;
    }
    Ok(())
}

/// What the source no longer has is in the index still: they are not equal.
fn tell_kept(migration: &Migration, vanished: u64, report: &mut Report) {
    migration.warn(format!(
        "not sealed: {vanished} records vanished from the source and their vectors are in the index still. Give --prune with --final to delete them"
    ));
    if let Some(found) = &mut report.verification {
        found.verdict = Verdict::Different;
        found.findings.entry(VANISHED).or_default().count = vanished;
    }
}

fn tell_moved(migration: &Migration, moved: Moved, report: &mut Report) {
    let Moved {
        changed,
        vanished,
        rejected,
    } = moved;
    let mut differences = Vec::new();
    if changed.count > 0 {
        differences.push(format!("{} points are new or changed", changed.count));
    }
    if vanished > 0 {
        differences.push(format!("{vanished} are gone"));
    }
    if rejected.0 != rejected.1 {
        differences.push(format!(
            "{} cannot become records, {} could not then",
            rejected.1, rejected.0
        ));
    }
    migration.warn(format!(
        "the source moved since it was exported: {}. Not sealed; pause what writes to it, then give the same command again",
        differences.join(", ")
    ));
    let Some(found) = &mut report.verification else {
        return;
    };
    found.verdict = Verdict::Different;
    let finding = found.findings.entry(SOURCE_MOVED).or_default();
    finding.examples = changed.examples;
    finding.count = changed.count + vanished + rejected.0.abs_diff(rejected.1);
}

/// Removes complete generations older than the newest `keep`, and what was given up
/// before the newest complete one; says which. Never that of the ledger.
pub(super) fn remove_old(migration: &Migration, keep: NonZeroU32) -> Result<Vec<u64>, Error> {
    let archive = &migration.archive;
    let own = migration.ledger.generation()?;
    let mut complete = Vec::new();
    let mut given_up = Vec::new();
    for number in archive.generations()? {
        match archive.generation(number)? {
            Some(_) => complete.push(number),
            None => given_up.push(number),
        }
    }
    let newest = complete.last().copied();
    let kept = complete.len().saturating_sub(keep.get() as usize);
    let mut old: Vec<GenerationNumber> = complete.into_iter().take(kept).collect();
    old.extend(given_up.into_iter().filter(|number| Some(*number) < newest));
    old.retain(|number| Some(u64::from(number.get())) != own);
    old.sort_unstable();
    for number in &old {
        archive.remove(*number)?;
    }
    if !old.is_empty() {
        let names: Vec<String> = old.iter().map(ToString::to_string).collect();
        migration.tell(format!(
            "removed older generations of the archive: {}",
            names.join(", ")
        ));
    }
    Ok(old.iter().map(|number| u64::from(number.get())).collect())
}
