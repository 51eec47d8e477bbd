//! What is there now: every id, and as many points as were asked for, read back from
//! the server and compared with the archive.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::compare::Outcome;
use super::look::Subject;
use super::roster::Mark;
use crate::error::Error;
use crate::point::PointId;
use crate::progress::Step;
use crate::report::{Findings, RestoreFacts, Verdict, VerificationFacts};
use crate::source::LaneReader as _;
use crate::source::qdrant::{QdrantReader, Side};
use crate::stages::context::Migration;

/// Points that are read back at a time.
const AT_ONCE: usize = 64;
/// How many absent ids are named.
const NAMED: u32 = 20;

/// How many points are read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Every one.
    All,
    /// So many, one from each of as many equal stretches of the archive.
    Count(usize),
}

/// Compares.
///
/// # Errors
/// The server's, the archive's, interruption.
pub(super) async fn verify(
    migration: &Migration,
    subject: &Subject<'_>,
    reader: &QdrantReader,
    (sample, seed): (Sample, u64),
    facts: &mut RestoreFacts,
) -> Result<VerificationFacts, Error> {
    migration.begin(Step::Verify, None);
    let mut check = Check {
        migration,
        subject,
        reader,
        facts,
        found: nothing_yet(),
    };
    check.ids().await?;
    check.points(sample, seed).await?;
    let found = check.conclude().await?;
    migration.progress.end(Step::Verify, &found.proves);
    Ok(found)
}

struct Check<'a> {
    migration: &'a Migration,
    subject: &'a Subject<'a>,
    reader: &'a QdrantReader,
    facts: &'a mut RestoreFacts,
    found: VerificationFacts,
}

impl Check<'_> {
    /// Every id of the archive must be there; others are foreign.
    async fn ids(&mut self) -> Result<(), Error> {
        let (mut from, mut there, mut foreign) = (None, 0_u64, 0_u64);
        loop {
            let page = self.reader.ids_from(from);
            let (ids, next) = self.migration.stop.interrupting(page).await?;
            for id in &ids {
                foreign += u64::from(!self.subject.roster.mark(id, Mark::There)?);
            }
            there += ids.len() as u64;
            self.migration
                .progress
                .advance(Step::Verify, ids.len() as u64);
            match next {
                None => break,
                next => from = next,
            }
        }
        self.facts.foreign = foreign;
        let (missing, named) = self.subject.roster.absent(NAMED)?;
        self.found.missing = missing;
        self.add_missing(missing, &named)?;
        self.count(there).await
    }

    fn add_missing(&mut self, missing: u64, named: &[u64]) -> Result<(), Error> {
        if missing == 0 {
            return Ok(());
        }
        let names = self.subject.generation.names_at(named)?;
        let examples = names.iter().map(|(_, name)| name.id.to_string()).collect();
        let findings = Findings {
            count: missing,
            examples,
        };
        self.found.findings.insert("missing", findings);
        Ok(())
    }

    /// The server's own count, which is another way to the same number.
    async fn count(&mut self, there: u64) -> Result<(), Error> {
        let counted = self
            .migration
            .stop
            .interrupting(self.reader.count())
            .await?;
        if let Some(counted) = counted.filter(|counted| *counted != there) {
            self.found.counts.push(format!(
                "the server counts {counted} points and gives {there} ids"
            ));
        }
        Ok(())
    }

    /// Reads points back, and compares.
    async fn points(&mut self, sample: Sample, seed: u64) -> Result<(), Error> {
        let ordinals = choose(self.subject.generation.points(), sample, seed);
        for ordinals in Chunks(ordinals, AT_ONCE) {
            let ordinals: Vec<u64> = ordinals
                .into_iter()
                .filter(|ordinal| !self.subject.generation.is_superseded(*ordinal))
                .collect();
            let mut archived = self.subject.archived(&ordinals)?;
            let ids: Vec<PointId> = archived.keys().cloned().collect();
            let asked = self.reader.points_by_id(&ids);
            let (held, side) = self.migration.stop.interrupting(asked).await?;
            self.facts.read_back_over = Some(match side {
                Side::Rest => "rest",
                Side::Grpc => "grpc",
            });
            self.found.values_sampled += archived.len() as u64;
            for held in held {
                if let Some(archived) = archived.remove(&held.id) {
                    let outcome = self.subject.comparison.of(&archived, &held);
                    self.note(&held.id, outcome);
                }
            }
            // An id that scrolling gave and asking does not is missing as well.
            for id in archived.keys() {
                self.note(
                    id,
                    Outcome::Different("not given back by its id".to_owned()),
                );
            }
            self.migration
                .progress
                .advance(Step::Verify, ids.len() as u64);
        }
        Ok(())
    }

    fn note(&mut self, id: &PointId, outcome: Outcome) {
        match outcome {
            Outcome::Same => {}
            Outcome::Adjusted(by) => {
                self.facts.adjusted += 1;
                self.facts.largest_adjustment = self.facts.largest_adjustment.max(by);
            }
            Outcome::Different(what) => {
                self.found.values_different += 1;
                let findings = self.found.findings.entry("different").or_default();
                findings.add(format!("{id}: {what}"));
            }
        }
    }

    async fn conclude(mut self) -> Result<VerificationFacts, Error> {
        let hidden = self
            .migration
            .stop
            .interrupting(self.reader.held_back())
            .await?;
        let found = &mut self.found;
        let differs = found.values_different > 0 || !found.counts.is_empty();
        found.verdict = match (differs, found.missing, hidden.is_empty()) {
            (false, 0, true) => Verdict::Equal,
            // Points that the server hides until it has indexed them are not lost.
            (false, _, false) => Verdict::Incomplete,
            _ => Verdict::Different,
        };
        found.not_compared = hidden;
        found.proves = proves(found, self.facts);
        Ok(self.found)
    }
}

