//! One entry of KV: what it was, what it is, and which of the two it is to be. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::cloudflare::{KvPair, KvValue};
use crate::ledger::Touched;
use crate::record::same_json;

/// An entry that would expire within this time is not written again: KV takes no
/// expiration less than a minute ahead, and clocks differ.
const SOON: Duration = Duration::from_secs(120);

/// What KV shows of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// It is not listed.
    Absent,
    /// It is listed, and reading it gave nothing: its absence is cached.
    Unread,
    /// It holds this.
    Held(KvValue),
}

impl Shown {
    /// Of a listed key; the listing knows the expiry even where the value's answer
    /// leaves it out.
    pub(super) fn of(value: Option<KvValue>, listed: Option<u64>) -> Self {
        match value {
            None => Self::Unread,
            Some(value) => Self::Held(KvValue {
                expiration: value.expiration.or(listed),
                ..value
            }),
        }
    }
}

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    /// As it was before our first write, or as that would be by now.
    AsBefore,
    /// As we wrote it.
    Ours,
    /// Otherwise.
    Changed,
    /// Not there, though it was before and we did not remove it.
    Removed,
    /// Nobody can tell: it is listed and reads as nothing.
    Unread,
}

impl Now {
    /// In words; they tell the cases apart.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::AsBefore => "as before",
            Self::Ours => "still as the migration wrote it",
            Self::Changed => "changed since",
            Self::Removed => "removed since",
            Self::Unread => "listed, and reading it gives nothing",
        }
    }
}

/// What the entry was and is to be again; none where it was not there, or would
/// have expired.
pub(super) fn goal(touched: &Touched, now: SystemTime) -> Option<KvValue> {
    before(touched).filter(|before| !expires_soon(before.expiration, now))
}

/// Whether an entry of that expiration, in Unix seconds, is not to be written any more.
pub(super) fn expires_soon(expiration: Option<u64>, now: SystemTime) -> bool {
    let soon = (now + SOON).duration_since(UNIX_EPOCH).unwrap_or_default();
    expiration.is_some_and(|at| at <= soon.as_secs())
}

fn before(touched: &Touched) -> Option<KvValue> {
    let before = &touched.before;
    Some(KvValue {
        value: before.value.clone()?,
        metadata: metadata(before.metadata.as_deref()),
        expiration: before.expiration,
    })
}

fn metadata(json: Option<&str>) -> Option<Value> {
    json.and_then(|json| serde_json::from_str(json).ok())
}

/// How the entry stands; `wrote`: whether we ever wrote the value that it holds.
pub(super) fn judge(touched: &Touched, goal: Option<&KvValue>, shown: &Shown, wrote: bool) -> Now {
    let before = before(touched);
    match shown {
        Shown::Unread => Now::Unread,
        Shown::Absent => match goal {
            None => Now::AsBefore,
            Some(_) if touched.removed => Now::Ours,
            Some(_) => Now::Removed,
        },
        Shown::Held(value) if before.as_ref().is_some_and(|before| same(before, value)) => {
            Now::AsBefore
        }
        Shown::Held(value) if wrote && is_our_metadata(touched, before.as_ref(), value) => {
            Now::Ours
        }
        Shown::Held(_) => Now::Changed,
    }
}

fn same(left: &KvValue, right: &KvValue) -> bool {
    left.value == right.value
        && left.expiration == right.expiration
        && same_metadata(Some(left), right)
}

/// We write an entry with the metadata that it has, which may be none by then, where the
/// entry was removed or expired since: other metadata is somebody else's.
fn is_our_metadata(touched: &Touched, before: Option<&KvValue>, value: &KvValue) -> bool {
    same_metadata(before, value) || touched.bare && value.metadata.is_none()
}

fn same_metadata(before: Option<&KvValue>, value: &KvValue) -> bool {
    let before = before.and_then(|before| before.metadata.as_ref());
    match (before, &value.metadata) {
        (Some(left), Some(right)) => same_json(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// The entry as it is to be written.
pub(super) fn pair(key: String, goal: KvValue) -> KvPair {
    KvPair {
        key,
        value: goal.value,
        expiration_ttl: None,
        expiration: goal.expiration,
        metadata: goal.metadata,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::InventoryEntry;

    const NOW: u64 = 1_800_000_000;

    fn value(value: &str, metadata: Option<Value>, expiration: Option<u64>) -> KvValue {
        KvValue {
            value: value.to_owned(),
            metadata,
            expiration,
        }
    }

    fn touched(before: Option<&KvValue>) -> Touched {
        Touched {
            key: "file:a".to_owned(),
            removed: false,
            bare: false,
            before: InventoryEntry::of("n", "file:a", before),
        }
    }

    fn stands(touched: &Touched, shown: &Shown, wrote: bool) -> Now {
        let goal = goal(touched, UNIX_EPOCH + Duration::from_secs(NOW));
        judge(touched, goal.as_ref(), shown, wrote)
    }

    #[test]
    fn only_what_still_is_what_was_written_is_ours() {
        let before = value("[]", Some(json!({"owner": 1})), None);
        let entry = touched(Some(&before));
        let ours = value("[1]", Some(json!({"owner": 1.0})), None);
        assert_eq!(stands(&entry, &Shown::Held(ours.clone()), true), Now::Ours);
        assert_eq!(stands(&entry, &Shown::Held(ours), false), Now::Changed);
        let bare = Shown::Held(value("[1]", None, None));
        assert_eq!(stands(&entry, &bare, true), Now::Changed);
        let written_bare = Touched {
            bare: true,
            ..entry.clone()
        };
        assert_eq!(stands(&written_bare, &bare, true), Now::Ours);
        assert_eq!(stands(&written_bare, &bare, false), Now::Changed);
        let marked = value("[1]", Some(json!({"owner": 2})), None);
        assert_eq!(stands(&entry, &Shown::Held(marked), true), Now::Changed);
        assert_eq!(stands(&entry, &Shown::Held(before), false), Now::AsBefore);
        assert_eq!(stands(&entry, &Shown::Absent, false), Now::Removed);
        assert_eq!(stands(&entry, &Shown::Unread, false), Now::Unread);
    }

    #[test]
    fn what_was_not_there_is_as_before_when_it_is_gone() {
        let entry = touched(None);
        assert_eq!(stands(&entry, &Shown::Absent, false), Now::AsBefore);
        let ours = Shown::Held(value("[1]", None, None));
        assert_eq!(stands(&entry, &ours, true), Now::Ours);
    }

    #[test]
    fn what_we_removed_is_put_back() {
        let before = value("[]", None, None);
        let removed = Touched {
            removed: true,
            ..touched(Some(&before))
        };
        assert_eq!(stands(&removed, &Shown::Absent, false), Now::Ours);
    }

    #[test]
    fn what_would_have_expired_by_now_is_not_put_back() {
        let clock = UNIX_EPOCH + Duration::from_secs(NOW);
        for (at, back) in [(NOW - 5, false), (NOW + 60, false), (NOW + 600, true)] {
            let before = value("[]", None, Some(at));
            let entry = touched(Some(&before));
            assert_eq!(goal(&entry, clock).is_some(), back, "{at}");
            let gone = stands(&entry, &Shown::Absent, false);
            let expected = if back { Now::Removed } else { Now::AsBefore };
            assert_eq!(gone, expected, "{at}");
        }
    }
}
