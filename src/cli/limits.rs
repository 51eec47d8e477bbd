//! How fast the account may be called and the line may be used, as the clients want it.

use secrecy::SecretString;

use crate::clock::Clock;
use crate::error::Error;
use crate::http::{Budget, Pacer, Transport};
use crate::settings::{ApiBudget, Pace, USUAL_CONCURRENCY};

/// The budget that all processes of this machine share.
pub(super) fn budget(
    pace: &Pace,
    account: &str,
    token: &SecretString,
    clock: Clock,
) -> Result<Budget, Error> {
    let ApiBudget::Calls(limit) = pace.api_budget else {
        return Ok(Budget::unlimited(clock));
    };
    let folder = Budget::state_folder()?;
    let budget = Budget::shared(&folder, account, token, limit as usize, clock)?;
    Ok(budget)
}

/// A budget of this process alone.
pub(super) fn budget_alone(pace: &Pace, clock: Clock) -> Budget {
    match pace.api_budget {
        ApiBudget::Off => Budget::unlimited(clock),
        ApiBudget::Calls(limit) => Budget::in_memory(limit as usize, clock),
    }
}

/// Refuses to go without a budget where that blocks an account.
pub(super) fn check(pace: &Pace, transport: &Transport, place: &str) -> Result<(), Error> {
    if pace.api_budget != ApiBudget::Off || !transport.is_cloudflare() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--api-budget off is not for {place}: after one call too many Cloudflare refuses every call of the account for five minutes, production's too"
    ))
    .advise("give --api-budget 1200 to take all that an account has; off is for a sandbox, or for a stand-in named in CLOUDFLARE_API_BASE_URL"))
}

/// What holds bodies to the bandwidth that was asked for.
pub(super) fn pacer(pace: &Pace, clock: Clock) -> Option<Pacer> {
    let at_once = pace.concurrency.unwrap_or(USUAL_CONCURRENCY);
    let at_once = u32::try_from(at_once).unwrap_or(u32::MAX);
    let bandwidth = pace.max_bandwidth?;
    Some(Pacer::new(bandwidth, at_once, clock))
}
