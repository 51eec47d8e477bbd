//! How the local Cloudflare behaves.

use clap::Args;

use crate::sandbox::{FaultRate, Unsettled};
use crate::settings::Pause;

/// `sandbox`
#[derive(Debug, Args)]
pub(in crate::cli) struct SandboxArgs {
    /// Where to listen; port 0 lets the system choose, and other than loopback needs --token
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub listen: std::net::SocketAddr,
    /// The only bearer token that is accepted [default: any]
    #[arg(long)]
    pub token: Option<String>,
    /// The only account id that is accepted [default: any]
    #[arg(long)]
    pub account: Option<String>,
    /// How long after its acceptance a write is applied
    #[arg(long, value_name = "TIME", default_value = "200ms")]
    pub apply_delay: Pause,
    /// How old KV's answers may be, up to 60s
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub stale: Pause,
    /// What to do where Cloudflare's documentation is silent: strict or lenient
    #[arg(long, value_name = "HOW", default_value = "strict")]
    pub unsettled: Unsettled,
    /// Decides which calls meet a fault
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A fault and how often it is met, as 429:0.01; repeatable
    #[arg(long = "fault", value_name = "KIND:RATE")]
    pub faults: Vec<FaultRate>,
    /// Let the account call as often as it likes
    #[arg(long)]
    pub no_budget: bool,
}
