//! How deep verification looks.

use clap::Args;

/// How deep to verify.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verification")]
pub(in crate::cli) struct DepthArgs {
    /// Records whose values are read back and compared [default: 3000]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub sample: Option<usize>,
    /// Which of them, when not all [default: 1]
    #[arg(long, value_name = "SEED")]
    pub sample_seed: Option<u64>,
}

/// Comparing nothing would prove nothing.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 record has to be compared".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{text:?} is not a number: {error}")),
    }
}
