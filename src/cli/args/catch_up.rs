//! How a migration follows a source that goes on changing.

use std::num::NonZeroU32;

use clap::Args;

use crate::settings::Pause;

/// How a migration that is complete follows its source.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Catching up")]
pub(in crate::cli) struct CatchUpArgs {
    /// Repeat the run every so often until stopped, as 15m; what is new or changed is sent
    #[arg(long, value_name = "EVERY", conflicts_with = "final_pass")]
    pub follow: Option<Pause>,
    /// The last pass before the switch-over: read the source once more, and seal the folder
    /// when nothing changed
    #[arg(long = "final")]
    pub final_pass: bool,
    /// Write again to a folder that --final sealed
    #[arg(long)]
    pub reopen: bool,
    /// Generations of the archive to keep; older ones are removed once the newest is proven
    /// [default: 2]
    #[arg(long, value_name = "N")]
    pub keep_generations: Option<NonZeroU32>,
}
