//! Points of a generation that came again later in the same pass, and count no
//! more: the last one of each name is the one that the source holds.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Ordinals of points that are superseded. As text `3 7-9`: those at 3, 7, 8 and 9.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Superseded(Vec<RangeInclusive<u64>>);

/// A text that names no ordinals, or not in their order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an ascending list of ordinals and stretches of them")]
pub struct NotOrdinals(String);

impl Superseded {
    /// Adds an ordinal above all that are there; any other is left out.
    pub fn add(&mut self, ordinal: u64) {
        match self.0.last_mut() {
            Some(last) if ordinal <= *last.end() => {}
            Some(last) if ordinal - 1 == *last.end() => *last = *last.start()..=ordinal,
            _ => self.0.push(ordinal..=ordinal),
        }
    }

    /// Whether no point is superseded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many points are.
    pub fn count(&self) -> u64 {
        let lengths = self.0.iter().map(|range| range.end() - range.start());
        lengths.fold(0, |sum, rest| sum.saturating_add(rest).saturating_add(1))
    }

    /// Whether the point at `ordinal` is.
    pub fn contains(&self, ordinal: u64) -> bool {
        let behind = self.0.partition_point(|range| *range.end() < ordinal);
        self.0
            .get(behind)
            .is_some_and(|range| range.contains(&ordinal))
    }

    /// The last of them.
    pub(super) fn last(&self) -> Option<u64> {
        self.0.last().map(|range| *range.end())
    }
}

impl FromIterator<u64> for Superseded {
    /// Of ascending ordinals.
    fn from_iter<T: IntoIterator<Item = u64>>(ordinals: T) -> Self {
        let mut superseded = Self::default();
        ordinals
            .into_iter()
            .for_each(|ordinal| superseded.add(ordinal));
        superseded
    }
}

impl From<Superseded> for String {
    fn from(superseded: Superseded) -> Self {
        let texts = superseded.0.iter().map(|range| match range.end() {
            end if end == range.start() => end.to_string(),
            end => format!("{}-{end}", range.start()),
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for Superseded {
    type Error = NotOrdinals;

    fn try_from(text: String) -> Result<Self, NotOrdinals> {
        let ranges = text.split_whitespace().map(|word| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some(first.parse::<u64>().ok()?..=last.parse::<u64>().ok()?)
        });
        let ranges: Option<Vec<RangeInclusive<u64>>> = ranges.collect();
        let superseded = ranges.map(Self).filter(Self::is_ascending);
        superseded.ok_or(NotOrdinals(text))
    }
}

impl Superseded {
    fn is_ascending(&self) -> bool {
        let mut pairs = self.0.windows(2);
        self.0.iter().all(|range| !range.is_empty())
            && pairs.all(|pair| pair[0].end() < pair[1].start())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_are_one_stretch() {
        let superseded: Superseded = [3, 7, 8, 9].into_iter().collect();
        assert_eq!(String::from(superseded.clone()), "3 7-9");
        assert_eq!((superseded.count(), superseded.last()), (4, Some(9)));
    }

    #[test]
    fn a_list_of_all_that_there_can_be_is_counted_as_far_as_numbers_go() {
        let all = Superseded::try_from(format!("0-{}", u64::MAX)).unwrap();
        assert_eq!(all.count(), u64::MAX);
    }

    #[test]
    fn what_is_no_ascending_list_is_refused() {
        for text in [
            "a",
            "3-",
            "5-4",
            "3 3",
            "7-9 8",
            "-1",
            "99999999999999999999",
        ] {
            assert!(Superseded::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_was_added_and_its_text_gives_it_back(
            ordinals in prop::collection::btree_set(0u64..60, 0..30),
        ) {
            let superseded: Superseded = ordinals.iter().copied().collect();
            let held: BTreeSet<u64> = (0..70).filter(|at| superseded.contains(*at)).collect();
            prop_assert_eq!(superseded.count(), ordinals.len() as u64);
            prop_assert_eq!(&held, &ordinals);
            let text = serde_json::to_string(&superseded).unwrap();
            prop_assert_eq!(serde_json::from_str::<Superseded>(&text).unwrap(), superseded);
        }
    }
}
