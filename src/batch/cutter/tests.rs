use proptest::prelude::*;

use super::*;
use crate::batch::encode::tests::record;

fn cut(limits: BatchLimits, records: &[(u64, Record)]) -> Vec<Batch> {
    let mut cutter = Cutter::new(limits);
    let mut batches = Vec::new();
    for (ordinal, record) in records {
        batches.extend(cutter.push(*ordinal, record));
    }
    batches.extend(cutter.finish());
    assert_eq!(cutter.finish(), None);
    batches
}

fn line_of(record: &Record) -> Vec<u8> {
    let mut line = Vec::new();
    encode(record, &mut line);
    line
}

fn limits(bytes: usize, count: usize) -> BatchLimits {
    BatchLimits::new(bytes, count).unwrap()
}

/// Records of 30 bytes each, final LF included, with ordinals from 10 on.
fn thirty_byte_records(count: u64) -> Vec<(u64, Record)> {
    (10..10 + count)
        .map(|ordinal| (ordinal, record(&ordinal.to_string(), vec![1.0, 0.25], "{}")))
        .inspect(|(_, record)| assert_eq!(line_of(record).len(), 30))
        .collect()
}

#[test]
fn no_records_give_no_batch() {
    assert_eq!(cut(BatchLimits::LARGEST, &[]), []);
}

#[test]
fn a_batch_ends_at_the_count() {
    let batches = cut(limits(1_000_000, 3), &thirty_byte_records(7));
    let ranges: Vec<_> = batches
        .iter()
        .map(|batch| (batch.first, batch.last, batch.count))
        .collect();
    assert_eq!(ranges, [(10, 12, 3), (13, 15, 3), (16, 16, 1)]);
}

#[test]
fn a_batch_ends_at_the_byte_and_the_missing_final_lf_is_not_counted() {
    for (bytes, counts) in [
        (89, &[3, 3, 1][..]),
        (88, &[2, 2, 2, 1]),
        (59, &[2, 2, 2, 1]),
        (58, &[1; 7]),
    ] {
        let batches = cut(limits(bytes, 100), &thirty_byte_records(7));
        let found: Vec<_> = batches.iter().map(|batch| batch.count).collect();
        assert_eq!(found, counts, "{bytes}");
    }
}

#[test]
fn a_record_over_the_byte_limit_goes_alone() {
    let big = record("big", vec![], &format!(r#"{{"t":"{}"}}"#, "x".repeat(200)));
    let mut records = thirty_byte_records(4);
    records.insert(2, (11, big));
    for (position, (ordinal, _)) in records.iter_mut().enumerate() {
        *ordinal = position as u64;
    }
    let batches = cut(limits(100, 10), &records);
    let counts: Vec<_> = batches.iter().map(|batch| batch.count).collect();
    assert_eq!(counts, [2, 1, 2]);
    assert!(batches[1].body.len() > 100);
}

#[test]
fn a_body_holds_no_more_memory_than_its_bytes() {
    let mut cutter = Cutter::new(BatchLimits::LARGEST);
    for (ordinal, record) in thirty_byte_records(9) {
        assert_eq!(cutter.push(ordinal, &record), None);
    }
    let batch = cutter.finish().unwrap();
    let body = batch.body.try_into_mut().unwrap();
    assert!(body.capacity() < body.len() + 16);
}

#[test]
fn a_sent_body_becomes_room_for_what_follows() {
    let mut cutter = Cutter::new(limits(100, 2));
    let mut records = thirty_byte_records(4).into_iter();
    let mut push = |cutter: &mut Cutter| {
        let (ordinal, record) = records.next().unwrap();
        cutter.push(ordinal, &record)
    };
    assert_eq!((push(&mut cutter), push(&mut cutter)), (None, None));
    let body = push(&mut cutter).unwrap().body;
    let (room, text) = (body.as_ptr(), body.clone());
    cutter.reuse(text);
    assert_ne!(cutter.lines.as_ptr(), room, "it is still read");
    cutter.reuse(body);
    assert_eq!(cutter.lines.as_ptr(), room);
    assert_eq!(push(&mut cutter), None);
    let batch = cutter.finish().unwrap();
    assert_eq!((batch.first, batch.last, batch.count), (12, 13, 2));
    let lines = batch.body.split(|byte| *byte == b'\n');
    assert!(lines.into_iter().all(|line| line.starts_with(b"{\"id\"")));
}

#[test]
fn a_range_cut_under_the_largest_limits_is_the_batch_it_was() {
    let records = thirty_byte_records(9);
    for batch in cut(limits(100, 2), &records) {
        let range: Vec<_> = records
            .iter()
            .filter(|(ordinal, _)| (batch.first..=batch.last).contains(ordinal))
            .cloned()
            .collect();
        assert_eq!(cut(BatchLimits::LARGEST, &range), [batch]);
    }
}

fn any_records() -> impl Strategy<Value = Vec<(u64, Record)>> {
    let one = (1_u64..4, "[a-zé\n]{1,9}", 0_usize..6, 0_usize..200);
    prop::collection::vec(one, 0..40).prop_map(|parts| {
        let mut ordinal = 0;
        parts
            .into_iter()
            .map(|(step, id, dimensions, text)| {
                ordinal += step;
                let metadata = format!(r#"{{"t":"{}"}}"#, "x".repeat(text));
                (ordinal, record(&id, vec![0.1; dimensions], &metadata))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn batches_are_all_records_in_order_and_never_over_a_limit(
        records in any_records(),
        bytes in 1_usize..1_500,
        count in 1_usize..8,
    ) {
        let batches = cut(limits(bytes, count), &records);
        let mut rest = records.as_slice();
        for batch in &batches {
            prop_assert!(batch.count >= 1 && batch.count <= count);
            prop_assert!(batch.body.len() <= bytes || batch.count == 1);
            let (own, after) = rest.split_at(batch.count);
            let mut lines: Vec<u8> = own.iter().flat_map(|(_, record)| line_of(record)).collect();
            prop_assert_eq!(lines.pop(), Some(b'\n'));
            prop_assert_eq!(&batch.body[..], &lines[..]);
            prop_assert_eq!((batch.first, batch.last), (own[0].0, own[batch.count - 1].0));
            rest = after;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn a_batch_ends_only_where_the_next_record_had_no_room(
        records in any_records(),
        bytes in 1_usize..1_500,
        count in 1_usize..8,
    ) {
        let batches = cut(limits(bytes, count), &records);
        for pair in batches.windows(2) {
            let next = pair[1].body.split(|byte| *byte == b'\n').next().unwrap();
            let joined = pair[0].body.len() + 1 + next.len();
            prop_assert!(pair[0].count == count || joined > bytes);
        }
    }

    #[test]
    fn the_same_records_are_cut_alike(records in any_records(), bytes in 1_usize..1_500) {
        let limits = limits(bytes, 5);
        prop_assert_eq!(cut(limits, &records), cut(limits, &records));
    }
}
