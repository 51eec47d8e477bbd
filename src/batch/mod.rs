//! Records as they are sent: one NDJSON line each, in batches cut by count and
//! by bytes. The same records and limits give the same batches. Sending them,
//! and remembering what was sent, happens elsewhere.

mod cutter;
mod encode;
mod limits;
mod numbers;

pub use cutter::{Batch, Cutter};
pub use encode::encode;
pub use limits::{BatchLimitError, BatchLimits, MAX_BATCH_BYTES, MAX_BATCH_COUNT};
