//! The archive: a faithful copy of a source's points in generations of sealed
//! Parquet parts, each generation with a manifest. `docs/archive.md` is the
//! format; [`GenerationWriter`] fills a generation and goes on after a kill,
//! [`Generation`] reads a complete one. Nothing here knows a source or Vectorize.

mod chosen;
mod copies;
mod decode;
mod encode;
mod error;
mod files;
mod generation;
mod manifest;
mod part_reader;
mod part_writer;
mod repair;
mod root;
mod runs;
mod schema;
mod superseded;
#[cfg(test)]
mod tests;
mod writer;

pub use chosen::Chosen;
pub use error::ArchiveError;
pub use generation::{Generation, PartDamage, PointReader};
pub use manifest::{Checksum, GenerationNumber, Manifest, NamespaceCount, Part, State};
pub use repair::{PartRepair, Rewritten};
pub use root::Archive;
pub use runs::{NotARun, Run, Runs};
pub(crate) use schema::CREATED_BY;
pub use superseded::{NotOrdinals, Superseded};
pub use writer::{GenerationWriter, Resume, SealedPart};

/// The most bytes of a part file (a single point that is larger still gets its
/// part, and a page that can only be resumed as a whole is never split).
pub const MAX_PART_BYTES: usize = 64 << 20;
/// The most bytes of a row group (a single larger point gets one of its own).
pub const MAX_ROW_GROUP_BYTES: usize = 16 << 20;
