//! The account's request budget: so many calls in a sliding window, and once
//! it is exceeded every call is refused for the length of a window
//! (<https://developers.cloudflare.com/fundamentals/api/reference/limits/>).

use std::collections::VecDeque;
use std::time::Duration;

/// How many calls an account may make in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Calls in any window.
    pub calls: usize,
    /// The length of the window, and of the block that follows when it is exceeded.
    pub window: Duration,
}

impl Default for Budget {
    /// 1,200 calls in five minutes.
    fn default() -> Self {
        Self {
            calls: 1200,
            window: Duration::from_secs(300),
        }
    }
}

/// The calls of the last window.
#[derive(Debug)]
pub(super) struct Window {
    budget: Budget,
    calls: VecDeque<Duration>,
    blocked_until: Option<Duration>,
}

impl Window {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            calls: VecDeque::new(),
            blocked_until: None,
        }
    }

    /// Takes a turn, or says how long the account is blocked. `now`: by the service's
    /// uptime.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Err(until - now);
            }
            self.blocked_until = None;
            self.calls.clear();
        }
        while self
            .calls
            .front()
            .is_some_and(|oldest| now.saturating_sub(*oldest) >= self.budget.window)
        {
            self.calls.pop_front();
        }
        if self.calls.len() >= self.budget.calls {
            self.blocked_until = Some(now + self.budget.window);
            return Err(self.budget.window);
        }
        self.calls.push_back(now);
        Ok(())
    }
}
