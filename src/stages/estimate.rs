//! How long requests and bytes take, in words: by the request budget, and by the
//! bandwidth that was asked for. A guess is never more exact than that, because what
//! else holds a migration back is not known before.

use std::time::Duration;

use crate::record::Dimensions;
use crate::settings::{ApiBudget, Pace};
use crate::stages::batch_size::BatchSize;
use crate::stages::upsert::Upserted;

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

/// What sending so many vectors takes, of which nothing but their length is known.
pub(super) fn of_vectors(points: u64, dimensions: Dimensions, pace: &Pace) -> String {
    /// Of embeddings, in the fewest digits, with their commas.
    const NUMBER_BYTES: f64 = 12.4;
    /// An id and the names of the keys.
    const AROUND_BYTES: f64 = 60.0;
    let each = dimensions.get() as f64 * NUMBER_BYTES + AROUND_BYTES;
    let bytes = (points as f64 * each) as u64;
    let requests = BatchSize::new(pace).least_batches(points, bytes);
    let size = bytesize::ByteSize(bytes);
    let time = of_upload(requests, bytes, pace).map_or(String::new(), |time| format!(", {time}"));
    format!(
        "sending them takes at least {requests} requests and {}, metadata not counted{time}",
        size.display().si()
    )
}

/// What held an upload back that took so long, where that is one of the two.
pub(super) fn what_bound(
    done: &Upserted,
    took: Duration,
    waits: u64,
    pace: &Pace,
) -> Option<String> {
    if let Some(bandwidth) = pace.max_bandwidth
        && bandwidth.time_of(done.bytes) >= took.mul_f64(0.9)
    {
        return Some(format!("as fast as --max-bandwidth {bandwidth} allows"));
    }
    let is_bound = waits > 0 && waits * 10 >= done.batches;
    is_bound.then(|| format!("as fast as --api-budget {} allows", pace.api_budget))
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
    fn vectors_are_told_in_requests_and_bytes() {
        let pace = Pace::resolve(&PaceOptions::default()).unwrap();
        let told =
            |points, dimensions| of_vectors(points, Dimensions::new(dimensions).unwrap(), &pace);
        assert_eq!(
            told(20_000, 1_536),
            "sending them takes at least 5 requests and 382.1 MB, metadata not counted"
        );
        assert_eq!(
            told(20_000_000, 32),
            "sending them takes at least 4000 requests and 9.1 GB, metadata not counted, at least 15m with --api-budget 1000"
        );
    }

    #[test]
    fn what_held_an_upload_back_is_told_where_it_is_one_of_ours() {
        let pace = Pace::resolve(&PaceOptions {
            max_bandwidth: Some("10MB/s".parse().unwrap()),
            ..PaceOptions::default()
        });
        let pace = pace.unwrap();
        let told = |bytes, seconds, waits| {
            let done = Upserted {
                batches: 100,
                records: 1,
                bytes,
            };
            what_bound(&done, Duration::from_secs(seconds), waits, &pace)
        };
        let by_bytes = told(97_000_000, 10, 50).unwrap();
        assert_eq!(by_bytes, "as fast as --max-bandwidth 10.0 MB/s allows");
        let by_requests = told(50_000_000, 10, 50).unwrap();
        assert_eq!(by_requests, "as fast as --api-budget 1000 allows");
        assert_eq!(told(50_000_000, 10, 9), None);
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