fn nothing_yet() -> VerificationFacts {
    VerificationFacts {
        verdict: Verdict::Equal,
        missing: 0,
        extra: 0,
        values_sampled: 0,
        values_different: 0,
        file_index_missing: 0,
        file_index_different: 0,
        file_index_stale: 0,
        search: None,
        source_sampled: 0,
        source_different: 0,
        counts: Vec::new(),
        not_compared: Vec::new(),
        proves: String::new(),
        findings: std::collections::BTreeMap::new(),
        namespaces: crate::report::ByNamespace::default(),
    }
}

fn proves(found: &VerificationFacts, facts: &RestoreFacts) -> String {
    let there = facts.points - found.missing.min(facts.points);
    let same = found.values_sampled - found.values_different;
    let mut text = format!(
        "{there} of {} ids are there; {same} of {} points read back are equal",
        facts.points, found.values_sampled
    );
    if facts.adjusted > 0 {
        text.push_str(&format!(
            ", {} of them with vectors that the collection's storage changed (by {:.1e} at most)",
            facts.adjusted, facts.largest_adjustment
        ));
    }
    text
}

/// The places that are read back, ascending.
fn choose(points: u64, sample: Sample, seed: u64) -> Box<dyn Iterator<Item = u64> + Send> {
    let wanted = match sample {
        Sample::Count(wanted) if (wanted as u64) < points => wanted as u64,
        _ => return Box::new(0..points),
    };
    let mut random = StdRng::seed_from_u64(seed);
    Box::new((0..wanted).map(move |stretch| {
        let border = |stretch| u128::from(points) * u128::from(stretch) / u128::from(wanted);
        let (begin, end) = (border(stretch) as u64, border(stretch + 1) as u64);
        random.random_range(begin..end)
    }))
}

/// So many items at a time.
struct Chunks<I>(I, usize);

impl<I: Iterator<Item = u64>> Iterator for Chunks<I> {
    type Item = Vec<u64>;

    fn next(&mut self) -> Option<Vec<u64>> {
        let chunk: Vec<u64> = self.0.by_ref().take(self.1).collect();
        (!chunk.is_empty()).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_archive_and_the_same_for_the_same_seed() {
        let sample: Vec<u64> = choose(1_000, Sample::Count(10), 1).collect();
        assert_eq!(
            sample,
            choose(1_000, Sample::Count(10), 1).collect::<Vec<_>>()
        );
        assert_ne!(
            sample,
            choose(1_000, Sample::Count(10), 2).collect::<Vec<_>>()
        );
        for (stretch, ordinal) in sample.iter().enumerate() {
            assert_eq!(*ordinal / 100, stretch as u64);
        }
        assert!(choose(5, Sample::Count(5), 1).eq(0..5));
        assert!(choose(5, Sample::All, 1).eq(0..5));
        assert_eq!(choose(0, Sample::Count(5), 1).count(), 0);
    }
}
