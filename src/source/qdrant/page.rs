//! How many points a page of Qdrant's begins with, and what a point weighs.

use serde_json::Value;

use crate::point::{Payload, Point};
use crate::source::page_size::PageSize;

/// What a page should weigh (contract: 2 to 8 MB).
const TARGET_BYTES: usize = 2 << 20;
/// What the vectors of the very first page may weigh: 256 points of 1,536 numbers.
const FIRST_BYTES: usize = 256 * 1_536 * 4;
/// The first page's most points, because payloads are not known yet.
const FIRST_LIMIT: u32 = 256;
/// Beyond this a page gains nothing and a server has to hold it.
const MOST: u32 = 4_096;

/// For points of `numbers` vector elements each; `allowed` is the server's own
/// maximum, where it has one.
pub(super) fn page_size(numbers: usize, allowed: Option<u32>) -> PageSize {
    let fitting = FIRST_BYTES / numbers.saturating_mul(4).max(1);
    let first = u32::try_from(fitting).unwrap_or(u32::MAX).min(FIRST_LIMIT);
    PageSize::new(first, MOST.min(allowed.unwrap_or(MOST)), TARGET_BYTES)
}

/// About how many bytes a point takes on the wire and in memory.
pub(super) fn weight(point: &Point) -> usize {
    let dense: usize = point.dense.iter().flatten().map(|v| v.len() * 4).sum();
    let sparse: usize = point
        .sparse
        .iter()
        .flatten()
        .map(|v| v.values.len() * 8)
        .sum();
    dense + sparse + object_weight(&point.payload) + 32
}

fn object_weight(object: &Payload) -> usize {
    let entries = object.iter();
    entries
        .map(|(key, value)| key.len() + value_weight(value))
        .sum()
}

fn value_weight(value: &Value) -> usize {
    8 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_weight).sum(),
        Value::Object(object) => object_weight(object),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_depends_on_the_width_of_the_vectors() {
        assert_eq!(page_size(1_536, None).limit(), 256);
        assert_eq!(page_size(3_072, None).limit(), 128);
        assert_eq!(page_size(64, None).limit(), 256);
        assert_eq!(page_size(0, None).limit(), 256);
        assert_eq!(page_size(usize::MAX, None).limit(), 1);
    }

    #[test]
    fn the_servers_maximum_is_kept() {
        let mut size = page_size(64, Some(100));
        assert_eq!(size.limit(), 100);
        size.came(100, 100, 100);
        assert_eq!(size.limit(), 100);
        assert_eq!(page_size(64, Some(0)).limit(), 1);
    }
}
