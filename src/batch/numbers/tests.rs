use std::thread;

use proptest::prelude::*;

use super::*;

fn ours(values: &[f32]) -> String {
    let mut out = Vec::new();
    encode_numbers(values, &mut out);
    String::from_utf8(out).unwrap()
}

fn general(values: &[f32]) -> String {
    let mut buffer = zmij::Buffer::new();
    let texts = values.iter().map(|value| {
        let text = buffer.format_finite(*value);
        text.strip_suffix(".0").unwrap_or(text).to_owned()
    });
    texts.collect::<Vec<_>>().join(",")
}

/// Compares the numbers with these bits, what is not finite left out.
fn compare(bits: impl Iterator<Item = u32>) {
    let all = bits.map(f32::from_bits);
    let finite: Vec<f32> = all.filter(|value| value.is_finite()).collect();
    if ours(&finite) != general(&finite) {
        for value in finite {
            assert_eq!(ours(&[value]), general(&[value]), "{:#x}", value.to_bits());
        }
    }
}

#[test]
fn numbers_are_separated_and_whole_ones_have_no_point() {
    assert_eq!(ours(&[]), "");
    assert_eq!(
        ours(&[0.25, -0.1, 1.0, 0.0, 0.012_345_678]),
        "0.25,-0.1,1,0,0.012345678"
    );
}

#[test]
fn the_short_way_gives_what_the_general_one_gives() {
    // Every exponent with mantissas from end to end, 4,099 being a prime.
    compare((0..=u32::MAX).step_by(4_099));
    let edges = (0..=u32::MAX >> 23).map(|exponent| exponent << 23);
    compare(
        edges.flat_map(|edge| (0..64).map(move |near| edge.wrapping_add(near).wrapping_sub(32))),
    );
}

#[test]
fn few_digits_stay_few() {
    let decimals = (1..10_000_u32).map(|number| number as f32 / 10_000.0);
    compare(decimals.map(f32::to_bits));
}

#[test]
#[ignore = "takes minutes; run it in a release build: cargo test --release --lib every_f32 -- --ignored"]
fn every_f32_is_written_as_the_general_way_writes_it() {
    const STEP: u32 = 1 << 12;
    let half = |first: u32| {
        (0..1 << 19).for_each(|step| {
            let from = first + step * STEP;
            compare(from..=from + (STEP - 1));
        });
    };
    thread::scope(|scope| {
        scope.spawn(|| half(0));
        scope.spawn(|| half(1 << 31));
    });
}

proptest! {
    #[test]
    fn the_text_gives_the_same_bits(values in prop::collection::vec(-1.0_f32..1.0, 1..200)) {
        let text = ours(&values);
        let read: Vec<f32> = text.split(',').map(|number| number.parse().unwrap()).collect();
        prop_assert_eq!(read, values);
    }
}
