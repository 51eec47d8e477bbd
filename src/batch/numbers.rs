//! Vectors as JSON text: every f32 in the fewest digits that give the same bits.
//!
//! The numbers of embeddings lie almost all between 2^-16 and 1. There a short way
//! leads to the text, without a branch that depends on the digits ([`Fraction`]). All
//! other numbers take the general way, zmij's, which gives the same text for these too:
//! a test compares both over all 2^32 bit patterns. `docs/performance.md` has what it
//! saves.

/// Numbers that are written before their text is moved to its place.
const CHUNK: usize = 64;
/// The longest text of a number, as zmij's buffer has it, with room for a comma.
const WIDEST: usize = 32;

/// Appends the numbers, separated by commas; whole ones are written without a point.
pub(super) fn encode_numbers(values: &[f32], out: &mut Vec<u8>) {
    let mut text = Text::new();
    for chunk in values.chunks(CHUNK) {
        chunk.iter().for_each(|value| text.push(*value));
        out.extend_from_slice(text.take());
    }
    if !values.is_empty() {
        // The comma behind the last one.
        out.pop();
    }
}

/// Numbers and a comma behind each, on their way.
struct Text {
    bytes: [u8; CHUNK * WIDEST],
    end: usize,
}

impl Text {
    fn new() -> Self {
        Self {
            bytes: [0; CHUNK * WIDEST],
            end: 0,
        }
    }

    /// What was pushed; there is nothing afterwards.
    fn take(&mut self) -> &[u8] {
        let end = std::mem::take(&mut self.end);
        &self.bytes[..end]
    }

    #[inline]
    fn push(&mut self, value: f32) {
        match Fraction::of(value) {
            Some(fraction) => self.push_fraction(value.is_sign_negative(), fraction),
            None => self.push_any(value),
        }
    }

    /// Writes sign, point, all twelve digits, and a comma over the first trailing zero:
    /// always the same steps, however many digits are left.
    #[inline]
    fn push_fraction(&mut self, is_negative: bool, fraction: Fraction) {
        let digits = fraction.digits();
        let room = &mut self.bytes[self.end..self.end + WIDEST];
        room[0] = b'-';
        let text = &mut room[usize::from(is_negative)..];
        text[..2].copy_from_slice(b"0.");
        text[2..6].copy_from_slice(&digits.first.to_le_bytes());
        text[6..14].copy_from_slice(&digits.last.to_le_bytes());
        text[2 + digits.count] = b',';
        self.end += usize::from(is_negative) + 3 + digits.count;
    }

    #[cold]
    fn push_any(&mut self, value: f32) {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let text = text.strip_suffix(".0").unwrap_or(text);
        let room = &mut self.bytes[self.end..];
        room[..text.len()].copy_from_slice(text.as_bytes());
        room[text.len()] = b',';
        self.end += text.len() + 1;
    }
}

/// The first twelve decimals of a number between 0 and 1, which are all it has.
#[derive(Debug, Clone, Copy)]
struct Fraction(u64);

impl Fraction {
    const DECIMALS: u32 = 12;

    /// The shortest decimal that is nearest to |`value`| among those that give its bits;
    /// none outside of 2^-16 to 1, and none for a power of two, below which the
    /// neighbour is nearer than above.
    ///
    /// Scaled so that the last place of the mantissa is worth 1 to 10, the interval that
    /// rounds to `value` holds an integer, and at most one multiple of ten, which is the
    /// shortest where there is one. With at most 12 decimals everything up to the
    /// comparison is exact in f64: a mantissa of 24 bits times 5^12, of 28. The ends of
    /// the interval are never integers (they have more binary places than 10^12 has
    /// factors of two), so that it does not matter whether they belong to it.
    #[inline]
    fn of(value: f32) -> Option<Self> {
        let bits = value.to_bits();
        let scale = Scale::of_exponent((bits >> 23) & 0xff)?;
        if bits & 0x7f_ffff == 0 {
            return None;
        }
        let scaled = f64::from(value.abs()) * scale.power;
        let tens = rounded(scaled * 0.1) * 10.0;
        let is_inside = (scaled - tens).abs() < scale.half_place;
        let shortest = if is_inside { tens } else { rounded(scaled) };
        Some(Self(to_integer(shortest * scale.to_decimals)))
    }

    #[inline]
    fn digits(self) -> Digits {
        let group = |number: u64| DIGITS[number as usize];
        let last = self.0 % 100_000_000;
        let first = group(self.0 / 100_000_000);
        let last = u64::from(group(last / 10_000)) | (u64::from(group(last % 10_000)) << 32);
        // The last digit is in the highest byte.
        let trailing_zeros = match last {
            0 => 8 + first.leading_zeros() / 8,
            last => last.leading_zeros() / 8,
        };
        Digits {
            first: first | 0x3030_3030,
            last: last | 0x3030_3030_3030_3030,
            count: (Self::DECIMALS - trailing_zeros) as usize,
        }
    }
}

/// Twelve digits in ASCII, the foremost in the lowest byte.
struct Digits {
    first: u32,
    last: u64,
    /// How many there are without trailing zeros.
    count: usize,
}

/// What the numbers of one binary exponent are scaled with.
#[derive(Clone, Copy)]
struct Scale {
    /// The power of ten that makes the mantissa's last place worth 1 to 10.
    power: f64,
    /// Half of that place, scaled.
    half_place: f64,
    /// The power of ten from there to [`Fraction::DECIMALS`].
    to_decimals: f64,
}

impl Scale {
    /// Of 2^-16, biased; below it more than 12 decimals are needed.
    const FIRST: u32 = 127 - 16;
    const ALL: [Self; 16] = {
        let mut all = [Self::of_place(1.0); 16];
        let mut exponent = 0;
        // Of the mantissa of 2^-16.
        let mut place = 1.0 / (1_u64 << (16 + 23)) as f64;
        while exponent < all.len() {
            all[exponent] = Self::of_place(place);
            place *= 2.0;
            exponent += 1;
        }
        all
    };

    /// Exact: all are integers below 2^53, or powers of two times such.
    const fn of_place(place: f64) -> Self {
        let mut power = 1.0;
        let mut to_decimals = 1e12;
        while place * power < 1.0 {
            power *= 10.0;
            to_decimals /= 10.0;
        }
        Self {
            power,
            half_place: place * power / 2.0,
            to_decimals,
        }
    }

    #[inline]
    fn of_exponent(biased: u32) -> Option<Self> {
        let position = biased.wrapping_sub(Self::FIRST);
        Self::ALL.get(position as usize).copied()
    }
}

/// 1.5 × 2^52: what is added to it loses all binary places behind the point.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// To the nearest integer, to the even one of two; for less than 2^51.
#[inline]
fn rounded(number: f64) -> f64 {
    (number + WHOLE) - WHOLE
}

/// An integer below 2^51 in its other form.
#[inline]
fn to_integer(number: f64) -> u64 {
    (number + WHOLE).to_bits() & ((1 << 51) - 1)
}

/// The numbers of four digits, digit by digit, the foremost in the lowest byte.
static DIGITS: [u32; 10_000] = {
    let mut all = [0; 10_000];
    let mut number = 0;
    while number < all.len() {
        let n = number as u32;
        all[number] =
            (n / 1_000) | ((n / 100 % 10) << 8) | ((n / 10 % 10) << 16) | ((n % 10) << 24);
        number += 1;
    }
    all
};

#[cfg(test)]
mod tests;
