//! Puts entries of KV back as they were before the first write, where they still
//! are what was written. KV shows the past for a minute or more: what does not look
//! like our own is looked at for 90 seconds before it is believed.

use std::collections::BTreeMap;

use super::entry::{Now, Shown, expires_soon, goal, judge, pair};
use crate::cloudflare::{Kv, KvPair, KvValue, MAX_GET_KEYS};
use crate::error::Error;
use crate::file_index::AGAIN;
use crate::ledger::{Doubt, Keys, Listed, Suspect, TakenBack, Touched};
use crate::report::Findings;
use crate::stages::context::Migration;
use crate::stages::entries::unread;
use crate::stages::kv_bulk::{Gathering, OldestLook, Removing, delete_all, put_all};

/// Keys looked at together, in one call: little time lies between the look and what
/// follows from it.
const LOOKED_AT_ONCE: usize = MAX_GET_KEYS;
/// Keys that are only told of: bounds memory.
const TOLD_AT_ONCE: usize = 1_000;

/// The keys of one kind in one namespace.
pub(super) struct Shelf<'a> {
    pub(super) migration: &'a Migration,
    pub(super) kv: Kv,
    /// What every key of it begins with.
    pub(super) prefix: &'a str,
    pub(super) keys: Keys<'a>,
    /// Whether entries were written to expire.
    pub(super) expires: bool,
}

/// Entries that are to be put back, until they fill calls or were looked at long enough
/// ago. No book has them: after a crash all entries are looked at again.
struct Pending {
    restoring: Gathering,
    removing: Removing,
    oldest: OldestLook,
}

/// What is done with an entry that is not as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    /// It is put back where it still is ours.
    TakeBack,
    /// It is only told.
    Compare,
}

