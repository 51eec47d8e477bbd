//! Amounts as people write them: `32MiB`, `95MB`, `15m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(usize);

impl Size {
    /// In bytes.
    pub fn get(self) -> usize {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: bytesize::ByteSize = text
            .parse()
            .map_err(|_| format!("{text:?} is not a size; write it as 32MiB or 95MB"))?;
        usize::try_from(size.as_u64())
            .map(Self)
            .map_err(|_| format!("{text:?} is too large"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pause(Duration);

impl Pause {
    /// As the standard library's type.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Pause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| format!("{text:?} is not a length of time; write it as 90s, 15m or 2h"))
    }
}

impl TryFrom<String> for Pause {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A part of a whole, from nothing to all of it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(f64);

impl Share {
    /// So many in a hundred, at most 100.
    pub fn percent(percent: u8) -> Self {
        Self(f64::from(percent.min(100)) / 100.0)
    }

    /// This part of so many, rounded down.
    pub fn of(self, all: u64) -> u64 {
        // Exact for any collection that Vectorize takes.
        (all as f64 * self.0) as u64
    }

    /// Whether it is all.
    pub fn is_all(self) -> bool {
        self.0 == 1.0
    }

    /// Whether it is none at all.
    pub fn is_none(self) -> bool {
        self.0 == 0.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, of) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim(), 100.0),
            None => (text, 1.0),
        };
        let share = number.parse::<f64>().map(|number| number / of);
        match share {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err(format!("{text:?} is not a share; write it as 1% or 0.01")),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded, because 0.07 × 100 is not quite 7.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!("32MiB".parse::<Size>().unwrap().get(), 32 << 20);
        assert_eq!("95MB".parse::<Size>().unwrap().get(), 95_000_000);
        assert_eq!(
            "15m".parse::<Pause>().unwrap().get(),
            Duration::from_secs(900)
        );
        assert_eq!("1%".parse::<Share>().unwrap(), Share::percent(1));
        assert_eq!("0.07".parse::<Share>().unwrap().to_string(), "7%");
        assert_eq!("0.5%".parse::<Share>().unwrap().of(1_999), 9);
        for text in ["", "-1%", "101%", "1.5", "NaN", "some"] {
            assert!(text.parse::<Share>().unwrap_err().contains("1%"), "{text}");
        }
        assert!("lots".parse::<Size>().unwrap_err().contains("32MiB"));
        assert!("soon".parse::<Pause>().unwrap_err().contains("15m"));
    }
}
