//! Puts back the vectors that the migration replaced, from what `--keep-overwritten`
//! saved, where the index still holds what the migration wrote. Of those that were
//! not saved nobody knows what they were: they are counted by name.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::look::{self, CALLS_AT_ONCE, IDS_AT_ONCE};
use super::vectors::is_written;
use crate::archive::Generation;
use crate::batch::{BatchLimits, Cutter};
use crate::cloudflare::{MutationId, Vectorize};
use crate::error::Error;
use crate::ledger::{TakenBack, Written};
use crate::point::{Payload, Point};
use crate::record::{Digest, Metadata, Namespace, Record, VectorId};
use crate::stages::barrier::{Evidence, await_applied};
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

/// Times that what is not back yet is sent again.
const ROUNDS: usize = 10;

/// The vectors that were replaced.
pub(super) struct Overwritten<'a> {
    pub(super) migration: &'a Migration,
    pub(super) index: &'a Vectorize,
    /// What was saved of them.
    pub(super) saved: &'a [Generation],
}

/// What one look at everything that was saved came to.
#[derive(Debug, Default)]
struct Pass {
    evidence: Evidence,
    sent: u64,
}

impl Overwritten<'_> {
    /// Puts back what was saved, waits until that is applied and reads it again;
    /// and tells which of the others are lost.
    ///
    /// Errors: stopped where vectors are not back after several rounds.
    pub(super) async fn take_back(&self) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let pass = self.pass().await?;
            if pass.sent == 0 || self.migration.is_dry_run() {
                return self.tell_lost().await;
            }
            await_applied(self.migration, self.index, &pass.evidence).await?;
        }
        Err(Error::stopped(format!(
            "vectors that were put back {ROUNDS} times are not what they were"
        ))
        .advise("run the same command again later: only what is left is put back"))
    }

    async fn pass(&self) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        for generation in self.saved {
            let mut points = generation.read(0..generation.points())?;
            loop {
                self.migration.stop.check()?;
                let some: Vec<Point> = points
                    .by_ref()
                    .take(IDS_AT_ONCE)
                    .map(|read| read.map(|(_, point)| point))
                    .collect::<Result<_, _>>()?;
                if some.is_empty() {
                    break;
                }
                self.look_at(some, &mut pass).await?;
            }
        }
        Ok(pass)
    }

    async fn look_at(&self, points: Vec<Point>, pass: &mut Pass) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let mut old = Vec::with_capacity(points.len());
        for point in points {
            // What was gone before our first write was not replaced.
            if ledger.is_saved(&point.id.to_string())? {
                old.push(record(point));
            }
        }
        let ids: Vec<String> = old.iter().map(|(id, _)| id.clone()).collect();
        let stored = look::read(self.index, &ids).await?;
        let mut judged: [Vec<String>; 3] = Default::default();
        let mut back = Vec::new();
        for (id, record) in old {
            let now = stored.get(&id);
            match record {
                None => judged[2].push(id),
                Some(record) if now.is_some_and(|now| stored_digest(now) == record.digest()) => {
                    judged[0].push(id);
                }
                Some(record) => match now {
                    Some(now) if is_written(ledger, now)? => back.push(record),
                    _ => judged[1].push(id),
                },
            }
        }
        let [same, changed, lost] = judged;
        self.found_as_before(same)?;
        ledger.take_back(Written::Overwritten, &changed, TakenBack::Kept)?;
        ledger.take_back(Written::Overwritten, &lost, TakenBack::Lost)?;
        self.send(back, pass).await
    }

    /// What was put back is counted as that when it is found so.
    fn found_as_before(&self, ids: Vec<String>) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let mut unchanged = Vec::new();
        for id in ids {
            if !ledger.is_taken_back(Written::Overwritten, &id, TakenBack::Restored)? {
                unchanged.push(id);
            }
        }
        ledger.take_back(Written::Overwritten, &unchanged, TakenBack::AsBefore)
    }

    async fn send(&self, records: Vec<Record>, pass: &mut Pass) -> Result<(), Error> {
        let ids: Vec<String> = records.iter().map(|record| record.id.to_string()).collect();
        let ledger = &self.migration.ledger;
        ledger.take_back(Written::Overwritten, &ids, TakenBack::Restored)?;
        pass.sent += records.len() as u64;
        if self.migration.is_dry_run() {
            return Ok(());
        }
        let seen: Vec<(VectorId, Digest)> = records
            .iter()
            .map(|record| (record.id.clone(), record.digest()))
            .collect();
        let calls: Vec<_> = bodies(&records)
            .into_iter()
            .map(|body| self.index.upsert(body))
            .collect();
        let _: Vec<MutationId> = stream::iter(calls)
            .buffer_unordered(CALLS_AT_ONCE)
            .try_collect()
            .await?;
        pass.evidence.restored(&seen);
        Ok(())
    }

    /// Of what was replaced and not saved: what still is the migration's is lost.
    async fn tell_lost(&self) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let mut after = String::new();
        loop {
            self.migration.stop.check()?;
            let page = ledger.replaced_after(&after, IDS_AT_ONCE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after.clone_from(last);
            let mut unsaved = Vec::new();
            for id in page {
                if !ledger.is_saved(&id)? {
                    unsaved.push(id);
                }
            }
            self.judge_unsaved(unsaved).await?;
        }
    }

    async fn judge_unsaved(&self, ids: Vec<String>) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let stored = look::read(self.index, &ids).await?;
        for id in ids {
            let outcome = match stored.get(&id) {
                Some(now) if is_written(ledger, now)? => TakenBack::Lost,
                // What was sent and may never have arrived did not replace it.
                Some(_) if !ledger.surely_written(&id)? => TakenBack::AsBefore,
                _ => TakenBack::Kept,
            };
            ledger.take_back(Written::Overwritten, &[id], outcome)?;
        }
        Ok(())
    }
}

fn bodies(records: &[Record]) -> Vec<bytes::Bytes> {
    let mut cutter = Cutter::new(BatchLimits::LARGEST);
    let mut bodies = Vec::new();
    for (ordinal, record) in (0_u64..).zip(records) {
        bodies.extend(cutter.push(ordinal, record).map(|batch| batch.body));
    }
    bodies.extend(cutter.finish().map(|batch| batch.body));
    bodies
}

/// The record that a saved vector was, by its id; none where Vectorize would not
/// take it again.
fn record(point: Point) -> (String, Option<Record>) {
    let id = point.id.to_string();
    let record = again(&id, point.namespace, point.dense, point.payload);
    (id, record)
}

fn again(
    id: &str,
    namespace: Option<String>,
    dense: Vec<Option<Vec<f32>>>,
    payload: Payload,
) -> Option<Record> {
    Some(Record {
        id: VectorId::new(id).ok()?,
        namespace: match namespace {
            Some(name) => Some(Namespace::new(name).ok()?),
            None => None,
        },
        values: dense.into_iter().next()??,
        metadata: Metadata::new(payload).ok()?,
    })
}
