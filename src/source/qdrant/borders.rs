//! Cutting a collection into lanes: stretches of ids, from none to the first
//! border, from border to border, and from the last one on. Any borders are right;
//! good ones make lanes of about one size. They come from a random sample where the
//! server draws one, else from looking where ids begin and end. Never slices: see
//! docs/decisions/2026-11-21-lanes.md.

use uuid::Uuid;

use super::QdrantReader;
use super::version::is_since;
use crate::error::Error;
use crate::point::PointId;
use crate::source::Lane;

/// Below this many points one lane is as good.
const MIN_POINTS: u64 = 20_000;
/// A lane's fewest points: several pages, so that the last one, which reads over
/// the lane's end, does not weigh much.
const MIN_LANE_POINTS: u64 = 5_000;
/// Lanes for each reader, so that readers of short lanes take over from the others.
const LANES_PER_READER: u64 = 4;
/// Readers that later starts may bring.
const MIN_READERS: u64 = 4;
/// Sampled ids for each lane.
const SAMPLES_PER_LANE: usize = 16;
/// The first version that draws a random sample.
const SAMPLING: (u64, u64) = (1, 11);
/// How much of the stretch that holds ids its end may be missed by.
const PRECISION: u128 = 64;

impl QdrantReader {
    /// The lanes; none where the collection is too small to gain by them.
    pub(super) async fn cut_into_lanes(&self) -> Result<Vec<Lane>, Error> {
        let wanted = self.lanes_wanted();
        if wanted < 2 {
            return Ok(Vec::new());
        }
        let sample = self.sample(wanted).await;
        let borders = match sample.and_then(|ids| quantiles(ids, wanted)) {
            Some(borders) => borders,
            None => self.probed(wanted).await?,
        };
        Ok(lanes(borders))
    }

    fn lanes_wanted(&self) -> usize {
        let readers = self.pace.readers.get() as u64;
        let most = LANES_PER_READER * readers.max(MIN_READERS);
        match self.points {
            Some(points) if points >= MIN_POINTS => most.min(points / MIN_LANE_POINTS) as usize,
            _ => 1,
        }
    }

    /// Ids drawn at random; none where the server, its limits or the key do not
    /// allow it.
    async fn sample(&self, wanted: usize) -> Option<Vec<PointId>> {
        if !is_since(&self.version, SAMPLING) {
            return None;
        }
        let allowed = self.limits.page_points.map_or(u64::MAX, u64::from);
        let most = allowed.min((wanted * SAMPLES_PER_LANE) as u64);
        let answer = self
            .server
            .sample(&self.collection, most, self.server_timeout_s());
        answer.await.ok()
    }

    /// Borders at equal distances between the first and about the last id, of
    /// integers and of UUIDs.
    async fn probed(&self, wanted: usize) -> Result<Vec<PointId>, Error> {
        let integers = self.stretch(Kind::Integer).await?;
        let uuids = self.stretch(Kind::Uuid).await?;
        Ok(match (integers, uuids) {
            (None, None) => Vec::new(),
            (Some(only), None) | (None, Some(only)) => only.borders(wanted),
            (Some(integers), Some(uuids)) => {
                let mut borders = integers.borders(wanted.div_ceil(2));
                borders.push(PointId::Uuid(Uuid::nil()));
                borders.extend(uuids.borders(wanted.div_ceil(2)));
                borders
            }
        })
    }

    /// Where the ids of that kind begin and about end, by bisection.
    async fn stretch(&self, kind: Kind) -> Result<Option<Stretch>, Error> {
        let Some(first) = self.first_from(kind, 0).await? else {
            return Ok(None);
        };
        let (mut last, mut behind) = (first, kind.most());
        while behind - last > (last - first) / PRECISION {
            let middle = behind - (behind - last) / 2;
            match self.first_from(kind, middle).await? {
                Some(id) => last = id.min(behind),
                None => behind = middle - 1,
            }
        }
        Ok(Some(Stretch { kind, first, last }))
    }

    /// The first id of that kind at `number` or after it.
    async fn first_from(&self, kind: Kind, number: u128) -> Result<Option<u128>, Error> {
        let found = self.probe(Some(&kind.id(number))).await?;
        Ok(found.and_then(|id| kind.number(&id)))
    }
}

