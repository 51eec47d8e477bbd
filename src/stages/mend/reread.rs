//! The points of one part, asked from the source again in the order in which they
//! once came: in one go, or lane by lane as the part's runs say.

use std::collections::{BTreeMap, VecDeque};

use crate::archive::{Generation, Part, PartRepair};
use crate::error::Error;
use crate::source::{Cursor, Places, ReadPoint, Source};
use crate::stages::context::Migration;

/// Pushes what the source gives now; fewer points where it has fewer.
pub(super) async fn reread(
    migration: &Migration,
    generation: &Generation,
    repair: &mut PartRepair,
    source: &mut dyn Source,
) -> Result<(), Error> {
    let part = repair.part().clone();
    let mut reader = Reader { migration, source };
    if part.runs.is_empty() {
        let mut stretch = Stretch::from(part.cursor_before);
        while repair.missing_points() > 0 {
            let Some(read) = reader.next(&mut stretch).await? else {
                return Ok(());
            };
            repair.push(&read)?;
        }
        return Ok(());
    }
    let mut lanes = Lanes::of(&part, generation.manifest().lanes.len());
    for run in part.runs.iter() {
        for _ in 0..run.points {
            let Some(read) = lanes.next(run.lane, &mut reader).await? else {
                return Ok(());
            };
            repair.push(&read)?;
        }
    }
    Ok(())
}

/// The points of a source from a place on.
struct Stretch {
    /// Points that were read and not taken.
    points: VecDeque<ReadPoint>,
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

/// The lanes of a part, each read apart from where it stood before the part. A lane
/// is forgotten with its last point, so that as many pages are held as lanes were
/// open at once.
struct Lanes {
    /// None where the part's place is not one of lanes.
    before: Option<Places>,
    lanes: usize,
    /// How many points of each lane are still to come.
    missing: BTreeMap<usize, u64>,
    open: BTreeMap<usize, Stretch>,
}

impl Lanes {
    fn of(part: &Part, lanes: usize) -> Self {
        Self {
            before: Places::of(part.cursor_before.as_ref()),
            lanes,
            missing: part.runs.by_lane(),
            open: BTreeMap::new(),
        }
    }

    async fn next(
        &mut self,
        lane: usize,
        reader: &mut Reader<'_>,
    ) -> Result<Option<ReadPoint>, Error> {
        let Some(mut stretch) = self.open.remove(&lane).or_else(|| self.begin(lane)) else {
            return Ok(None);
        };
        let read = reader.next(&mut stretch).await?;
        let missing = self.missing.entry(lane).or_default();
        *missing = missing.saturating_sub(1);
        if *missing > 0 {
            self.open.insert(lane, stretch);
        }
        Ok(read)
    }

    fn begin(&self, lane: usize) -> Option<Stretch> {
        let alone = self.before.as_ref()?.alone(lane, self.lanes)?;
        Some(Stretch::from(Some(Cursor::Lanes(alone))))
    }
}

struct Reader<'a> {
    migration: &'a Migration,
    source: &'a mut dyn Source,
}

impl Reader<'_> {
    async fn next(&mut self, stretch: &mut Stretch) -> Result<Option<ReadPoint>, Error> {
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
