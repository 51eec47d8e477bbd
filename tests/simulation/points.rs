//! Random points: mostly what real collections hold, some of them odd in every
//! way that a source allows.

use cf_migrate::point::{Payload, Point, PointId};
use serde_json::{Value, json};

use crate::dice::Dice;

/// How a collection's points are made.
#[derive(Debug, Clone)]
pub struct Taste {
    /// The length of each dense vector.
    pub dimensions: Vec<usize>,
    /// The vector that is migrated.
    pub chosen: usize,
    pub sparse: usize,
    /// Whether points may have a text beside the payload.
    pub data: bool,
    /// The share of points that are odd in one way or another.
    pub odd: f64,
    /// The share of points with metadata of a form that Vectorize leaves open.
    pub doubtful: f64,
    pub files: u64,
    /// The key of the file's id.
    pub file_field: &'static str,
    pub ids: IdStyle,
}

#[derive(Debug, Clone, Copy)]
pub enum IdStyle {
    Integers,
    Uuids,
    Texts,
    Mixed,
}

/// The point of that number.
pub fn point(number: u64, namespace: Option<&str>, taste: &Taste, dice: &mut Dice) -> Point {
    let mut payload = usual_payload(number, taste, dice);
    if dice.chance(taste.doubtful) {
        doubtful(&mut payload, dice);
    }
    let mut point = Point {
        id: id(number, taste.ids, dice),
        namespace: namespace.map(str::to_owned),
        dense: taste
            .dimensions
            .iter()
            .map(|length| Some(vector(*length, dice)))
            .collect(),
        sparse: vec![None; taste.sparse],
        payload,
        data: (taste.data && dice.chance(0.6)).then(|| words(dice)),
    };
    for other in 0..point.dense.len() {
        if other != taste.chosen && dice.chance(0.3) {
            point.dense[other] = None;
        }
    }
    if dice.chance(taste.odd) {
        odd(&mut point, taste, dice);
    }
    point
}

fn usual_payload(number: u64, taste: &Taste, dice: &mut Dice) -> Payload {
    let file = dice.between(0, taste.files.saturating_sub(1));
    let order = match dice.weighted(&[(8, 0), (1, 1), (1, 2)]) {
        0 => json!(number),
        1 => json!(number.to_string()),
        _ => json!(number as f64 / 2.0),
    };
    let mut payload = Payload::new();
    payload.insert(taste.file_field.to_owned(), file_id(file));
    payload.insert("chunk_index".to_owned(), order);
    payload.insert("title".to_owned(), json!(words(dice)));
    payload.insert("text".to_owned(), json!(words(dice)));
    if dice.chance(0.3) {
        payload.insert("weight".to_owned(), float(dice));
    }
    if dice.chance(0.2) {
        payload.insert("tags".to_owned(), json!([words(dice), "ß", ""]));
    }
    if dice.chance(0.2) {
        payload.insert("meta".to_owned(), json!({"page": number, "ok": true}));
    }
    if dice.chance(0.2) {
        payload.insert("junk".to_owned(), json!("x".repeat(dice.index(200))));
    }
    if dice.chance(0.5) {
        payload.insert("tenant".to_owned(), json!(format!("t{}", number % 3)));
    }
    payload
}

/// Files' ids of several kinds, always the same for the same file.
pub fn file_id(file: u64) -> Value {
    match file % 6 {
        0 | 1 => json!(format!("f{file}")),
        2 => json!(format!("Ordner/ß {file}.md")),
        3 => json!(file),
        4 => json!(format!("f_{file}_x")),
        _ => json!(format!("日本-{file}")),
    }
}

fn id(number: u64, style: IdStyle, dice: &mut Dice) -> PointId {
    let style = match style {
        IdStyle::Mixed => *dice.pick(&[IdStyle::Integers, IdStyle::Uuids, IdStyle::Texts]),
        one => one,
    };
    match style {
        IdStyle::Integers | IdStyle::Mixed => PointId::Integer(number),
        IdStyle::Uuids => {
            let bits = (u128::from(number) << 64) | u128::from(number ^ 0x9e37);
            PointId::Uuid(uuid::Uuid::from_u128(bits))
        }
        IdStyle::Texts => PointId::Text(format!("point/{number} é")),
    }
}

pub fn vector(length: usize, dice: &mut Dice) -> Vec<f32> {
    let mut values: Vec<f32> = (0..length).map(|_| dice.float()).collect();
    if dice.chance(0.1) && length > 0 {
        let at = dice.index(length);
        values[at] = *dice.pick(&[0.0, -0.0, 1e-40, 3.4e38, -1e-7, 16_777_216.0, 0.1]);
    }
    values
}

pub fn words(dice: &mut Dice) -> String {
    const WORDS: [&str; 14] = [
        "alpha",
        "Beta",
        "γάμμα",
        "\"quoted\"",
        "back\\slash",
        "new\nline",
        "tab\t",
        "😀",
        "e\u{301}",
        "\u{202e}right",
        "NULL",
        "\u{1}",
        "<b>",
        "日本語",
    ];
    let count = dice.between(0, 6);
    let chosen: Vec<&str> = (0..count).map(|_| *dice.pick(&WORDS)).collect();
    chosen.join(" ")
}

