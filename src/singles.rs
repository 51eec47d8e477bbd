//! The numbers of a JSON array as f32, from their text at once: through f64 they would
//! be rounded twice. It reads what services answer, where thousands of numbers make an
//! answer, and neither knows services nor checks JSON.

/// The powers of ten that f64 holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// The digits of f64's fraction behind those of f32's.
const TAIL: u64 = (1 << 29) - 1;
/// A tail in the middle between two f32.
const HALFWAY: u64 = 1 << 28;
/// So near to the middle it is not certain on which side of it the number lies: a
/// quotient is off by at most two steps of f64, one by its numerator and one of its own.
const UNCERTAIN: u64 = 4;

/// The numbers of the array that `text` is; none where something else is in it, or it is
/// no array. That it is JSON is known.
pub(crate) fn singles(text: &str) -> Option<Vec<f32>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut rest = inner.as_bytes().trim_ascii();
    let mut numbers = Vec::with_capacity(rest.len() / 8);
    while !rest.is_empty() {
        let (number, length) = number(rest)?;
        numbers.push(number);
        rest = match rest[length..].trim_ascii_start() {
            [b',', behind @ ..] => behind.trim_ascii_start(),
            [] => break,
            _ => return None,
        };
    }
    Some(numbers)
}

/// The number that the text begins with, and its length.
fn number(text: &[u8]) -> Option<(f32, usize)> {
    if let Some(read) = short(text) {
        return Some(read);
    }
    // JSON's numbers begin with these, and so do none of its other values.
    if !matches!(text.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let ends = |byte: &u8| *byte == b',' || byte.is_ascii_whitespace();
    let length = text.iter().position(ends).unwrap_or(text.len());
    let number = str::from_utf8(&text[..length]).ok()?;
    Some((number.parse().ok()?, length))
}

/// A number without an exponent and with few digits, which is nearly every one: their
/// value divided by a power of ten, as f64, is near enough to know the nearest f32, but
/// in the middle between two. None for all others.
fn short(text: &[u8]) -> Option<(f32, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let begin = usize::from(is_negative);
    let (whole, point) = digits(text, begin, 0)?;
    let (value, end) = match text.get(point) {
        Some(b'.') => digits(text, point + 1, whole)?,
        _ => (whole, point),
    };
    let has_ended = text.get(end).is_none_or(|byte| *byte == b',');
    if !has_ended || point == begin {
        return None;
    }
    let decimals = (end - point).saturating_sub(1);
    let near = value as f64 / TENS.get(decimals)?;
    if (near.to_bits() & TAIL).abs_diff(HALFWAY) <= UNCERTAIN {
        return None;
    }
    let single = near as f32;
    Some((if is_negative { -single } else { single }, end))
}

/// The digits from `at` on, behind those of `value`, and where they end; none where they
/// are more than fit.
fn digits(text: &[u8], mut at: usize, mut value: u64) -> Option<(u64, usize)> {
    while let Some(eight) = text.get(at..)?.first_chunk().and_then(eight_digits) {
        value = value.checked_mul(100_000_000)?.checked_add(eight)?;
        at += 8;
    }
    while let Some(digit @ 0..=9) = text.get(at).map(|byte| byte.wrapping_sub(b'0')) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        at += 1;
    }
    Some((value, at))
}

/// Eight digits at once, which takes a third less time than one after the other: first
/// neighbours become pairs, then pairs become fours, then these the whole. None where
/// one is no digit.
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(*text);
    let digits = text.wrapping_sub(EACH * u64::from(b'0'));
    // Below '0' the difference has its highest bit; above '9' this sum has it.
    let above = text.wrapping_add(EACH * u64::from(127 - b'9'));
    if (digits | above) & (EACH << 7) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn single(text: &str) -> f32 {
        let numbers = singles(&format!("[{text}]")).unwrap();
        assert_eq!(numbers.len(), 1, "{text}");
        numbers[0]
    }

    fn same(text: &str) {
        let expected: f32 = text.parse().unwrap();
        assert_eq!(single(text).to_bits(), expected.to_bits(), "{text}");
    }

    #[test]
    fn arrays_of_numbers_are_read_and_nothing_else() {
        assert_eq!(singles("[]"), Some(vec![]));
        assert_eq!(singles("[ ]"), Some(vec![]));
        assert_eq!(singles("[1, -0.25 ,\n3e-1\t]"), Some(vec![1.0, -0.25, 0.3]));
        for text in [
            "7",
            "{}",
            "[null]",
            "[\"1\"]",
            "[\"1,2\"]",
            "[[1]]",
            "[true]",
            "[1,\"2\"]",
            "[1,{\"a\":2}]",
        ] {
            assert_eq!(singles(text), None, "{text}");
        }
    }

    #[test]
    fn zeros_keep_their_sign_and_ends_of_the_range_are_what_they_are() {
        assert_eq!(single("-0.0").to_bits(), (-0.0_f32).to_bits());
        assert_eq!(single("-0").to_bits(), (-0.0_f32).to_bits());
        for text in [
            "0",
            "1e-45",
            "1.1754944e-38",
            "3.4028235e38",
            "1e39",
            "-1e400",
            "9999999999999999999",
            "99999999999999999999",
            "0.0000000000000000000001",
            "0.000000000000000001",
            "18446744073709551615",
            "18446744073709551616",
            "1.00000005960464477540",
        ] {
            same(text);
        }
    }

    /// Texts in the middle between two neighbours, and right beside it.
    #[test]
    fn a_number_near_the_middle_of_two_is_rounded_as_its_last_digit_says() {
        for bits in (0..4_000_u32).map(|step| 0x3400_0000 + step * 10_007) {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = f64::midpoint(f64::from(low), f64::from(high));
            for places in [8, 12, 15, 16, 17, 18, 30, 60] {
                let text = format!("{middle:.places$}");
                same(&text);
                same(&format!("{text}1"));
            }
        }
    }

    #[test]
    fn eight_bytes_are_digits_or_none() {
        for (text, number) in [
            (b"00000000", 0),
            (b"12345678", 12_345_678),
            (b"99999999", 99_999_999),
        ] {
            assert_eq!(eight_digits(text), Some(number));
        }
        for (place, byte) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut text = *b"31415926";
            text[place] = byte;
            let expected = byte
                .is_ascii_digit()
                .then(|| str::from_utf8(&text).unwrap());
            let expected = expected.map(|digits| digits.parse().unwrap());
            assert_eq!(eight_digits(&text), expected, "{byte} at {place}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn every_number_is_what_the_standard_library_makes_of_it(
            text in "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        ) {
            same(&text);
        }

        #[test]
        fn every_float_widened_or_shortest_reads_back_bit_for_bit(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{:?}", f64::from(value)), format!("{value:?}"), format!("{value}")] {
                prop_assert_eq!(single(&text).to_bits(), bits, "{}", text);
            }
        }
    }

    #[test]
    #[ignore = "minutes in a release build: cargo test --release --lib every_single -- --ignored"]
    fn every_single_reads_back_from_its_shortest_text() {
        let mut buffer = zmij::Buffer::new();
        for value in (0..=u32::MAX)
            .map(f32::from_bits)
            .filter(|value| value.is_finite())
        {
            let text = buffer.format_finite(value);
            let (read, length) = number(text.as_bytes()).unwrap();
            assert_eq!(
                (read.to_bits(), length),
                (value.to_bits(), text.len()),
                "{text}"
            );
        }
    }
}
