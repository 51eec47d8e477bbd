//! What an operator writes, or copies from somewhere: settings, templates,
//! programs, places; and the mapping of points that anybody may have made.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use super::scratch;
use crate::batch;
use crate::cloudflare::{AccountId, IndexName, KvNamespaceId};
use crate::locator::Locator;
use crate::point::{DenseField, Payload, Point, PointId, Shape};
use crate::record::{Dimensions, Metadata, Metric, Record, VectorId};
use crate::settings::{ConfigFile, Pause, Size};
use crate::transform::{
    KeyFiller, LongIds, Mapping, Nulls, Program, Rename, Target, Template, Transform,
};

/// A template, rendered over a payload on the line behind it, and inverted.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (template, payload) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(template) = template.parse::<Template>() else {
        return;
    };
    assert_eq!(template.to_string().parse().as_ref(), Ok(&template));
    let point = point(payload);
    if let Ok(rendered) = template.render(&point)
        && let Some(fields) = template.invert(&rendered)
    {
        assert_eq!(template.render_fields(&fields), Some(rendered));
    }
    template.invert(payload);
}

/// A jq program: read and compiled, not run.
pub fn program(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = text.parse::<Program>()
    {
        assert!(!error.to_string().is_empty());
    }
}

/// A payload that goes through jq programs as operators write them.
pub fn map(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut point = point(text);
    if point.payload.is_empty() {
        let text = text.to_owned();
        point.payload.insert("a".to_owned(), text.into());
    }
    for transform in &*MAPS {
        transform.apply(&point).ok();
    }
}

static MAPS: LazyLock<Vec<Transform>> = LazyLock::new(|| {
    let programs = PROGRAMS.iter().map(|text| text.parse().expect(text));
    let mappings = programs.map(|program| Mapping {
        map: Some(program),
        ..Mapping::default()
    });
    mappings.map(resolved).collect()
});

const PROGRAMS: [&str; 14] = [
    ".",
    "{a: .a | tostring}",
    "{a: .a | tojson}",
    "{a: .a | fromjson}",
    "{a: .a | tonumber}",
    "{a: [.a | splits(\", *\")]}",
    "{a: .a | ascii_downcase | ltrimstr(\"x\") | .[0:80]}",
    "{a: .a | todate, b: .b}",
    "{a: .a | fromdate}",
    "with_entries(.key |= ascii_downcase)",
    "{a: [.. | numbers] | add}",
    "{a: (.a // 0) + 1, b: (.a // 0) * 3, c: -(.a // 1)}",
    "{a: .a | @base64d}",
    "{a: [paths] | length, b: (.. |= .), c: .a[2:5], d: (.a | implode)}",
];

/// A payload that goes through the whole mapping, as is and with every step.
pub fn transform(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (id, payload) = text.split_once('\n').unwrap_or(("a", text));
    let mut point = point(payload);
    point.id = PointId::Text(id.to_owned());
    for transform in &*TRANSFORMS {
        let Ok(transformed) = transform.apply(&point) else {
            continue;
        };
        let mut line = Vec::new();
        batch::encode(&transformed.record, &mut line);
        let line: serde_json::Value = serde_json::from_slice(&line).expect("a line of JSON");
        assert_eq!(line["id"].as_str(), Some(transformed.record.id.as_str()));
        transformed.record.digest();
    }
}

static TRANSFORMS: LazyLock<Vec<Transform>> = LazyLock::new(|| {
    let every = Mapping {
        id: "{a}_{b.c}".parse().expect("a template"),
        namespace: Some("{namespace}{a}".parse().expect("a template")),
        rename: vec!["title=name".parse().expect("a renaming")],
        drop: vec!["secret".to_owned()],
        nulls: Nulls::Drop,
        fix_keys: Some("_".parse().expect("a filler")),
        truncate: Some("text".to_owned()),
        long_ids: LongIds::Hash,
        ..Mapping::default()
    };
    vec![resolved(Mapping::default()), resolved(every)]
});

/// A mapping for the points of these targets.
fn resolved(mapping: Mapping) -> Transform {
    let dimensions = Dimensions::new(32).expect("the smallest there are");
    let shape = Shape {
        dense: vec![DenseField {
            name: String::new(),
            dimensions: 32,
            distance: None,
        }],
        ..Shape::default()
    };
    let metric = Metric::Cosine;
    Transform::resolve(mapping, &shape, Target { dimensions, metric }).expect("they fit")
}

fn point(payload: &str) -> Point {
    Point {
        id: PointId::Integer(7),
        namespace: None,
        dense: vec![Some(vec![0.5; 32])],
        sparse: Vec::new(),
        payload: serde_json::from_str::<Payload>(payload).unwrap_or_default(),
        data: None,
    }
}

/// Words of the command line, each of which is read back as it is shown.
pub fn place(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    reads_back::<Locator>(text);
    reads_back::<Rename>(text);
    reads_back::<KeyFiller>(text);
    reads_back::<LongIds>(text);
    text.parse::<Size>().ok();
    text.parse::<Pause>().ok();
    IndexName::new(text).ok();
    AccountId::new(text).ok();
    KvNamespaceId::new(text).ok();
}

fn reads_back<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().expect(text), read);
    }
}

/// A settings file.
pub fn config(data: &[u8]) {
    ConfigFile::load(Some(&scratch::file("cf-migrate.toml", data))).ok();
}

/// A file of variables.
pub fn dotenv(data: &[u8]) {
    for pair in dotenvy::from_read_iter(data).take(10_000) {
        if pair.is_err() {
            return;
        }
    }
}

/// Four bytes a number: each goes into a line as text, and comes back as it was;
/// and as text itself.
pub fn floats(data: &[u8]) {
    let values = data.chunks_exact(4).map(|bytes| {
        let bytes = bytes.try_into().expect("chunks of four");
        f32::from_le_bytes(bytes)
    });
    let values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    let record = Record {
        id: VectorId::new("a").expect("an id that is one"),
        namespace: None,
        values: values.clone(),
        metadata: Metadata::new(Payload::new()).expect("nothing is no metadata"),
    };
    let mut line = Vec::new();
    batch::encode(&record, &mut line);
    let line = std::str::from_utf8(&line).expect("a line of text");
    let from = line.find('[').expect("the values");
    let to = line.find(']').expect("the values");
    let read = crate::source::floats(&line[from..=to]).expect("numbers");
    let bits = |values: &[f32]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&read), bits(&values));
    if let Ok(text) = std::str::from_utf8(data) {
        crate::source::floats(text).ok();
    }
}
