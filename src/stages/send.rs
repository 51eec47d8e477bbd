//! Everything that writes to Vectorize: upsert and settle, and both again for
//! what the index accepted and never applied.

use crate::archive::Generation;
use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::report::Report;
use crate::stages::check::write_rejections;
use crate::stages::context::Migration;
use crate::stages::settle::{Settlement, settle};
use crate::stages::timing::Timing;
use crate::stages::upsert::upsert;
use crate::transform::Transform;

/// Rounds of sending lost batches again: an index that loses half of what it
/// accepts still gets everything.
const ROUNDS: usize = 10;

/// What is sent, and where to.
pub(super) struct Sending<'a> {
    pub(super) migration: &'a Migration,
    pub(super) generation: &'a Generation,
    pub(super) transform: &'a Transform,
    pub(super) index: &'a Vectorize,
    /// Where the rejections are listed; none in a rehearsal.
    pub(super) folder: Option<&'a MigrationFolder>,
}

impl Sending<'_> {
    /// Sends every record and waits until the index has applied them; says how
    /// many this run brought there.
    pub(super) async fn until_settled(&self, report: &mut Report) -> Result<u64, Error> {
        let mut records = 0;
        for _ in 0..ROUNDS {
            self.upsert(report).await?;
            let settlement = self.settle(report).await?;
            records += settlement.records;
            if settlement.lost == 0 {
                return Ok(records);
            }
        }
        Err(
            Error::stopped("the index keeps accepting batches that it never applies")
                .advise("run the same command again later: only what is missing is sent"),
        )
    }

    async fn upsert(&self, report: &mut Report) -> Result<(), Error> {
        let timing = Timing::begin(&self.migration.clock);
        let sent = upsert(self.migration, self.generation, self.transform, self.index).await;
        timing.end(&mut report.seconds.upsert);
        // What Vectorize itself refused is listed whatever else happened.
        if let Some(folder) = self.folder {
            write_rejections(&self.migration.ledger, folder.path())?;
        }
        if let Some(points) = &mut report.points {
            points.rejected = self.migration.ledger.totals()?.rejected;
        }
        sent.map(drop)
    }

    async fn settle(&self, report: &mut Report) -> Result<Settlement, Error> {
        let timing = Timing::begin(&self.migration.clock);
        let settled = settle(self.migration, self.generation, self.transform, self.index).await;
        timing.end(&mut report.seconds.settle);
        settled
    }
}