impl Shelf<'_> {
    /// Puts back what is ours, and remembers what became of each key.
    ///
    /// Errors: stopped where a listed entry still reads as nothing at the last look.
    pub(super) async fn take_back(&self) -> Result<(), Error> {
        self.look(Intent::TakeBack).await?;
        self.conclude()
    }

    /// What is not as it was before, but for what was kept; one line a key.
    pub(super) async fn compare(&self, findings: &mut Findings) -> Result<(), Error> {
        self.look(Intent::Compare).await?;
        self.for_each_suspect(|suspect| {
            if suspect.told != Now::AsBefore.told() {
                findings.add(format!("{}: {}", suspect.key, suspect.told));
            }
            Ok(())
        })
    }

    /// Looks at every key, then for 90 seconds at those that are in doubt.
    async fn look(&self, intent: Intent) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        ledger.clear_suspects()?;
        if ledger.count_touched(self.keys)? == 0 {
            return Ok(());
        }
        self.list().await?;
        self.first(intent).await?;
        let suspects = ledger.suspects()?;
        if suspects > 0 {
            self.migration.tell(format!(
                "{suspects} entries are not what was written last: looking at them again for up to 90 seconds, because KV may show the past"
            ));
        }
        for pause in AGAIN {
            if ledger.suspects()? == 0 {
                break;
            }
            self.migration
                .stop
                .pause(&self.migration.clock, pause)
                .await?;
            self.list().await?;
            self.again(intent).await?;
        }
        Ok(())
    }

    async fn first(&self, intent: Intent) -> Result<(), Error> {
        let (mut after, mut pending) = (String::new(), self.pending());
        loop {
            self.migration.stop.check()?;
            let ledger = &self.migration.ledger;
            let page = ledger.touched(self.keys, &after, LOOKED_AT_ONCE)?;
            let Some(last) = page.last() else {
                return self.flush(&mut pending).await;
            };
            after.clone_from(&last.key);
            self.look_at(page, (intent, true), &mut pending).await?;
        }
    }

    async fn again(&self, intent: Intent) -> Result<(), Error> {
        let (mut after, mut pending) = (None::<String>, self.pending());
        loop {
            self.migration.stop.check()?;
            let ledger = &self.migration.ledger;
            let page = ledger.suspects_after(after.as_deref(), LOOKED_AT_ONCE)?;
            let Some(last) = page.last() else {
                return self.flush(&mut pending).await;
            };
            after = Some(last.key.clone());
            let mut touched = Vec::with_capacity(page.len());
            for suspect in &page {
                touched.extend(ledger.touched_entry(self.keys, &suspect.key)?);
            }
            self.look_at(touched, (intent, false), &mut pending).await?;
        }
    }

    async fn look_at(
        &self,
        page: Vec<Touched>,
        (intent, first): (Intent, bool),
        pending: &mut Pending,
    ) -> Result<(), Error> {
        let (mut suspects, mut sure, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let looked = self.migration.clock.now();
        for (mut touched, shown) in self.shown(page).await? {
            // One that was to expire may have done so.
            touched.removed |= self.expires;
            if first && self.is_done(&touched, intent)? {
                continue;
            }
            match (self.now(&touched, &shown)?, intent) {
                (Now::Ours, Intent::TakeBack) => {
                    sure.push(touched.key.clone());
                    ours.push(touched);
                }
                (Now::AsBefore, Intent::Compare) => sure.push(touched.key),
                (now, _) => suspects.push(suspect(touched.key, now)),
            }
        }
        let ledger = &self.migration.ledger;
        ledger.clear_of_suspicion(&sure)?;
        ledger.add_suspects(&suspects)?;
        for touched in ours {
            pending.oldest.note(looked);
            self.put_back(touched, pending).await?;
        }
        match pending.oldest.is_due(&self.migration.clock) {
            true => self.flush(pending).await,
            false => Ok(()),
        }
    }

    fn pending(&self) -> Pending {
        Pending {
            restoring: Gathering::new(self.migration.pace.memory_for_bodies()),
            removing: Removing::default(),
            oldest: OldestLook::default(),
        }
    }

    async fn put_back(&self, touched: Touched, pending: &mut Pending) -> Result<(), Error> {
        match self.goal(&touched) {
            Some(goal) => match pending.restoring.add(pair(touched.key, goal)) {
                Some(full) => self.restore(full).await,
                None => Ok(()),
            },
            None => match pending.removing.add(touched.key) {
                Some(full) => self.delete(full).await,
                None => Ok(()),
            },
        }
    }

    async fn flush(&self, pending: &mut Pending) -> Result<(), Error> {
        self.restore(pending.restoring.take()).await?;
        self.delete(pending.removing.take()).await
    }

    /// What was kept is judged, and what was found as before needs no other look.
    fn is_done(&self, touched: &Touched, intent: Intent) -> Result<bool, Error> {
        let outcome = match intent {
            Intent::TakeBack => TakenBack::AsBefore,
            Intent::Compare => TakenBack::Kept,
        };
        let ledger = &self.migration.ledger;
        ledger.is_taken_back(self.keys.kind, &touched.key, outcome)
    }

    fn goal(&self, touched: &Touched) -> Option<KvValue> {
        goal(touched, self.migration.clock.wall())
    }

    fn now(&self, touched: &Touched, shown: &Shown) -> Result<Now, Error> {
        let wrote = match shown {
            Shown::Held(value) => {
                let (namespace, key) = (self.keys.namespace, &touched.key);
                let ledger = &self.migration.ledger;
                ledger.wrote_entry(namespace, key, &value.value)?
                    && value.expiration.is_some() == self.expires
            }
            _ => false,
        };
        Ok(judge(touched, self.goal(touched).as_ref(), shown, wrote))
    }

    /// Writes those that do not expire too soon by now, and deletes the others.
    async fn restore(&self, pairs: Vec<KvPair>) -> Result<(), Error> {
        let now = self.migration.clock.wall();
        let (expiring, lasting): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .partition(|pair| expires_soon(pair.expiration, now));
        let keys: Vec<String> = lasting.iter().map(|pair| pair.key.clone()).collect();
        self.remember(&keys, TakenBack::Restored)?;
        if !self.migration.is_dry_run() {
            put_all(self.migration, &self.kv, lasting).await?;
        }
        self.delete(expiring.into_iter().map(|pair| pair.key).collect())
            .await
    }

    async fn delete(&self, keys: Vec<String>) -> Result<(), Error> {
        self.remember(&keys, TakenBack::Deleted)?;
        if self.migration.is_dry_run() || keys.is_empty() {
            return Ok(());
        }
        delete_all(self.migration, &self.kv, keys).await
    }

    fn remember(&self, keys: &[String], outcome: TakenBack) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        ledger.take_back(self.keys.kind, keys, outcome)
    }

    /// What is in doubt after 90 seconds is believed.
    fn conclude(&self) -> Result<(), Error> {
        self.for_each_suspect(|suspect| {
            let outcome = match &suspect.told {
                told if told == Now::AsBefore.told() => TakenBack::AsBefore,
                told if told == Now::Unread.told() => return Err(unread(&suspect.key)),
                _ => TakenBack::Kept,
            };
            let ledger = &self.migration.ledger;
            let restored = [TakenBack::Restored, TakenBack::Deleted]
                .into_iter()
                .map(|done| ledger.is_taken_back(self.keys.kind, &suspect.key, done))
                .collect::<Result<Vec<_>, _>>()?
                .contains(&true);
            // Put back by an earlier start: so it is counted.
            if outcome == TakenBack::AsBefore && restored {
                return Ok(());
            }
            self.remember(&[suspect.key], outcome)
        })
    }

    fn for_each_suspect(
        &self,
        mut each: impl FnMut(Suspect) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let ledger = &self.migration.ledger;
            let page = ledger.suspects_after(after.as_deref(), TOLD_AT_ONCE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            page.into_iter().try_for_each(&mut each)?;
        }
    }

    /// Lists the keys anew: what exists is learned by listing alone.
    async fn list(&self) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        ledger.begin_look()?;
        let mut cursor = None;
        loop {
            let page = self.kv.list(self.prefix, cursor.as_ref()).await?;
            let listed: Vec<Listed> = page
                .keys
                .into_iter()
                .map(|key| Listed {
                    key: key.name,
                    expiration: key.expiration,
                })
                .collect();
            ledger.add_listed(&listed)?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What KV shows of these keys; only listed ones are read.
    async fn shown(&self, page: Vec<Touched>) -> Result<Vec<(Touched, Shown)>, Error> {
        let mut listed = Vec::new();
        for touched in &page {
            listed.extend(self.migration.ledger.listed(&touched.key)?);
        }
        let mut shown = BTreeMap::new();
        for keys in listed.chunks(MAX_GET_KEYS) {
            let names: Vec<String> = keys.iter().map(|listed| listed.key.clone()).collect();
            let mut values = self.kv.get_many(&names).await?;
            for listed in keys {
                let value = values.remove(&listed.key).flatten();
                shown.insert(listed.key.clone(), Shown::of(value, listed.expiration));
            }
        }
        Ok(page
            .into_iter()
            .map(|touched| {
                let shown = shown.remove(&touched.key).unwrap_or(Shown::Absent);
                (touched, shown)
            })
            .collect())
    }
}

fn suspect(key: String, now: Now) -> Suspect {
    Suspect {
        key,
        doubt: Doubt::Different,
        told: now.told().to_owned(),
    }
}
