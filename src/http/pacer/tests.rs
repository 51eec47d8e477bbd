//! The timetable on simulated time, with bodies that come and go.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http_body::Body as _;
use proptest::prelude::*;

use super::*;
use crate::http::body::OutgoingBody;

const SECOND: Duration = Duration::from_secs(1);

fn on_paused_time<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run)
}

/// A piece that went: when, after the beginning, and its bytes.
type Gone = (Duration, usize);

/// Sends bodies one after the other, each some time after the one before has gone.
async fn sender(pacer: &Pacer, began: Instant, bodies: &[(u64, usize)], gone: &Mutex<Vec<Gone>>) {
    let clock = pacer.shared.clock;
    for (pause_ms, bytes) in bodies {
        clock.sleep(Duration::from_millis(*pause_ms)).await;
        let body = Bytes::from(vec![0; *bytes]);
        let mut body = Box::pin(OutgoingBody::new(body, Some(pacer.clone()), None));
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let bytes = frame.unwrap().into_data().unwrap().len();
            gone.lock().unwrap().push((clock.now() - began, bytes));
        }
    }
}

/// What went of the bodies of several senders, in its order.
fn play(bandwidth: Bandwidth, senders: &[Vec<(u64, usize)>]) -> Vec<Gone> {
    on_paused_time(async {
        let clock = Clock::simulated(UNIX_EPOCH);
        let pacer = Pacer::new(bandwidth, 4, clock);
        let gone = Mutex::default();
        let began = clock.now();
        let sending = senders
            .iter()
            .map(|bodies| sender(&pacer, began, bodies, &gone));
        futures::future::join_all(sending).await;
        let mut gone = gone.into_inner().unwrap();
        gone.sort_unstable();
        gone
    })
}

/// The most bytes in any closed span of that length.
fn densest(gone: &[Gone], span: Duration) -> usize {
    let (mut most, mut bytes, mut first) = (0, 0, 0);
    for (at, piece) in gone {
        bytes += piece;
        while *at - gone[first].0 > span {
            bytes -= gone[first].1;
            first += 1;
        }
        most = most.max(bytes);
    }
    most
}

fn total(gone: &[Gone]) -> usize {
    gone.iter().map(|(_, bytes)| bytes).sum()
}

#[test]
fn while_there_is_work_nearly_all_of_the_rate_is_used_by_one_body_as_by_four() {
    let bandwidth = Bandwidth::new(10_000_000).unwrap();
    for senders in [
        vec![vec![(0, 80_000_000)]],
        vec![vec![(0, 5_000_000); 4]; 4],
    ] {
        let gone = play(bandwidth, &senders);
        let (last, _) = gone[gone.len() - 1];
        let used = total(&gone) as f64 / last.as_secs_f64() / 1e7;
        assert!((0.95..=1.0).contains(&used), "{used}");
    }
}

#[test]
fn nothing_is_sent_in_a_burst() {
    let gone = play(
        Bandwidth::new(10_000_000).unwrap(),
        &[vec![(0, 30_000_000)]],
    );
    for tenths in 1..=20 {
        let most = densest(&gone, SECOND * tenths / 10) as u32;
        // Two pieces of a hundredth of a second at the ends of a span.
        assert!(most <= 1_000_000 * tenths + 200_000, "{tenths}: {most}");
    }
    let sizes = gone.iter().map(|(_, bytes)| *bytes);
    assert_eq!(sizes.max(), Some(100_000));
}

#[test]
fn a_body_may_take_as_long_as_its_part_of_the_rate_makes_it() {
    let clock = on_paused_time(async { Clock::simulated(UNIX_EPOCH) });
    let pacer = Pacer::new(Bandwidth::new(1_000_000).unwrap(), 4, clock);
    assert_eq!(pacer.longest(10_000_000), SECOND * 40);
}

#[test]
fn a_rate_at_which_calls_would_be_given_up_is_none() {
    assert_eq!(Bandwidth::new(99_999), None);
    assert_eq!(Bandwidth::new(100_000), Some(Bandwidth::SLOWEST));
    assert_eq!(Bandwidth::SLOWEST.to_string(), "100.0 kB/s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_seconds_hold_more_than_was_asked_for_whatever_is_sent_when(
        bytes_per_second in 100_000_u64..3_000_000,
        senders in prop::collection::vec(
            prop::collection::vec((0_u64..3_000, 1_usize..1_500_000), 1..5), 1..5),
    ) {
        let bandwidth = Bandwidth::new(bytes_per_second).unwrap();
        let gone = play(bandwidth, &senders);
        let asked: usize = senders.iter().flatten().map(|(_, bytes)| bytes).sum();
        prop_assert_eq!(total(&gone), asked);
        for seconds in [2, 5] {
            let most = densest(&gone, SECOND * seconds);
            prop_assert!(most as u64 <= bytes_per_second * u64::from(seconds), "{}", most);
        }
    }
}
