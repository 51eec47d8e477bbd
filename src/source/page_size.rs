//! How many points to ask for at once: as many as make a page of the wanted
//! weight, learned from the pages that came, and fewer when the server is too slow
//! or refuses so many. Pure.

/// The limit of the next page.
#[derive(Debug)]
pub(super) struct PageSize {
    limit: u32,
    most: u32,
    target_bytes: usize,
    /// Set by the first page that was too much: from then on growth is slow.
    careful: bool,
}

impl PageSize {
    /// Begins with `first` points and never asks for more than `most`; pages are
    /// to weigh `target_bytes`.
    pub(super) fn new(first: u32, most: u32, target_bytes: usize) -> Self {
        let most = most.max(1);
        Self {
            limit: first.clamp(1, most),
            most,
            target_bytes,
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
    /// as long as nothing was ever too much, afterwards grows by an eighth; a page
    /// that was not full, or smaller than what is asked for by now, says nothing
    /// about larger ones.
    pub(super) fn came(&mut self, asked: u32, points: usize, bytes: usize) {
        let Some(each) = bytes.checked_div(points).map(|each| each.max(1)) else {
            return;
        };
        let fitting = u32::try_from(self.target_bytes / each).unwrap_or(u32::MAX);
        let full = asked >= self.limit && points >= self.limit as usize;
        let wanted = match (full, self.careful) {
            (false, _) => self.limit,
            (true, false) => self.limit.saturating_mul(2),
            (true, true) => self.limit + self.limit / 8 + 1,
        };
        self.limit = wanted.min(fitting).clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(first: u32) -> PageSize {
        PageSize::new(first, 4_096, 4 << 20)
    }

    #[test]
    fn pages_double_up_to_the_target_and_stay_there() {
        let mut size = size(256);
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
        let mut size = size(256);
        size.came(256, 256, 256 * 100_000);
        assert_eq!(size.limit(), 41);
    }

    #[test]
    fn a_timeout_halves_and_growth_is_slow_afterwards() {
        let mut size = size(256);
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
        let mut size = size(256);
        (0..4).for_each(|_| size.came(256, 256, 256 * 300));
        assert_eq!(size.limit(), 512);
        (0..4).for_each(|_| size.shrink(512));
        assert_eq!(size.limit(), 256);
    }

    #[test]
    fn a_short_page_changes_nothing() {
        let mut size = size(256);
        size.came(256, 10, 10 * 300);
        assert_eq!(size.limit(), 256);
        size.came(256, 0, 0);
        assert_eq!(size.limit(), 256);
    }

    proptest! {
        #[test]
        fn the_limit_is_always_between_one_and_the_most_allowed(
            first in any::<u32>(),
            most in 0u32..10_000,
            steps in proptest::collection::vec((any::<bool>(), 0usize..5_000, 0usize..1 << 30), 0..40),
        ) {
            let mut size = PageSize::new(first, most, 4 << 20);
            for (slow, points, bytes) in steps {
                if slow { size.shrink(size.limit()) } else { size.came(size.limit(), points, bytes) }
                prop_assert!((1..=most.max(1)).contains(&size.limit()));
            }
        }
    }
}