/// Both kinds of ids are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Uuid,
}

impl Kind {
    fn most(self) -> u128 {
        match self {
            Self::Integer => u64::MAX.into(),
            Self::Uuid => u128::MAX,
        }
    }

    fn id(self, number: u128) -> PointId {
        match self {
            Self::Integer => PointId::Integer(u64::try_from(number).unwrap_or(u64::MAX)),
            Self::Uuid => PointId::Uuid(Uuid::from_u128(number)),
        }
    }

    fn number(self, id: &PointId) -> Option<u128> {
        match (self, id) {
            (Self::Integer, PointId::Integer(number)) => Some((*number).into()),
            (Self::Uuid, PointId::Uuid(uuid)) => Some(uuid.as_u128()),
            _ => None,
        }
    }
}

/// From the first to about the last id of a kind.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    kind: Kind,
    first: u128,
    last: u128,
}

impl Stretch {
    /// What cuts it into that many pieces of one width.
    fn borders(self, pieces: usize) -> Vec<PointId> {
        let width = (self.last - self.first) / pieces.max(1) as u128;
        let at = |piece: usize| self.kind.id(self.first + width * piece as u128);
        (1..pieces).map(at).collect()
    }
}

/// The ids that cut the sample into `pieces` of about one size; none where it is
/// too small for that.
fn quantiles(mut sample: Vec<PointId>, pieces: usize) -> Option<Vec<PointId>> {
    sample.sort_unstable();
    sample.dedup();
    let ids = sample.len();
    let borders = (1..pieces).map(|piece| sample[piece * ids / pieces].clone());
    (ids >= 2 * pieces).then(|| borders.collect())
}

/// Lanes that hold every id there can be, once.
fn lanes(mut borders: Vec<PointId>) -> Vec<Lane> {
    borders.sort_unstable();
    borders.dedup();
    let ends = borders.iter().cloned().map(Some).chain([None]);
    let starts = [None].into_iter().chain(borders.iter().cloned().map(Some));
    starts
        .zip(ends)
        .map(|(from, until)| Lane::Ids { from, until })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_id() -> impl Strategy<Value = PointId> {
        prop_oneof![
            any::<u64>().prop_map(PointId::Integer),
            any::<u128>().prop_map(|number| PointId::Uuid(Uuid::from_u128(number))),
        ]
    }

    fn holds(lane: &Lane, id: &PointId) -> bool {
        let Lane::Ids { from, until } = lane else {
            panic!("{lane:?} is no stretch of ids");
        };
        from.as_ref().is_none_or(|from| id >= from) && until.as_ref().is_none_or(|until| id < until)
    }

    proptest! {
        #[test]
        fn every_id_is_in_exactly_one_lane_whatever_the_borders(
            borders in prop::collection::vec(any_id(), 0..20),
            ids in prop::collection::vec(any_id(), 1..20),
        ) {
            let lanes = lanes(borders.clone());
            for id in ids.iter().chain(&borders) {
                prop_assert_eq!(lanes.iter().filter(|lane| holds(lane, id)).count(), 1);
            }
        }

        #[test]
        fn borders_of_a_stretch_lie_within_it(
            first in any::<u64>(),
            length in any::<u64>(),
            pieces in 1usize..40,
        ) {
            let last = first.saturating_add(length);
            let stretch = Stretch { kind: Kind::Integer, first: first.into(), last: last.into() };
            let borders = stretch.borders(pieces);
            prop_assert_eq!(borders.len(), pieces - 1);
            prop_assert!(borders.is_sorted());
            for border in borders {
                prop_assert!((PointId::Integer(first)..=PointId::Integer(last)).contains(&border));
            }
        }
    }

    #[test]
    fn quantiles_cut_a_sample_into_equal_pieces() {
        let ids = |numbers: &[u64]| numbers.iter().copied().map(PointId::Integer).collect();
        let sample: Vec<_> = ids(&[7, 1, 3, 5, 2, 6, 4, 0, 4]);
        assert_eq!(quantiles(sample.clone(), 4), Some(ids(&[2, 4, 6])));
        assert_eq!(quantiles(sample, 5), None);
        assert_eq!(quantiles(Vec::new(), 2), None);
    }
}
