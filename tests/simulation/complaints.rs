//! Things that are not as they should be, gathered.

use crate::play::Finding;
use crate::process::Ended;

/// Things that are not as they should be.
#[derive(Default)]
pub struct Complaints(pub Vec<String>);

impl Complaints {
    pub fn unless(&mut self, fine: bool, what: impl FnOnce() -> String) {
        if !fine {
            self.0.push(what());
        }
    }

    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, wanted: T) {
        self.unless(found == wanted, || {
            format!("{what}: {found:?} instead of {wanted:?}")
        });
    }

    pub fn none(&mut self, what: &str, found: Vec<String>) {
        let count = found.len();
        let shown = found.into_iter().take(4).collect::<Vec<_>>();
        self.unless(shown.is_empty(), || format!("{count} {what}: {shown:?}"));
    }

    pub fn conclude(mut self, ended: Option<&Ended>) -> Result<(), Finding> {
        if self.0.is_empty() {
            return Ok(());
        }
        if let Some(ended) = ended {
            self.0.push(format!(
                "{:?} {:#}\n{}",
                ended.error,
                ended.report,
                ended.said.join("\n")
            ));
        }
        Err(Finding { what: self.0 })
    }
}
