//! How a sandbox behaves: who may call, how late writes apply, what goes wrong.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Budget, FaultRate};

/// What to do where Cloudflare's documentation is silent (the table is in
/// `docs/sandbox.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsettled {
    /// Refuse it: the safer rehearsal.
    #[default]
    Strict,
    /// Accept it.
    Lenient,
}

impl FromStr for Unsettled {
    type Err = ParseUnsettledError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "lenient" => Ok(Self::Lenient),
            _ => Err(ParseUnsettledError(text.to_owned())),
        }
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Lenient => "lenient",
        })
    }
}

/// The text is neither `strict` nor `lenient`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither strict nor lenient")]
pub struct ParseUnsettledError(String);

/// The settings of a sandbox.
#[derive(Clone)]
pub struct SandboxOptions {
    /// The only account id that is accepted; any when none. All accounts share
    /// one state.
    pub account_id: Option<String>,
    /// The only bearer token that is accepted; with none, any token and any
    /// pair of `X-Auth-Email` and `X-Auth-Key`.
    pub token: Option<String>,
    /// How long after its acceptance a Vectorize mutation is applied, in order.
    pub apply_delay: Duration,
    /// How old an answer of KV may be (lists, values, absences); Cloudflare
    /// documents 60 seconds or more.
    pub stale: Duration,
    /// What to do where the documentation is silent.
    pub unsettled: Unsettled,
    /// How many calls the account may make; unlimited when none.
    pub budget: Option<Budget>,
    /// Decides which calls meet a fault.
    pub seed: u64,
    /// Faults met at random.
    pub faults: Vec<FaultRate>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            account_id: None,
            token: None,
            apply_delay: Duration::from_millis(200),
            stale: Duration::ZERO,
            unsettled: Unsettled::default(),
            budget: Some(Budget::default()),
            seed: 0,
            faults: Vec::new(),
        }
    }
}

impl fmt::Debug for SandboxOptions {
    /// Everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("account_id", &self.account_id)
            .field("token", &self.token.as_ref().map(|_| "hidden"))
            .field("apply_delay", &self.apply_delay)
            .field("stale", &self.stale)
            .field("unsettled", &self.unsettled)
            .field("budget", &self.budget)
            .field("seed", &self.seed)
            .field("faults", &self.faults)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_treating_the_unsettled_are_read_back_from_their_text() {
        for way in [Unsettled::Strict, Unsettled::Lenient] {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert!("Strict".parse::<Unsettled>().is_err());
    }

    #[test]
    fn the_token_is_not_printed() {
        let options = SandboxOptions {
            token: Some("geheim".to_owned()),
            ..SandboxOptions::default()
        };
        assert!(!format!("{options:?}").contains("geheim"));
    }
}
