//! A batch that the service refuses because of its records: it is split until
//! each offender is alone, those are quarantined with the service's own words,
//! and the rest goes through (Vectorize takes a batch whole or not at all, and
//! names only the first offender).
//!
//! Where several offenders share a form that Vectorize's contract leaves open,
//! and none of that form was seen to go through, the whole class is set aside:
//! finding each of them alone would cost two requests for every halving.

use crate::archive::Generation;
use crate::batch::Batch as CutBatch;
use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::ledger::RejectedAt;
use crate::stages::apart::{Apart, Line, Refused, TakenPart};
use crate::stages::context::Migration;
use crate::stages::poison::{Doubt, Earlier, Reception, Tolerance, all_refused};
use crate::stages::records::{Made, Records};
use crate::transform::{Notes, Reason, Rejection, Transform};

/// Where the ledger keeps the rejections that Vectorize made.
const STAGE: &str = "vectorize";
/// Refused records of one form that make it a class.
const MAKE_A_CLASS: usize = 3;
/// Records that are set aside between two writes to the ledger.
const ASIDE_AT_ONCE: usize = 4_096;

/// What the service was seen to refuse and to take in this run.
pub(super) struct Refusals<'a> {
    migration: &'a Migration,
    generation: &'a Generation,
    transform: &'a Transform,
    classes: Vec<Class>,
    /// Refused alone, each with a form that the contract leaves open.
    doubtful: Vec<Refused>,
    /// The open forms of records that went through, once each.
    taken: Vec<Notes>,
    /// Whether anything at all went through.
    reception: Reception,
    earlier: Earlier,
    /// Points before it lie in batches that were sent before.
    first_unbatched: u64,
    tolerance: Tolerance,
}

/// Records of a form that the service refuses.
struct Class {
    form: Notes,
    code: i64,
    message: String,
}

impl Class {
    fn has(&self, unsettled: Notes) -> bool {
        unsettled.contains_all(self.form)
    }

    fn reason(&self) -> Reason {
        Reason::RefusedClass {
            class: self.form,
            code: self.code,
            message: self.message.clone(),
        }
    }
}

/// The search for what is refused of one batch.
struct Hunt {
    apart: Apart,
    /// Records of the batch.
    count: usize,
    /// Records refused alone, since the last class was found.
    odd: u64,
    /// What was found and is not in the ledger yet.
    pending: Vec<(Line, Reason)>,
    /// Whether the service took a record that is sent again.
    touched: bool,
}

/// Why a batch could not be brought through.
pub(super) struct Unsent {
    pub(super) error: Error,
    /// Whether all that was sent of it is known to be refused.
    pub(super) whole: bool,
}

impl<'a> Refusals<'a> {
    pub(super) fn new(
        migration: &'a Migration,
        generation: &'a Generation,
        transform: &'a Transform,
    ) -> Result<Self, Error> {
        let share = migration.pace.max_poison;
        // Where everything may be refused, that is no reason to doubt.
        let undoubted = share.is_all() || migration.ledger.has_accepted()?;
        Ok(Self {
            migration,
            generation,
            transform,
            classes: Vec::new(),
            doubtful: Vec::new(),
            taken: Vec::new(),
            reception: match undoubted {
                true => Reception::Taken,
                false => Reception::Nothing { refused: 0 },
            },
            earlier: Earlier::of(&migration.ledger)?,
            first_unbatched: migration.ledger.first_unbatched()?,
            tolerance: Tolerance::new(share, generation.points()),
        })
    }

    /// A batch was taken as it is.
    pub(super) fn note_accepted(&mut self) {
        self.reception = Reception::Taken;
    }

    /// Brings through what can be of a refused batch, and quarantines the rest;
    /// gives the parts that were taken.
    pub(super) async fn take_apart(
        &mut self,
        index: &Vectorize,
        batch: &CutBatch,
        refused: ApiError,
    ) -> Result<Vec<TakenPart>, Unsent> {
        let lines = self.lines(batch).map_err(refused_whole)?;
        let mut hunt = Hunt {
            apart: Apart::of(batch.body.clone(), lines),
            count: batch.count,
            odd: 0,
            pending: Vec::new(),
            touched: false,
        };
        self.set_aside(&mut hunt);
        // The answer is about what is left only where nothing was set aside.
        let answer = Some(refused).filter(|_| hunt.pending.is_empty());
        let sent = self.send(index, &mut hunt, answer).await;
        let taken = hunt.touched || !hunt.apart.taken().is_empty();
        sent.map_err(|(error, known)| Unsent {
            error,
            whole: known && !taken,
        })?;
        let kept = self.keep(&mut hunt);
        kept.map_err(|error| Unsent {
            error,
            whole: !taken,
        })?;
        Ok(hunt.apart.taken().to_vec())
    }

