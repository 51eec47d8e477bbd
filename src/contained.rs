//! Libraries that read other people's formats may panic on bytes that no sound
//! writer makes. Here such a panic becomes an error, and prints nothing. Our own
//! code is not to be run through this to hide what it should check.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// A library gave up in the middle of its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be made sense of ({0})")]
pub(crate) struct GaveUp(String);

/// Runs a library's code over bytes from outside. What it has changed by the time
/// it gives up is not to be used any more.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, GaveUp> {
    keep_quiet_within();
    let around = WITHIN.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    WITHIN.set(around);
    outcome.map_err(|payload| GaveUp(words(&*payload)))
}

fn words(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&str>().copied();
    let text = literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}

/// Panics elsewhere are told as ever.
fn keep_quiet_within() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !WITHIN.get() {
                tell(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_repeats_its_words() {
        let empty: &[u8] = &[];
        let told = contained(|| empty[std::hint::black_box(3)]).unwrap_err();
        let text = told.to_string();
        assert!(text.contains("index out of bounds"), "{text}");
        assert_eq!(contained(|| 7), Ok(7));
        assert!(!WITHIN.get());
    }
}
