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
        assert!("lots".parse::<Size>().unwrap_err().contains("32MiB"));
        assert!("soon".parse::<Pause>().unwrap_err().contains("15m"));
    }
}
