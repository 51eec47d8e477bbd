//! How many points to ask for at once: as many as make about 4 MB, learned from
//! the pages that came, and fewer when the server is too slow for that. Pure.

use crate::point::{Payload, Point};
use serde_json::Value;

/// What a page should weigh (contract: 2 to 8 MB).
const TARGET_BYTES: usize = 4 << 20;
/// What the vectors of the very first page may weigh: 256 points of 1,536 numbers.
const FIRST_BYTES: usize = 256 * 1_536 * 4;
/// The first page's most points, because payloads are not known yet.
const FIRST_LIMIT: u32 = 256;
/// Beyond this a page gains nothing and a server has to hold it.
const MOST: u32 = 4_096;

/// The limit of the next page.
#[derive(Debug)]
pub(super) struct PageSize {
    limit: u32,
    most: u32,
    /// Set by the first timeout: from then on growth is slow.
    careful: bool,
}

impl PageSize {
    /// For points of `numbers` vector elements each; `allowed` is the server's
    /// own maximum, where it has one.
    pub(super) fn new(numbers: usize, allowed: Option<u32>) -> Self {
        let most = MOST.min(allowed.unwrap_or(MOST)).max(1);
        let fitting = FIRST_BYTES / numbers.saturating_mul(4).max(1);
        let first = u32::try_from(fitting).unwrap_or(u32::MAX);
        Self {
            limit: first.min(FIRST_LIMIT).clamp(1, most),
            most,
            careful: false,
        }
    }

    /// How many points to ask for.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// After a page of `asked` points that was too much. Several readers may say
    /// so of one size: it is halved once.
    pub(super) fn shrink(&mut self, asked: u32) {
        self.careful = true;
        self.limit = self.limit.min(asked / 2).max(1);
    }

    /// After a page that came: `points` of the `asked`, weighing `bytes`. Doubles
    /// as long as nothing ever timed out, afterwards grows by an eighth; a page
    /// that was not full, or smaller than what is asked for by now, says nothing
    /// about larger ones.
    pub(super) fn came(&mut self, asked: u32, points: usize, bytes: usize) {
        let Some(each) = bytes.checked_div(points).map(|each| each.max(1)) else {
            return;
        };
        let fitting = u32::try_from(TARGET_BYTES / each).unwrap_or(u32::MAX);
        let full = asked >= self.limit && points >= self.limit as usize;
        let wanted = match (full, self.careful) {
            (false, _) => self.limit,
            (true, false) => self.limit.saturating_mul(2),
            (true, true) => self.limit + self.limit / 8 + 1,
        };
        self.limit = wanted.min(fitting).clamp(1, self.most);
    }
}

/// About how many bytes a point takes on the wire and in memory.
pub(super) fn weight(point: &Point) -> usize {
    let dense: usize = point.dense.iter().flatten().map(|v| v.len() * 4).sum();
    let sparse: usize = point
        .sparse
        .iter()
        .flatten()
        .map(|v| v.values.len() * 8)
        .sum();
    dense + sparse + object_weight(&point.payload) + 32
}

fn object_weight(object: &Payload) -> usize {
    let entries = object.iter();
    entries
        .map(|(key, value)| key.len() + value_weight(value))
        .sum()
}

fn value_weight(value: &Value) -> usize {
    8 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_weight).sum(),
        Value::Object(object) => object_weight(object),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_page_depends_on_the_width_of_the_vectors() {
        assert_eq!(PageSize::new(1_536, None).limit(), 256);
        assert_eq!(PageSize::new(3_072, None).limit(), 128);
        assert_eq!(PageSize::new(64, None).limit(), 256);
        assert_eq!(PageSize::new(0, None).limit(), 256);
        assert_eq!(PageSize::new(usize::MAX, None).limit(), 1);
    }

    #[test]
    fn the_servers_maximum_is_kept() {
        let mut size = PageSize::new(64, Some(100));
        assert_eq!(size.limit(), 100);
        size.came(100, 100, 100);
        assert_eq!(size.limit(), 100);
        assert_eq!(PageSize::new(64, Some(0)).limit(), 1);
    }

    #[test]
    fn pages_double_up_to_the_target_and_stay_there() {
        let mut size = PageSize::new(1_536, None);
        let limits: Vec<u32> = std::iter::repeat_with(|| {
            let points = size.limit() as usize;
            size.came(size.limit(), points, points * 7_168);
            size.limit()
        })
        .take(3)
        .collect();
        assert_eq!(limits, [512, 585, 585]);
    }

    #[test]
    fn heavy_payloads_make_pages_smaller_at_once() {
        let mut size = PageSize::new(64, None);
        size.came(256, 256, 256 * 100_000);
        assert_eq!(size.limit(), 41);
    }

    #[test]
    fn a_timeout_halves_and_growth_is_slow_afterwards() {
        let mut size = PageSize::new(1_536, None);
        size.shrink(256);
        size.shrink(128);
        assert_eq!(size.limit(), 64);
        size.came(64, 64, 64 * 7_168);
        assert_eq!(size.limit(), 73);
        (0..20).for_each(|_| size.shrink(size.limit()));
        assert_eq!(size.limit(), 1);
        size.came(1, 1, 7_168);
        assert_eq!(size.limit(), 2);
    }

    #[test]
    fn what_several_readers_say_of_one_size_counts_once() {
        let mut size = PageSize::new(64, None);
        (0..4).for_each(|_| size.came(256, 256, 256 * 300));
        assert_eq!(size.limit(), 512);
        (0..4).for_each(|_| size.shrink(512));
        assert_eq!(size.limit(), 256);
    }

    #[test]
    fn a_short_page_changes_nothing() {
        let mut size = PageSize::new(64, None);
        size.came(256, 10, 10 * 300);
        assert_eq!(size.limit(), 256);
        size.came(256, 0, 0);
        assert_eq!(size.limit(), 256);
    }

    proptest! {
        #[test]
        fn the_limit_is_always_between_one_and_the_most_allowed(
            numbers in 0usize..100_000,
            allowed in proptest::option::of(0u32..10_000),
            steps in proptest::collection::vec((any::<bool>(), 0usize..5_000, 0usize..1 << 30), 0..40),
        ) {
            let mut size = PageSize::new(numbers, allowed);
            let most = MOST.min(allowed.unwrap_or(MOST)).max(1);
            for (slow, points, bytes) in steps {
                if slow { size.shrink(size.limit()) } else { size.came(size.limit(), points, bytes) }
                prop_assert!((1..=most).contains(&size.limit()));
            }
        }
    }
}
