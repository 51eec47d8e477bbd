//! KV shows the past for up to a minute: what it shows right after the migration is
//! not believed at once.

use std::time::Duration;

use crate::scene::{lived_in, same};
use crate::simulation::Crash;

#[tokio::test(start_paused = true)]
async fn a_rollback_right_after_the_migration_sees_through_stale_answers() {
    let simulation = lived_in(|options| options.stale = Duration::from_secs(60)).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn so_does_one_right_after_a_crash_that_may_have_written_entries() {
    let calls = {
        let simulation = lived_in(|options| options.stale = Duration::from_secs(60)).await;
        simulation.run().await.expect_code(0);
        simulation.sandbox.calls().total()
    };
    for number in (calls / 2)..=calls {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = lived_in(|options| options.stale = Duration::from_secs(60)).await;
            let before = simulation.state();
            simulation.crash = Some(crash);
            drop(simulation.run_or_crash().await);
            simulation.crash = None;
            simulation.rollback().await.expect_code(0);
            same(&before, &simulation, &format!("{crash:?}"));
        }
    }
}
