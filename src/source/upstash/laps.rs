//! Whether the cursors of a pass come again, which would never end. Brent's way:
//! one earlier cursor is kept, a later one at every doubling of the distance, so that
//! any circle is noticed and memory does not grow with the pages. Pure.

/// The pages of one pass so far.
#[derive(Debug)]
pub(super) struct Laps {
    /// The cursor that was given out last.
    last: String,
    mark: String,
    since: u64,
    span: u64,
}

impl Laps {
    /// A pass that is at `from`.
    pub(super) fn at(from: &str) -> Self {
        Self {
            last: from.to_owned(),
            mark: from.to_owned(),
            since: 0,
            span: 1,
        }
    }

    /// Whether the pass goes on from where it was, rather than from elsewhere.
    pub(super) fn is_at(&self, from: &str) -> bool {
        self.last == from
    }

    /// Takes the next cursor; whether it was seen before.
    pub(super) fn comes_again(&mut self, next: &str) -> bool {
        if next == self.mark {
            return true;
        }
        next.clone_into(&mut self.last);
        self.since += 1;
        if self.since == self.span {
            next.clone_into(&mut self.mark);
            (self.since, self.span) = (0, self.span * 2);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_circle_is_noticed_within_a_few_rounds(tail in 0usize..200, circle in 1usize..200) {
            let cursor = |step: usize| match step {
                step if step < tail => step,
                step => tail + (step - tail) % circle,
            };
            let mut laps = Laps::at(&cursor(0).to_string());
            let noticed = (1..).position(|step| laps.comes_again(&cursor(step).to_string()));
            prop_assert!(noticed.is_some_and(|steps| steps <= 4 * (tail + circle) + 4));
        }

        #[test]
        fn cursors_that_differ_are_never_taken_for_a_circle(pages in 1usize..2_000) {
            let mut laps = Laps::at("0");
            prop_assert!((1..pages).all(|page| !laps.comes_again(&page.to_string())));
        }
    }
}
