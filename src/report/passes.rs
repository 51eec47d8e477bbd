//! What one command did in several passes, in one report: what was done is added up,
//! and what speaks of a state is that of the last pass.

use super::facts::{CatchUpFacts, FileIndexFacts, PointFacts, Report, RequestFacts, Seconds};
use super::namespaces::{MAX_NAMESPACES, NamespaceFacts};
use crate::report::VerificationFacts;

/// What the passes before the last one came to.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    passes: u64,
    points: Option<PointFacts>,
    namespaces: Option<Vec<NamespaceFacts>>,
    file_index: Option<FileIndexFacts>,
    verification: Option<VerificationFacts>,
    catch_up: Option<CatchUpFacts>,
    requests: RequestFacts,
    seconds: Seconds,
}

impl Passed {
    /// What so many passes came to, whose report this is.
    pub fn of(report: Report, passes: u64) -> Self {
        Self {
            passes,
            points: report.points,
            namespaces: report.namespaces,
            file_index: report.file_index,
            verification: report.verification,
            catch_up: report.catch_up,
            requests: report.requests.unwrap_or_default(),
            seconds: report.seconds,
        }
    }
}

impl Report {
    /// Makes room for the next pass in this report, which goes on counting requests and
    /// time.
    pub fn begin_next_pass(&mut self) -> Passed {
        Passed {
            passes: 1,
            points: self.points.take(),
            namespaces: self.namespaces.take(),
            file_index: self.file_index.take(),
            verification: self.verification.take(),
            catch_up: self.catch_up.take(),
            requests: RequestFacts::default(),
            seconds: Seconds::default(),
        }
    }

    /// Adds what the passes before this one did. Where this one came to nothing, what
    /// they came to stands.
    pub fn add_passed(&mut self, passed: Passed) {
        if let Some(requests) = &mut self.requests {
            requests.add(&passed.requests);
        }
        self.seconds.add(&passed.seconds);
        self.catch_up = CatchUpFacts::after(passed.passes, self.catch_up.take(), passed.catch_up);
        let Some(points) = &mut self.points else {
            self.points = passed.points;
            self.namespaces = passed.namespaces;
            self.file_index = passed.file_index;
            self.verification = passed.verification;
            return;
        };
        if let Some(before) = &passed.points {
            points.add(before);
        }
        if let (Some(now), Some(before)) = (&mut self.namespaces, passed.namespaces) {
            add_namespaces(now, before);
        }
        self.file_index = match (self.file_index.take(), passed.file_index) {
            (Some(now), Some(before)) => Some(FileIndexFacts {
                written: now.written + before.written,
                ..now
            }),
            (now, before) => now.or(before),
        };
    }
}

impl CatchUpFacts {
    /// A pass that did not come to its end counts, and leaves the rest as it was.
    fn after(passes: u64, now: Option<Self>, before: Option<Self>) -> Option<Self> {
        let Some(now) = now else {
            return before.map(|before| Self {
                passes: passes + 1,
                ..before
            });
        };
        let mut removed = before.map_or_else(Vec::new, |before| before.removed_generations);
        removed.extend(now.removed_generations);
        Some(Self {
            passes: passes + now.passes,
            removed_generations: removed,
            ..now
        })
    }
}

impl PointFacts {
    /// Records that are as they should be; one that two passes wrote is one.
    pub fn records(&self) -> u64 {
        (self.settled + self.unchanged).min(self.archived.saturating_sub(self.rejected))
    }

    /// What was deleted had vanished, and no later pass finds it missing.
    fn add(&mut self, before: &Self) {
        self.settled += before.settled;
        self.deleted += before.deleted;
        self.vanished += before.deleted;
    }
}

impl RequestFacts {
    fn add(&mut self, before: &Self) {
        self.total += before.total;
        self.retried += before.retried;
        self.rate_limited += before.rate_limited;
    }
}

impl Seconds {
    fn add(&mut self, before: &Self) {
        self.total += before.total;
        for (now, before) in [
            (&mut self.export, before.export),
            (&mut self.upsert, before.upsert),
            (&mut self.settle, before.settle),
            (&mut self.index, before.index),
            (&mut self.verify, before.verify),
        ] {
            *now = now
                .zip(before)
                .map(|(now, before)| now + before)
                .or(*now)
                .or(before);
        }
    }
}

/// A namespace that has no points any more is told of, where something was written to it.
fn add_namespaces(now: &mut Vec<NamespaceFacts>, before: Vec<NamespaceFacts>) {
    for before in before.into_iter().filter(|before| before.settled > 0) {
        match now.binary_search_by(|row| row.name.cmp(&before.name)) {
            Ok(place) => now[place].settled += before.settled,
            Err(place) => now.insert(
                place,
                NamespaceFacts {
                    name: before.name,
                    settled: before.settled,
                    ..NamespaceFacts::default()
                },
            ),
        }
    }
    now.truncate(MAX_NAMESPACES);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, archived: u64, settled: u64) -> NamespaceFacts {
        NamespaceFacts {
            name: Some(name.to_owned()),
            archived,
            settled,
            ..NamespaceFacts::default()
        }
    }

    #[test]
    fn what_was_written_to_a_namespace_that_is_gone_is_told() {
        let mut now = vec![row("a", 5, 1), row("c", 7, 0)];
        let before = vec![
            row("a", 4, 4),
            row("b", 3, 3),
            row("c", 7, 0),
            row("d", 2, 0),
        ];
        add_namespaces(&mut now, before);
        assert_eq!(now, [row("a", 5, 5), row("b", 0, 3), row("c", 7, 0)]);
    }

    #[test]
    fn a_pass_that_came_to_nothing_leaves_what_the_one_before_came_to() {
        let mut first = Report::of("run", false);
        first.points = Some(PointFacts {
            archived: 9,
            settled: 9,
            ..PointFacts::default()
        });
        first.catch_up = Some(CatchUpFacts {
            generation: 1,
            passes: 1,
            ..CatchUpFacts::default()
        });
        let mut second = Report::of("run", false);
        second.add_passed(Passed::of(first.clone(), 1));
        assert_eq!(second.points, first.points);
        let facts = second.catch_up.unwrap();
        assert_eq!((facts.generation, facts.passes), (1, 2));
    }
}
