//! Payloads from JSON text and back.

use cf_migrate::point::{Payload, canonical_json};
use serde_json::Value;

use crate::data;
use crate::measure::{Part, cpu_of, memory_copy};

const POINTS: usize = 20_000;

/// Text → payload, as an archive is read.
pub(crate) fn parse(name: &'static str) -> Part {
    let texts: Vec<String> = payloads().iter().map(canonical_json).collect();
    let copied = memory_copy(texts.concat().into_bytes());
    let skimmed = texts.clone();
    Part::new(name, (POINTS, "vector"), move || {
        cpu_of(|| {
            for text in &texts {
                let payload: Payload = serde_json::from_str(text).expect("a payload is JSON");
                drop(std::hint::black_box(payload));
            }
        })
    })
    .beside("its syntax alone", move || {
        cpu_of(|| {
            for text in &skimmed {
                let skimmed: serde::de::IgnoredAny =
                    serde_json::from_str(text).expect("a payload is JSON");
                std::hint::black_box(skimmed);
            }
        })
    })
    .beside("memory copy", copied)
}

/// Payload → text with sorted keys.
pub(crate) fn canonical(name: &'static str) -> Part {
    let payloads = payloads();
    let objects: Vec<Value> = payloads.iter().cloned().map(Value::Object).collect();
    let texts: Vec<String> = payloads.iter().map(canonical_json).collect();
    let copied = memory_copy(texts.concat().into_bytes());
    Part::new(name, (POINTS, "vector"), move || {
        cpu_of(|| {
            for payload in &payloads {
                drop(std::hint::black_box(canonical_json(payload)));
            }
        })
    })
    .beside("serde_json::to_string", move || {
        cpu_of(|| {
            for object in &objects {
                let text = serde_json::to_string(object).expect("a payload is JSON");
                drop(std::hint::black_box(text));
            }
        })
    })
    .beside("memory copy", copied)
}

fn payloads() -> Vec<Payload> {
    let points = data::points(POINTS, 384).into_iter();
    points.map(|point| point.payload).collect()
}
