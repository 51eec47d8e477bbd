//! Whose points follow whose in a part of a source that is read along lanes:
//! pages come in the order of arrival, which no second reading repeats. With it
//! a part can be put together again from its lanes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Consecutive points of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The lane, by its position in [`super::Manifest::lanes`].
    pub lane: usize,
    /// How many points; at least 1.
    pub points: u64,
}

/// The runs of a part, in their order. As text `0*585 3*512`: 585 points of lane
/// 0, then 512 of lane 3.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Runs(Vec<Run>);

/// A text that names no runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not LANE*POINTS")]
pub struct NotARun(String);

impl Runs {
    /// Adds the next point, which is of that lane.
    pub(super) fn add(&mut self, lane: usize) {
        match self.0.last_mut() {
            Some(run) if run.lane == lane => run.points += 1,
            _ => self.0.push(Run { lane, points: 1 }),
        }
    }

    /// Whether there is none: the part was read in one go.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The runs.
    pub fn iter(&self) -> impl Iterator<Item = Run> {
        self.0.iter().copied()
    }

    /// How many points there are.
    pub fn points(&self) -> u64 {
        self.iter()
            .fold(0, |points, run| points.saturating_add(run.points))
    }

    /// How many points there are of each lane.
    pub fn by_lane(&self) -> BTreeMap<usize, u64> {
        let mut lanes = BTreeMap::new();
        for run in self.iter() {
            *lanes.entry(run.lane).or_default() += run.points;
        }
        lanes
    }
}

impl From<Runs> for String {
    fn from(runs: Runs) -> Self {
        let texts = runs
            .iter()
            .map(|run| format!("{}*{}", run.lane, run.points));
        texts.collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for Runs {
    type Error = NotARun;

    fn try_from(text: String) -> Result<Self, NotARun> {
        let runs = text.split_whitespace().map(|word| {
            let (lane, points) = word.split_once('*')?;
            let run = Run {
                lane: lane.parse().ok()?,
                points: points.parse().ok().filter(|points| *points > 0)?,
            };
            Some(run).filter(|run| format!("{}*{}", run.lane, run.points) == word)
        });
        let runs: Option<Vec<Run>> = runs.collect();
        runs.map(Self).ok_or(NotARun(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(lanes: &[usize]) -> Runs {
        let mut runs = Runs::default();
        lanes.iter().for_each(|lane| runs.add(*lane));
        runs
    }

    #[test]
    fn neighbours_of_one_lane_are_one_run() {
        let runs = runs(&[0, 0, 3, 0]);
        assert_eq!(String::from(runs.clone()), "0*2 3*1 0*1");
        assert_eq!(runs.by_lane(), BTreeMap::from([(0, 3), (3, 1)]));
        assert_eq!(runs.points(), 4);
    }

    #[test]
    fn what_is_no_run_is_refused() {
        for text in [
            "0",
            "a*1",
            "1*0",
            "1*-1",
            "+1*1",
            "1*1,2*2",
            "1*99999999999999999999",
        ] {
            assert!(Runs::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_gives_the_runs_back(lanes in prop::collection::vec(0usize..5, 0..40)) {
            let runs = runs(&lanes);
            let text = serde_json::to_string(&runs).unwrap();
            prop_assert_eq!(serde_json::from_str::<Runs>(&text).unwrap(), runs);
        }
    }
}
