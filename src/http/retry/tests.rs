//! The decision table.

use super::*;

const SHORT: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn answered(verdict: Verdict, retry_after: Option<u64>) -> Outcome {
    Outcome::Answered {
        verdict,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

fn early() -> Progress {
    Progress {
        attempts: 1,
        elapsed: SHORT,
        contact: true,
        pause: SHORT,
    }
}

fn decided(progress: Progress, outcome: Outcome, repeat: Repeat) -> Decision {
    decide(&Policy::default(), progress, outcome, repeat)
}

#[test]
fn each_outcome_early_in_a_call_has_its_decision() {
    use Decision::{GiveUp, NextTurn, Return, Wait, WaitAsTold};
    use Limiter::{Account, Endpoint};
    use Verdict::{Done, Final, RateLimited, Retry};
    let told = |seconds| WaitAsTold(Duration::from_secs(seconds));
    let rows = [
        // outcome, when safe to repeat, when not
        (answered(Done, None), Return, Return),
        (answered(Final, Some(9)), Return, Return),
        (answered(Retry, None), Wait(SHORT), GiveUp),
        (answered(Retry, Some(9)), told(9), GiveUp),
        (answered(Retry, Some(0)), Wait(SHORT), GiveUp),
        (
            answered(RateLimited(Endpoint), None),
            Wait(SHORT),
            Wait(SHORT),
        ),
        (answered(RateLimited(Endpoint), Some(9)), told(9), told(9)),
        (answered(RateLimited(Account), None), NextTurn, NextTurn),
        (answered(RateLimited(Account), Some(9)), NextTurn, NextTurn),
        (
            answered(RateLimited(Account), Some(0)),
            Wait(SHORT),
            Wait(SHORT),
        ),
        (
            answered(RateLimited(Account), Some(3_600)),
            NextTurn,
            NextTurn,
        ),
        (answered(RateLimited(Account), Some(3_601)), GiveUp, GiveUp),
        (answered(RateLimited(Endpoint), Some(3_601)), GiveUp, GiveUp),
        (answered(Retry, Some(3_601)), GiveUp, GiveUp),
        (Outcome::NotSent, Wait(SHORT), Wait(SHORT)),
        (Outcome::Lost, Wait(SHORT), GiveUp),
        (Outcome::TooLarge, GiveUp, GiveUp),
    ];
    for (outcome, safe, unsafe_) in rows {
        assert_eq!(decided(early(), outcome, Repeat::Safe), safe, "{outcome:?}");
        assert_eq!(
            decided(early(), outcome, Repeat::Unsafe),
            unsafe_,
            "{outcome:?}"
        );
    }
}

fn passing_outcomes() -> [Outcome; 5] {
    [
        answered(Verdict::Retry, None),
        answered(Verdict::RateLimited(Limiter::Account), Some(1)),
        answered(Verdict::RateLimited(Limiter::Endpoint), None),
        Outcome::NotSent,
        Outcome::Lost,
    ]
}

#[test]
fn the_last_attempt_ends_whatever_passes_and_returns_what_is_done() {
    let last = Progress {
        attempts: 10,
        ..early()
    };
    for outcome in passing_outcomes() {
        assert_eq!(decided(last, outcome, Repeat::Safe), Decision::GiveUp);
        let one_left = Progress {
            attempts: 9,
            ..early()
        };
        assert_ne!(decided(one_left, outcome, Repeat::Safe), Decision::GiveUp);
    }
    let done = answered(Verdict::Done, None);
    assert_eq!(decided(last, done, Repeat::Safe), Decision::Return);
}

#[test]
fn an_address_that_was_never_reached_gets_fewer_attempts() {
    let progress = |attempts| Progress {
        attempts,
        contact: false,
        ..early()
    };
    let wait = Decision::Wait(SHORT);
    assert_eq!(decided(progress(3), Outcome::NotSent, Repeat::Safe), wait);
    let end = Decision::GiveUp;
    assert_eq!(decided(progress(4), Outcome::NotSent, Repeat::Safe), end);
}

#[test]
fn our_own_pauses_end_with_the_time_but_told_ones_do_not_count() {
    let late = Progress {
        elapsed: HOUR,
        ..early()
    };
    let own = answered(Verdict::Retry, None);
    assert_eq!(decided(late, own, Repeat::Safe), Decision::GiveUp);
    let told = answered(Verdict::Retry, Some(30));
    let wait = Decision::WaitAsTold(Duration::from_secs(30));
    assert_eq!(decided(late, told, Repeat::Safe), wait);
    let refused = answered(Verdict::RateLimited(Limiter::Account), None);
    assert_eq!(decided(late, refused, Repeat::Safe), Decision::NextTurn);
}

#[test]
fn only_the_accounts_limiter_pauses_the_account() {
    let policy = Policy::default();
    let told = answered(Verdict::RateLimited(Limiter::Account), Some(9));
    assert_eq!(policy.account_pause(told, 1), Some(Duration::from_secs(9)));
    let untold = answered(Verdict::RateLimited(Limiter::Account), None);
    let pauses = (1..=6).map(|attempt| policy.account_pause(untold, attempt).unwrap().as_secs());
    assert_eq!(pauses.collect::<Vec<_>>(), [30, 60, 120, 240, 300, 300]);
    let endpoint = answered(Verdict::RateLimited(Limiter::Endpoint), Some(9));
    assert_eq!(policy.account_pause(endpoint, 1), None);
    assert_eq!(policy.account_pause(Outcome::Lost, 1), None);
}

#[test]
fn pauses_double_up_to_the_longest_with_up_to_as_much_again_added() {
    for seed in 0..50 {
        let policy = Policy {
            jitter_seed: Some(seed),
            ..Policy::default()
        };
        let mut least = policy.first_pause;
        for pause in policy.pauses().take(12) {
            assert!(pause >= least && pause <= least * 2, "{pause:?} {least:?}");
            least = (least * 2).min(policy.longest_pause);
        }
    }
}
