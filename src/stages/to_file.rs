//! Archive → NDJSON in Vectorize's own form, which other tools can upload too.

use std::io::{self, BufWriter, Write};

use crate::archive::Generation;
use crate::batch::encode;
use crate::disk::Trouble;
use crate::error::{Error, Kind};
use crate::progress::Step;
use crate::stages::check::{Files, check};
use crate::stages::context::Migration;
use crate::stages::records::Records;
use crate::stages::{changes, left_behind, remarks};
use crate::transform::Transform;

/// Writes every record of the generation, a line each; the ledger then knows
/// the rejections.
pub fn to_file(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    out: &mut dyn Write,
) -> Result<(), Error> {
    check(migration, generation, transform, Files::NotIndexed)?;
    remarks::of_check(migration, Files::NotIndexed)?;
    left_behind::warn(migration)?;
    changes::tell(
        migration,
        &changes::facts(&migration.ledger, transform.mapping())?,
    );
    let Some(last) = generation.points().checked_sub(1) else {
        return Ok(());
    };
    migration.begin(Step::Transform, Some(generation.count()));
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut line = Vec::new();
    let mut records = 0_u64;
    for record in Records::new(&migration.ledger, generation, transform, 0..=last) {
        let (_, record) = record?;
        line.clear();
        encode(&record, &mut line);
        out.write_all(&line).map_err(explain)?;
        records += 1;
        migration.progress.advance(Step::Transform, 1);
        if records.is_multiple_of(1_024) {
            migration.stop.check()?;
        }
    }
    out.flush().map_err(explain)?;
    migration
        .progress
        .end(Step::Transform, &format!("{records} records written"));
    Ok(())
}

fn explain(error: io::Error) -> Error {
    let (kind, advice) = Trouble::of(&error).end().unwrap_or((
        Kind::Failed,
        "see the reason given, or write to another place",
    ));
    Error::new(kind, "the records could not be written")
        .advise(advice)
        .because(error)
}