    /// Sends part after part, the first one unless its answer is there already;
    /// an error comes with whether the answer to the last one is known.
    async fn send(
        &mut self,
        index: &Vectorize,
        hunt: &mut Hunt,
        mut answer: Option<ApiError>,
    ) -> Result<(), (Error, bool)> {
        while let Some(part) = hunt.apart.next() {
            let known = |error| (error, true);
            self.migration.stop.check().map_err(known)?;
            let sent = match answer.take() {
                Some(refused) => Err(refused),
                None => index.upsert(hunt.apart.body(&part)).await,
            };
            match sent {
                Ok(mutation) => {
                    hunt.apart.take(&part, mutation);
                    self.reception = Reception::Taken;
                    self.note_taken(part.iter().map(|at| hunt.apart.line(*at).unsettled));
                }
                Err(error) if !error.blames_a_record() => return Err((error.into(), false)),
                Err(_) if part.len() > 1 => hunt.apart.split(part),
                Err(error) => {
                    let doubt = self.refused_alone(hunt, part[0], error).map_err(known)?;
                    if let Doubt::Probe(count) = doubt {
                        self.probe(index, hunt, count).await?;
                    }
                }
            }
            // What was found is known to the next start too. Until anything was taken
            // it is not certain that records are at fault, and settings stay free.
            if self.reception == Reception::Taken {
                self.keep(hunt).map_err(known)?;
            }
        }
        Ok(())
    }

    /// Asks for records from all over the batch until one is taken. That one is sent
    /// again with its part, so that parts stay ranges, each with its mutation.
    async fn probe(
        &mut self,
        index: &Vectorize,
        hunt: &mut Hunt,
        count: usize,
    ) -> Result<(), (Error, bool)> {
        for at in hunt.apart.spread(count) {
            // Set aside with its class meanwhile.
            if !hunt.apart.holds(at) {
                continue;
            }
            match index.upsert(hunt.apart.body(&[at])).await {
                Ok(_) => {
                    self.reception = Reception::Taken;
                    self.note_taken(std::iter::once(hunt.apart.line(at).unsettled));
                    hunt.touched = true;
                    return Ok(());
                }
                Err(error) if !error.blames_a_record() => return Err((error.into(), false)),
                Err(error) => {
                    hunt.apart.remove(at);
                    self.refused_alone(hunt, at, error)
                        .map_err(|error| (error, true))?;
                }
            }
        }
        Ok(())
    }

    /// One record was refused by itself: aside with it, unless it is one too many.
    fn refused_alone(
        &mut self,
        hunt: &mut Hunt,
        at: usize,
        error: ApiError,
    ) -> Result<Doubt, Error> {
        let refused = hunt.apart.refused(at, &error);
        self.tell(&refused);
        hunt.pending.push((refused.line.clone(), alone(&refused)));
        hunt.odd += 1;
        if self.makes_a_class(refused) {
            self.set_aside(hunt);
            hunt.odd = 0;
        }
        let doubt = self.reception.refused();
        if doubt == Doubt::Sure {
            return Err(all_refused(error, self.earlier));
        }
        let all = self.migration.ledger.rejected_at(STAGE)? + hunt.pending.len() as u64;
        let stopped = match self.tolerance.check(all) {
            Ok(()) => self.tolerance.check_batch(hunt.odd, hunt.count),
            too_many => too_many,
        };
        match stopped {
            Ok(()) => Ok(doubt),
            Err(too_many) => {
                if self.reception == Reception::Taken {
                    self.keep(hunt)?;
                }
                Err(too_many.because(error))
            }
        }
    }

    fn lines(&self, batch: &CutBatch) -> Result<Vec<Line>, Error> {
        let range = batch.first..=batch.last;
        let ledger = &self.migration.ledger;
        let mut records = Records::sent(ledger, self.generation, self.transform, range);
        let mut lines = Vec::with_capacity(batch.count);
        while let Some(made) = records.next_made()? {
            // What was set aside before the batch was cut is no record any more,
            // so these are the batch's lines.
            lines.push(line_of(&made));
        }
        Ok(lines)
    }

    fn note_taken(&mut self, forms: impl Iterator<Item = Notes>) {
        for form in forms {
            if !form.is_empty() && !self.taken.contains(&form) {
                self.taken.push(form);
            }
        }
    }

