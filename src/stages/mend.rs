//! Damaged or missing parts of the archive are found before anything is made of
//! them, and exported again from where they began in the source; they take their
//! place only when they come out byte for byte the same.

use std::collections::{BTreeMap, VecDeque};

use crate::archive::{Generation, PartDamage, PartRepair, Rewritten};
use crate::error::Error;
use crate::source::{Cursor, Places, ReadPoint, Source};
use crate::stages::context::Migration;

/// Checks every part, and exports damaged ones again; in a dry run it refuses
/// them instead, for that would write to the archive.
///
/// Errors: when there is no source to ask, or it no longer gives the same points.
pub(super) async fn mend(
    migration: &Migration,
    generation: &Generation,
    source: Option<&mut (dyn Source + 'static)>,
) -> Result<(), Error> {
    let damages = generation.check()?;
    if damages.is_empty() {
        return Ok(());
    }
    let Some(source) = source else {
        return Err(unmendable(&damages));
    };
    if migration.is_dry_run() {
        return Err(left_alone(&damages));
    }
    source.read_along(&generation.manifest().lanes);
    for damage in &damages {
        migration.warn(format!("{}; exporting that part again", damage.error));
        again(migration, generation, damage, source).await?;
    }
    Ok(())
}

async fn again(
    migration: &Migration,
    generation: &Generation,
    damage: &PartDamage,
    source: &mut dyn Source,
) -> Result<(), Error> {
    let mut repair = generation.repair(damage.index)?;
    let file = repair.part().file.clone();
    let mut reading = Reading { migration, source };
    if repair.part().runs.is_empty() {
        reading.in_one_go(&mut repair).await?;
    } else {
        reading.along_lanes(generation, &mut repair).await?;
    }
    match repair.finish()? {
        Rewritten::Same => Ok(()),
        Rewritten::Different => Err(Error::failed(format!(
            "the archive's part {file} is damaged, and the source no longer gives the points it held"
        ))
        .advise("put the file back from another copy, or start over in a new folder with --dir (ids that are in the index already then need --overwrite)")),
    }
}

/// The points of a source from a place on.
struct Stretch {
    /// Points that were read and not taken.
    points: VecDeque<ReadPoint>,
    /// Where the next page begins; none at the end.
    next: Next,
}

/// Where the next page of a stretch begins.
enum Next {
    At(Option<Cursor>),
    End,
}

impl Stretch {
    fn from(cursor: Option<Cursor>) -> Self {
        Self {
            points: VecDeque::new(),
            next: Next::At(cursor),
        }
    }
}

/// The source, asked again.
struct Reading<'a> {
    migration: &'a Migration,
    source: &'a mut dyn Source,
}

impl Reading<'_> {
    async fn in_one_go(&mut self, repair: &mut PartRepair) -> Result<(), Error> {
        let mut stretch = Stretch::from(repair.part().cursor_before.clone());
        while repair.missing_points() > 0 {
            let Some(read) = self.point(&mut stretch).await? else {
                break;
            };
            repair.push(read)?;
        }
        Ok(())
    }

    /// Each lane's points from where it stood before the part, in the order in
    /// which they arrived then. A lane is forgotten with its last point, so that
    /// as many pages are held as lanes were open at once.
    async fn along_lanes(
        &mut self,
        generation: &Generation,
        repair: &mut PartRepair,
    ) -> Result<(), Error> {
        let (lanes, part) = (generation.manifest().lanes.len(), repair.part().clone());
        let Some(before) = Places::of(part.cursor_before.as_ref()) else {
            return Ok(());
        };
        let mut missing = part.runs.by_lane();
        let mut stretches: BTreeMap<usize, Stretch> = BTreeMap::new();
        for run in part.runs.iter() {
            let stretch = match stretches.remove(&run.lane) {
                Some(stretch) => Some(stretch),
                None => begin(&before, run.lane, lanes),
            };
            let Some(mut stretch) = stretch else {
                return Ok(());
            };
            for _ in 0..run.points {
                match self.point(&mut stretch).await? {
                    Some(read) => repair.push(read)?,
                    None => return Ok(()),
                }
            }
            let left = missing.entry(run.lane).or_default();
            *left -= run.points;
            if *left > 0 {
                stretches.insert(run.lane, stretch);
            }
        }
        Ok(())
    }

    async fn point(&mut self, stretch: &mut Stretch) -> Result<Option<ReadPoint>, Error> {
        loop {
            if let Some(read) = stretch.points.pop_front() {
                return Ok(Some(read));
            }
            let Next::At(from) = &stretch.next else {
                return Ok(None);
            };
            self.migration.stop.check()?;
            let page = self.source.page(from.as_ref()).await?;
            stretch.points.extend(page.points);
            stretch.next = match page.next {
                Some(next) => Next::At(Some(next)),
                None => Next::End,
            };
        }
    }
}

fn begin(before: &Places, lane: usize, lanes: usize) -> Option<Stretch> {
    let alone = before.alone(lane, lanes)?;
    Some(Stretch::from(Some(Cursor::Lanes(alone))))
}

fn unmendable(damages: &[PartDamage]) -> Error {
    Error::failed(named(damages))
        .advise("put the file back from another copy, or name the source that it was exported from: only what is damaged is exported again")
}

fn left_alone(damages: &[PartDamage]) -> Error {
    Error::failed(named(damages))
        .advise("the real run exports that part again before it goes on; a rehearsal leaves the archive as it is")
}

fn named(damages: &[PartDamage]) -> String {
    let named: Vec<String> = damages
        .iter()
        .map(|damage| damage.error.to_string())
        .collect();
    named.join("; ")
}

#[cfg(test)]
mod tests;
