//! How much of the account and of the line we may take, as people write it:
//! `1000`, `10MB/s`, `80Mbit/s`, `off`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

use crate::http::Bandwidth;

/// What takes a limit away.
const OFF: &str = "off";

/// Calls that we may make in any five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiBudget {
    /// As many as we like: for what is no account of Cloudflare's.
    Off,
    /// So many.
    Calls(u32),
}

impl FromStr for ApiBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            OFF => Ok(Self::Off),
            calls => calls.parse().map(Self::Calls).map_err(|_| {
                format!("{text:?} is not a number of calls; write 1 to 1200, or off for a sandbox")
            }),
        }
    }
}

impl fmt::Display for ApiBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str(OFF),
            Self::Calls(calls) => calls.fmt(f),
        }
    }
}

/// A number as well as a text, because a settings file has both.
impl<'de> Deserialize<'de> for ApiBudget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = ApiBudget;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of calls, or \"off\"")
            }

            fn visit_i64<E: serde::de::Error>(self, calls: i64) -> Result<ApiBudget, E> {
                calls.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ApiBudget, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Bytes that we may send in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxBandwidth {
    /// As many as the line takes.
    Off,
    /// So many.
    At(Bandwidth),
}

impl MaxBandwidth {
    /// The limit, where there is one.
    pub fn get(self) -> Option<Bandwidth> {
        match self {
            Self::Off => None,
            Self::At(bandwidth) => Some(bandwidth),
        }
    }
}

impl FromStr for MaxBandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self::Off);
        }
        let bytes = bytes_per_second(text).ok_or_else(|| {
            format!(
                "{text:?} is not a rate; write it in bytes as 10MB/s or in bits as 80Mbit/s, or off"
            )
        })?;
        let slowest = Bandwidth::SLOWEST.bytes_per_second();
        Bandwidth::new(bytes).map(Self::At).ok_or_else(|| {
            format!("{text:?} is too slow: a batch would not arrive before its call is given up; the least is {}KB/s", slowest / 1_000)
        })
    }
}

impl<'de> Deserialize<'de> for MaxBandwidth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Bytes are `B` and bits are `bit` or `b`; where the case leaves that open (`mb/s`)
/// it is no rate. Thousands, or with an `i` powers of 1,024.
fn bytes_per_second(text: &str) -> Option<u64> {
    let amount = ["/s", "ps"].iter().find_map(|end| text.strip_suffix(end))?;
    let units = [("bit", 1.0 / 8.0), ("b", 1.0 / 8.0), ("B", 1.0)];
    let (amount, unit) = units
        .iter()
        .find_map(|(name, bytes)| Some((amount.strip_suffix(name)?, bytes)))?;
    let (amount, binary) = match amount.strip_suffix('i') {
        Some(amount) => (amount, true),
        None => (amount, false),
    };
    let (amount, power) = match amount.char_indices().next_back()? {
        (at, 'k' | 'K') => (&amount[..at], 1),
        (at, 'M') => (&amount[..at], 2),
        (at, 'G') => (&amount[..at], 3),
        _ if binary => return None,
        _ => (amount, 0),
    };
    let thousand: f64 = if binary { 1_024.0 } else { 1_000.0 };
    let number: f64 = amount.trim().parse().ok()?;
    let bytes = number * thousand.powi(power) * unit;
    // A terabyte a second is as good as no limit, and every rate below is exact.
    (bytes >= 0.0).then(|| bytes.min(1e12) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Result<MaxBandwidth, String> {
        text.parse()
    }

    #[test]
    fn rates_read_as_people_write_them() {
        for (text, bytes) in [
            ("10MB/s", 10_000_000),
            ("10 MB/s", 10_000_000),
            ("10MBps", 10_000_000),
            ("1.5MiB/s", 1_572_864),
            ("512KiB/s", 524_288),
            ("250kB/s", 250_000),
            ("200000B/s", 200_000),
            ("80Mbit/s", 10_000_000),
            ("80Mbps", 10_000_000),
            ("1Gbit/s", 125_000_000),
            ("2Gb/s", 250_000_000),
            ("9999GB/s", 1_000_000_000_000),
        ] {
            let MaxBandwidth::At(found) = rate(text).unwrap() else {
                panic!("{text} is a limit");
            };
            assert_eq!(found.bytes_per_second(), bytes, "{text}");
        }
        assert_eq!(rate("off").unwrap(), MaxBandwidth::Off);
    }

    #[test]
    fn what_could_be_bits_or_bytes_and_what_is_no_rate_is_refused_with_both_forms() {
        for text in [
            "", "10", "10MB", "10mb/s", "fast", "/s", "B/s", "-1MB/s", "10iB/s", "NaNMB/s", "MB/s",
            "ß/s",
        ] {
            let told = rate(text).unwrap_err();
            assert!(
                told.contains("10MB/s") && told.contains("80Mbit/s"),
                "{told}"
            );
        }
        let told = rate("500kbit/s").unwrap_err();
        assert!(told.contains("the least is 100KB/s"), "{told}");
    }

    #[test]
    fn a_budget_is_a_number_or_off_on_the_command_line_and_in_a_file() {
        #[derive(Deserialize)]
        struct File {
            budget: ApiBudget,
        }
        let read = |text: &str| toml::from_str::<File>(text).map(|file| file.budget);
        assert_eq!("1000".parse(), Ok(ApiBudget::Calls(1_000)));
        assert_eq!("off".parse(), Ok(ApiBudget::Off));
        assert_eq!(read("budget = 900").unwrap(), ApiBudget::Calls(900));
        assert_eq!(read("budget = \"off\"").unwrap(), ApiBudget::Off);
        for text in ["none", "-1", "1e3", ""] {
            let told = text.parse::<ApiBudget>().unwrap_err();
            assert!(told.contains("or off"), "{told}");
        }
        assert!(read("budget = -1").is_err());
        assert!(read("budget = true").is_err());
    }
}
