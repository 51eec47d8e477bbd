//! Record → the line that is sent.

use cf_migrate::batch;
use cf_migrate::record::Record;

use crate::measure::{Part, cpu_of, memory_copy};
use crate::transform::records;

const POINTS: usize = 2_000;

/// Records → NDJSON.
pub(crate) fn encode(name: &'static str) -> Part {
    let records = records(POINTS);
    let numbers: Vec<Vec<f32>> = records.iter().map(|record| record.values.clone()).collect();
    let mut lines = Vec::new();
    encode_all(&records, &mut lines);
    let (capacity, copied) = (lines.len(), memory_copy(lines));
    let mut text = Vec::with_capacity(capacity);
    Part::new(name, (POINTS, "vector"), {
        let mut lines = Vec::with_capacity(capacity);
        move || {
            lines.clear();
            cpu_of(|| encode_all(&records, &mut lines))
        }
    })
    .beside("bare formatting", move || {
        text.clear();
        cpu_of(|| {
            numbers
                .iter()
                .for_each(|values| format_bare(values, &mut text))
        })
    })
    .beside("memory copy", copied)
}

fn encode_all(records: &[Record], out: &mut Vec<u8>) {
    records.iter().for_each(|record| batch::encode(record, out));
}

/// With the fastest crate there is for it.
fn format_bare(values: &[f32], out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    for value in values {
        out.extend_from_slice(buffer.format_finite(*value).as_bytes());
        out.push(b',');
    }
}