    /// Whether this refusal makes records of its form a class: several were
    /// refused with the same code, and none was seen to go through.
    fn makes_a_class(&mut self, refused: Refused) -> bool {
        let (form, code) = (refused.line.unsettled, refused.code);
        if form.is_empty() || self.taken.iter().any(|taken| taken.contains_all(form)) {
            return false;
        }
        self.doubtful.push(refused);
        let alike = |other: &&Refused| other.code == code && other.line.unsettled == form;
        if self.doubtful.iter().filter(alike).count() < MAKE_A_CLASS {
            return false;
        }
        let message = match self.doubtful.iter().find(alike) {
            Some(first) => first.message.clone(),
            None => return false,
        };
        let names: Vec<&str> = form.iter().map(|note| note.explanation()).collect();
        self.migration.warn(format!(
            "Vectorize refused {MAKE_A_CLASS} records for which this holds: {} All others like them are set aside without asking; rejected.ndjson names each",
            names.join(" ")
        ));
        self.classes.push(Class {
            form,
            code,
            message,
        });
        true
    }

    fn class_of(&self, unsettled: Notes) -> Option<&Class> {
        self.classes.iter().find(|class| class.has(unsettled))
    }

    fn set_aside(&self, hunt: &mut Hunt) {
        let aside = hunt
            .apart
            .set_aside(|line| self.class_of(line.unsettled).is_some());
        for line in aside {
            if let Some(class) = self.class_of(line.unsettled) {
                let reason = class.reason();
                hunt.pending.push((line, reason));
            }
        }
    }

    /// Makes rejections of what was found so far.
    fn keep(&self, hunt: &mut Hunt) -> Result<(), Error> {
        if !hunt.pending.is_empty() {
            self.quarantine(&hunt.pending)?;
            hunt.pending.clear();
        }
        Ok(())
    }

    fn tell(&self, refused: &Refused) {
        let (id, message) = (&refused.line.id, &refused.message);
        self.migration
            .warn(format!("Vectorize refused {id}: {message}"));
    }

    /// Makes rejections of these records.
    fn quarantine(&self, quarantine: &[(Line, Reason)]) -> Result<(), Error> {
        let ordinals: Vec<u64> = quarantine.iter().map(|(line, _)| line.ordinal).collect();
        let names = self.generation.names_at(&ordinals)?;
        let mut quarantine: Vec<_> = quarantine.iter().collect();
        quarantine.sort_unstable_by_key(|(line, _)| line.ordinal);
        let rejections: Vec<RejectedAt> = names
            .into_iter()
            .zip(quarantine)
            .map(|((ordinal, name), (line, reason))| {
                let rejection = Rejection::new(name.id, name.namespace, reason.clone(), &line.id);
                let json = serde_json::to_string(&rejection).expect("a rejection is plain JSON");
                RejectedAt { ordinal, json }
            })
            .collect();
        let ledger = &self.migration.ledger;
        let doubted = ordinals.into_iter().filter(|at| *at < self.first_unbatched);
        ledger.doubt(&Vec::from_iter(doubted))?;
        ledger.reject(STAGE, &rejections)
    }

    /// What keeps records of refused classes from being sent.
    pub(super) fn sieve(&self) -> Sieve<'_, 'a> {
        Sieve {
            refusals: self,
            aside: Vec::new(),
        }
    }
}

/// Records on their way into a batch: those of refused classes are set aside.
pub(super) struct Sieve<'s, 'a> {
    refusals: &'s Refusals<'a>,
    aside: Vec<(Line, Reason)>,
}

impl Sieve<'_, '_> {
    /// The next record that is to be sent.
    pub(super) fn next(&mut self, records: &mut Records<'_>) -> Result<Option<Made>, Error> {
        while let Some(made) = records.next_made()? {
            let Some(class) = self.refusals.class_of(made.notes.unsettled()) else {
                return Ok(Some(made));
            };
            self.aside.push((line_of(&made), class.reason()));
            if self.aside.len() == ASIDE_AT_ONCE {
                self.keep()?;
            }
        }
        Ok(None)
    }

    /// Makes rejections of what was set aside: before anything that follows it
    /// is sent.
    pub(super) fn keep(&mut self) -> Result<(), Error> {
        if !self.aside.is_empty() {
            self.refusals.quarantine(&self.aside)?;
            self.aside.clear();
            let ledger = &self.refusals.migration.ledger;
            self.refusals.tolerance.check(ledger.rejected_at(STAGE)?)?;
        }
        Ok(())
    }
}

fn line_of(made: &Made) -> Line {
    Line {
        ordinal: made.ordinal,
        id: made.record.id.to_string(),
        unsettled: made.notes.unsettled(),
    }
}

fn alone(refused: &Refused) -> Reason {
    Reason::RefusedByVectorize {
        code: refused.code,
        message: refused.message.clone(),
    }
}

fn refused_whole(error: Error) -> Unsent {
    Unsent { error, whole: true }
}
