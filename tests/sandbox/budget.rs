//! The account's request budget on a simulated clock, and the record of calls.

use std::time::Duration;

use cf_migrate::sandbox::{Operation, SandboxOptions};

use crate::support::{INDEXES, NAMESPACES, at_once, simulated};

#[tokio::test(start_paused = true)]
async fn the_call_beyond_the_budget_blocks_everything_for_five_minutes() {
    let api = simulated(at_once());
    for number in 0..1_200 {
        let path = if number % 2 == 0 { INDEXES } else { NAMESPACES };
        assert_eq!(api.get(path).await.status, 200);
    }
    let refused = api.get(NAMESPACES).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "300");
    tokio::time::advance(Duration::from_secs(299)).await;
    let refused = api.get(INDEXES).await;
    assert_eq!(refused.failure().0, 429);
    assert_eq!(refused.headers["retry-after"], "1");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(api.get(INDEXES).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_window_slides() {
    let api = simulated(at_once());
    for _ in 0..4 {
        for _ in 0..300 {
            assert_eq!(api.get(INDEXES).await.status, 200);
        }
        tokio::time::advance(Duration::from_secs(100)).await;
    }
    for _ in 0..600 {
        assert_eq!(api.get(INDEXES).await.status, 200);
    }
    assert_eq!(api.get(INDEXES).await.status, 429);
    let calls = api.sandbox.calls();
    assert_eq!(calls.total(), 1_801);
    assert_eq!(calls.most_within(Duration::from_secs(300)), 1_201);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_refused() {
    let api = simulated(SandboxOptions {
        budget: None,
        ..at_once()
    });
    for _ in 0..1_300 {
        assert_eq!(api.get(INDEXES).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_by_operation() {
    let api = simulated(at_once());
    api.get(INDEXES).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    api.get(NAMESPACES).await;
    api.get("/zones").await;
    let calls = api.sandbox.calls();
    assert_eq!(calls.total(), 3);
    assert_eq!(calls.count(Operation::ListIndexes), 1);
    assert_eq!(calls.count(Operation::Unknown), 1);
    assert_eq!(calls.most_within(Duration::from_secs(10)), 2);
    assert_eq!(
        calls.all()[1].at - calls.all()[0].at,
        Duration::from_secs(10)
    );
    let template = "GET /accounts/{account}/storage/kv/namespaces";
    assert_eq!(calls.all()[1].operation.template(), template);
}