fn float(dice: &mut Dice) -> Value {
    let texts = [
        "0.5",
        "-0",
        "-0.0",
        "1e300",
        "1E-300",
        "0.1",
        "123456789.123456789",
        "9007199254740992",
        "-9007199254740992",
        "3.0",
        "1e2",
    ];
    let at = dice.index(texts.len());
    number(texts[at])
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Forms that Vectorize's documentation leaves open.
fn doubtful(payload: &mut Payload, dice: &mut Dice) {
    let (key, value) = match dice.between(0, 4) {
        0 => ("empty", Value::Null),
        1 => ("deep", json!({"a": {"b": {"c": [{"d": 1}]}}})),
        2 => ("mixed", json!([1, "x", true])),
        3 => ("within", json!({"a": null, "b": [null]})),
        _ => ("lists", json!([["a"], []])),
    };
    payload.insert(key.to_owned(), value);
}

fn odd(point: &mut Point, taste: &Taste, dice: &mut Dice) {
    match dice.between(0, 3) {
        0 => odd_vector(point, taste, dice),
        1 => odd_name(point, taste, dice),
        2 => odd_numbers(&mut point.payload, dice),
        _ => odd_keys(&mut point.payload, dice),
    }
}

fn odd_vector(point: &mut Point, taste: &Taste, dice: &mut Dice) {
    let length = taste.dimensions[taste.chosen];
    let chosen = &mut point.dense[taste.chosen];
    match dice.between(0, 3) {
        0 => *chosen = None,
        1 => *chosen = Some(vec![0.0; length]),
        2 => *chosen = Some(vec![-0.0; length]),
        _ => {
            let at = dice.index(length);
            let values = chosen.get_or_insert_with(|| vec![0.5; length]);
            values[at] = *dice.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        }
    }
}

fn odd_name(point: &mut Point, taste: &Taste, dice: &mut Dice) {
    let payload = &mut point.payload;
    match dice.between(0, 6) {
        0 => drop(payload.remove(taste.file_field)),
        1 => drop(payload.remove("chunk_index")),
        2 => drop(payload.insert("chunk_index".to_owned(), words(dice).into())),
        3 => {
            let long = "ü".repeat(usize::try_from(dice.between(10, 300)).unwrap());
            payload.insert(taste.file_field.to_owned(), long.into());
        }
        4 => {
            let text = *dice.pick(&["", ".", "..", " ", "/"]);
            payload.insert(taste.file_field.to_owned(), text.into());
        }
        5 => {
            let values = [Value::Null, json!([1]), json!({"a": 1}), json!(true)];
            payload.insert(taste.file_field.to_owned(), dice.pick(&values).clone());
        }
        _ => drop(payload.insert("file_id".to_owned(), json!("f1"))),
    }
}

fn odd_numbers(payload: &mut Payload, dice: &mut Dice) {
    let texts = [
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551616",
        "1234567890123456789012345678901234567890",
        "1e400",
        "-1e999",
        "1e-400",
        "0.12345678901234567890123456789",
    ];
    let at = dice.index(texts.len());
    let value = number(texts[at]);
    match dice.between(0, 2) {
        0 => drop(payload.insert("big".to_owned(), value)),
        1 => drop(payload.insert("meta".to_owned(), json!({"big": value}))),
        _ => drop(payload.insert("chunk_index".to_owned(), value)),
    }
}

fn odd_keys(payload: &mut Payload, dice: &mut Dice) {
    match dice.between(0, 5) {
        0 => drop(payload.insert("a.b".to_owned(), json!(1))),
        1 => drop(payload.insert("$cost".to_owned(), json!(2))),
        2 => drop(payload.insert(String::new(), json!("no key"))),
        3 => drop(payload.insert("meta".to_owned(), json!({"q\"q": 1, "x$": 2}))),
        4 => {
            payload.insert("a.b".to_owned(), json!(1));
            payload.insert("a_b".to_owned(), json!(2));
        }
        _ => large(payload, dice),
    }
}

/// About as large as metadata may be, a little less or more.
fn large(payload: &mut Payload, dice: &mut Dice) {
    let field = *dice.pick(&["text", "junk"]);
    payload.insert(field.to_owned(), Value::from(""));
    let rest = serde_json::to_string(payload).unwrap().len();
    let room = 10_240_usize.saturating_sub(rest);
    let length = match dice.between(0, 3) {
        0 => room,
        1 => room + 1,
        2 => room + 5_000,
        _ => room.saturating_sub(dice.index(40)),
    };
    let mut text = String::new();
    while text.len() < length {
        text.push(if text.len() + 2 <= length && dice.chance(0.01) {
            'é'
        } else {
            'a'
        });
    }
    payload.insert(field.to_owned(), text.into());
}
