//! The one place where time is asked: monotonic, wall, uptime and sleep.
//! Everything else is forbidden to (see `clippy.toml`), so that a whole migration,
//! the sandbox included, can run on a simulated clock: when tokio's time is paused,
//! the wall clock here moves with it, and can be set and sent to sleep.
//!
//! What waits, waits by monotonic time, which nobody sets and which on Linux and
//! macOS stands still while the machine sleeps. What processes share is told in
//! uptime ([`Uptime`]). The wall clock is for people, and nothing is decided by it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use tokio::time::Instant;

/// A clock: real, or simulated on tokio's (pausable) time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// None for the real one.
    simulated: Option<Simulated>,
}

#[derive(Debug, Clone, Copy)]
struct Simulated {
    /// Where the wall clock stood at an instant.
    wall: SystemTime,
    since: Instant,
    hands: &'static Hands,
}

/// What was done to a simulated clock. A few bytes for each that are never given
/// back keep clocks small enough to be handed around as values.
#[derive(Debug)]
struct Hands {
    boot: u64,
    set_ms: AtomicI64,
    slept_ms: AtomicU64,
}

/// The last second of the year 9999: timestamps beyond it have no form.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// How long the machine has run, its sleep included, in milliseconds: the same for
/// all its processes, and nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Which start of the machine it counts from. Where the operating system does
    /// not say, each process is a machine of its own.
    pub boot: u64,
    /// Milliseconds since then.
    pub ms: u64,
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self { simulated: None }
    }

    /// A wall clock that starts at `wall` and moves as tokio's time does.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn simulated(wall: SystemTime) -> Self {
        static BOOTS: AtomicU64 = AtomicU64::new(1);
        let hands = Hands {
            boot: BOOTS.fetch_add(1, Ordering::Relaxed),
            set_ms: AtomicI64::new(0),
            slept_ms: AtomicU64::new(0),
        };
        Self {
            simulated: Some(Simulated {
                wall,
                since: Instant::now(),
                hands: Box::leak(Box::new(hands)),
            }),
        }
    }

    /// Sets a simulated wall clock so many milliseconds ahead (negative: back), as
    /// an operator or a time server does. The real one is left alone.
    pub fn set_ahead(&self, by_ms: i64) {
        if let Some(simulated) = &self.simulated {
            simulated.hands.set_ms.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    /// The machine of a simulated clock sleeps: the wall clock and the uptime go on,
    /// monotonic time stands still. The real one is left alone.
    pub fn suspend(&self, time: Duration) {
        if let Some(simulated) = &self.simulated {
            let slept = &simulated.hands.slept_ms;
            slept.fetch_add(in_ms(time), Ordering::Relaxed);
        }
    }

    /// Monotonic time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Wall-clock time, where it is between 1970 and 9999; else the nearer end.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn wall(&self) -> SystemTime {
        let wall = match &self.simulated {
            Some(simulated) => simulated.wall(),
            None => SystemTime::now(),
        };
        wall.clamp(UNIX_EPOCH, UNIX_EPOCH + LATEST)
    }

    /// Milliseconds since the Unix epoch, by the wall clock.
    pub fn wall_ms(&self) -> u64 {
        in_ms(self.wall().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// How long the machine has run.
    pub fn uptime(&self) -> Uptime {
        match &self.simulated {
            Some(simulated) => Uptime {
                boot: simulated.hands.boot,
                ms: in_ms(simulated.passed()),
            },
            None => machine_uptime().unwrap_or_else(process_uptime),
        }
    }

    /// Waits.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

impl Simulated {
    fn passed(&self) -> Duration {
        let slept = Duration::from_millis(self.hands.slept_ms.load(Ordering::Relaxed));
        self.since.elapsed() + slept
    }

    fn wall(&self) -> SystemTime {
        let wall = self.wall + self.passed();
        let set_ms = self.hands.set_ms.load(Ordering::Relaxed);
        let by = Duration::from_millis(set_ms.unsigned_abs());
        let set = match set_ms < 0 {
            true => wall.checked_sub(by),
            false => wall.checked_add(by),
        };
        set.unwrap_or(UNIX_EPOCH)
    }
}

/// By the clock that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
fn machine_uptime() -> Option<Uptime> {
    use nix::time::{ClockId, clock_gettime};
    static BOOT: OnceLock<Option<u64>> = OnceLock::new();
    let boot = BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = uuid::Uuid::parse_str(id.trim()).ok()?;
        Some(id.as_u64_pair().0)
    });
    let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    Some(Uptime {
        boot: (*boot)?,
        ms: in_ms(uptime.into()),
    })
}

#[cfg(not(target_os = "linux"))]
fn machine_uptime() -> Option<Uptime> {
    None
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where time is asked"
)]
fn process_uptime() -> Uptime {
    static BEGUN: OnceLock<(u64, Instant)> = OnceLock::new();
    let (boot, begun) = BEGUN.get_or_init(|| (rand::random(), Instant::now()));
    Uptime {
        boot: *boot,
        ms: in_ms(begun.elapsed()),
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn a_simulated_wall_clock_can_be_set_and_a_simulated_machine_can_sleep() {
        let clock = Clock::simulated(UNIX_EPOCH + 10 * HOUR);
        let (now, up) = (clock.now(), clock.uptime());
        clock.set_ahead(-7_200_000);
        assert_eq!(clock.wall(), UNIX_EPOCH + 8 * HOUR);
        clock.suspend(HOUR);
        assert_eq!(clock.wall(), UNIX_EPOCH + 9 * HOUR);
        assert_eq!(clock.now(), now);
        assert_eq!(clock.uptime().ms - up.ms, in_ms(HOUR));
        clock.set_ahead(i64::MIN / 2);
        assert_eq!(clock.wall(), UNIX_EPOCH);
        clock.set_ahead(i64::MAX);
        assert_eq!(clock.wall(), UNIX_EPOCH + LATEST);
        clock.sleep(HOUR).await;
        assert_eq!(clock.uptime().ms - up.ms, in_ms(2 * HOUR));
    }

    #[test]
    fn the_real_uptime_is_that_of_one_start_and_goes_on() {
        let (first, second) = (Clock::real().uptime(), Clock::real().uptime());
        assert_eq!(first.boot, second.boot);
        assert!(second.ms >= first.ms);
        let (first, second) = (process_uptime(), process_uptime());
        assert_eq!(first.boot, second.boot);
        assert!(second.ms >= first.ms);
    }
}
