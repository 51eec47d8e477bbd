//! How long requests and bytes take, in words: by the request budget, and by the
//! bandwidth that was asked for. A guess is never more exact than that, because what
//! else holds a migration back is not known before.

use std::time::Duration;

use crate::settings::{ApiBudget, Pace};

/// The span of the request budget.
const WINDOW: Duration = Duration::from_secs(300);

/// The time of so many requests that ask for little: the budget alone decides it.
pub(super) fn of_requests(requests: u64, budget: ApiBudget) -> String {
    let ApiBudget::Calls(calls) = budget else {
        return "as fast as they are answered".to_owned();
    };
    let time = match budget_time(requests, calls) {
        Duration::ZERO => "less than five minutes".to_owned(),
        time => format!("about {}", humantime::format_duration(time)),
    };
    format!("{time} with --api-budget {calls} in five minutes")
}

/// The least time of an upload, and what makes it so; none where nothing that is
/// known does.
pub(super) fn of_upload(requests: u64, bytes: u64, pace: &Pace) -> Option<String> {
    let by_requests = match pace.api_budget {
        ApiBudget::Off => Duration::ZERO,
        ApiBudget::Calls(calls) => budget_time(requests, calls),
    };
    let by_bytes = pace
        .max_bandwidth
        .map_or(Duration::ZERO, |bandwidth| bandwidth.time_of(bytes));
    let (time, cause) = match pace.max_bandwidth {
        Some(bandwidth) if by_bytes > by_requests => {
            (by_bytes, format!("--max-bandwidth {bandwidth}"))
        }
        _ => (by_requests, format!("--api-budget {}", pace.api_budget)),
    };
    let seconds = Duration::from_secs(time.as_secs());
    let told = humantime::format_duration(seconds);
    (!seconds.is_zero()).then(|| format!("at least {told} with {cause}"))
}

/// The first budget's worth goes out at once.
fn budget_time(requests: u64, calls: u32) -> Duration {
    let windows = requests.saturating_sub(1) / u64::from(calls.max(1));
    Duration::from_secs(windows.saturating_mul(WINDOW.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PaceOptions;

    #[test]
    fn the_time_is_what_the_budget_makes_of_the_requests() {
        let told = |requests, calls| of_requests(requests, ApiBudget::Calls(calls));
        let with = |time: &str, calls| format!("{time} with --api-budget {calls} in five minutes");
        assert_eq!(told(1_000, 1_000), with("less than five minutes", 1_000));
        assert_eq!(told(1_001, 1_000), with("about 5m", 1_000));
        // A million vectors.
        assert_eq!(told(51_000, 1_000), with("about 4h 10m", 1_000));
        assert_eq!(told(51_000, 1_200), with("about 3h 30m", 1_200));
        let unlimited = of_requests(51_000, ApiBudget::Off);
        assert_eq!(unlimited, "as fast as they are answered");
    }

    #[test]
    fn an_upload_takes_what_binds_more() {
        let told = |requests, bytes, budget: &str, rate: &str| {
            let pace = Pace::resolve(&PaceOptions {
                api_budget: Some(budget.parse().unwrap()),
                max_bandwidth: Some(rate.parse().unwrap()),
                ..PaceOptions::default()
            });
            of_upload(requests, bytes, &pace.unwrap()).unwrap_or_default()
        };
        let gigabytes = 36_000_000_000;
        assert_eq!(
            told(2_000, gigabytes, "1000", "80Mbit/s"),
            "at least 1h with --max-bandwidth 10.0 MB/s"
        );
        assert_eq!(
            told(2_000, gigabytes, "1000", "1GB/s"),
            "at least 5m with --api-budget 1000"
        );
        assert_eq!(
            told(2_000, gigabytes, "off", "1GB/s"),
            "at least 36s with --max-bandwidth 1.0 GB/s"
        );
        assert_eq!(told(900, gigabytes, "1000", "off"), "");
        assert_eq!(told(9_000, gigabytes, "off", "off"), "");
    }
}
