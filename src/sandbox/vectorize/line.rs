//! One line of an insert or upsert, taken apart without building a tree of its
//! numbers: a batch holds millions of them. Each is read as float32 straight from
//! its text, so that it is rounded once. The limits are checked in [`super::rules`].

use serde_json::{Map, Value};

/// A vector as it was sent.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) values: Vec<f32>,
    pub(super) namespace: Option<String>,
    pub(super) metadata: Option<Map<String, Value>>,
}

/// Reads a line; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Line, String> {
    let mut scanner = Scanner { text, at: 0 };
    let mut fields = Fields::default();
    scanner.expect(b'{')?;
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
    } else {
        loop {
            scanner.field(&mut fields)?;
            match scanner.next_token()? {
                b',' => {}
                b'}' => break,
                _ => return Err(scanner.wrong("expected `,` or `}`")),
            }
        }
    }
    if scanner.peek().is_some() {
        return Err(scanner.wrong("trailing characters"));
    }
    Ok(Line {
        id: fields.id.ok_or("missing field `id`")?,
        values: fields.values.ok_or("missing field `values`")?,
        namespace: fields.namespace,
        metadata: fields.metadata,
    })
}

#[derive(Default)]
struct Fields {
    id: Option<String>,
    values: Option<Vec<f32>>,
    namespace: Option<String>,
    metadata: Option<Map<String, Value>>,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.byte()
    }

    fn next_token(&mut self) -> Result<u8, String> {
        let token = self.peek().ok_or_else(|| self.wrong("unexpected end"))?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        if self.next_token()? == wanted {
            return Ok(());
        }
        self.at -= 1;
        Err(self.wrong(&format!("expected `{}`", char::from(wanted))))
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at column {}", self.at + 1)
    }

    fn field(&mut self, fields: &mut Fields) -> Result<(), String> {
        let name: String = self.json("name")?;
        self.expect(b':')?;
        match name.as_str() {
            "id" => fields.id = Some(self.json("id")?),
            "values" => fields.values = Some(self.values()?),
            "namespace" => fields.namespace = self.json("namespace")?,
            "metadata" => fields.metadata = self.json("metadata")?,
            other => drop(self.json::<Value>(other)?),
        }
        Ok(())
    }

    /// The next value, read by serde.
    fn json<T: serde::de::DeserializeOwned>(&mut self, field: &str) -> Result<T, String> {
        let start = self.at;
        self.skip_value()?;
        let span = &self.text[start..self.at];
        serde_json::from_str(span).map_err(|error| format!("invalid `{field}`: {error}"))
    }

    /// Passes over a value; only strings and brackets matter for where it ends.
    fn skip_value(&mut self) -> Result<(), String> {
        let mut depth = 0_usize;
        loop {
            match self.next_token()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Err(self.wrong("expected a value")),
                b'}' | b']' => depth -= 1,
                b',' | b':' if depth == 0 => return Err(self.wrong("expected a value")),
                b',' | b':' => {}
                _ => self.skip_word(),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), String> {
        loop {
            match self.byte() {
                None => return Err(self.wrong("unterminated string")),
                Some(b'"') => break self.at += 1,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        Ok(())
    }

    fn skip_word(&mut self) {
        while self
            .byte()
            .is_some_and(|byte| !matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn values(&mut self) -> Result<Vec<f32>, String> {
        self.expect(b'[')
            .map_err(|error| format!("invalid `values`: {error}"))?;
        let mut values = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(values);
        }
        loop {
            values.push(self.number()?);
            match self.next_token()? {
                b',' => {}
                b']' => return Ok(values),
                _ => return Err(self.wrong("expected `,` or `]` in `values`")),
            }
        }
    }

    fn number(&mut self) -> Result<f32, String> {
        self.peek();
        let rest = &self.text[self.at..];
        let length = number_length(rest.as_bytes());
        let value: Option<f32> = length.and_then(|length| rest[..length].parse().ok());
        match (value, length) {
            (Some(value), Some(length)) if value.is_finite() => {
                self.at += length;
                Ok(value)
            }
            _ => Err(self.wrong("expected a float32 number in `values`")),
        }
    }
}

/// How many bytes at the start are a number by JSON's grammar.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_everything_is_read() {
        let line = parse(
            r#" { "id" : "a\"}]", "values":[1, -2.5e-1 ,0], "namespace":"n", "metadata":{"k":[{"x":"}"}]}, "more":[1,{}] } "#,
        )
        .unwrap();
        assert_eq!(line.id, "a\"}]");
        assert_eq!(line.values, [1.0, -0.25, 0.0]);
        assert_eq!(line.namespace.as_deref(), Some("n"));
        assert_eq!(line.metadata.unwrap()["k"][0]["x"], "}");
    }

    #[test]
    fn absent_and_null_namespace_and_metadata_are_none() {
        for text in [
            r#"{"id":"a","values":[]}"#,
            r#"{"id":"a","values":[],"namespace":null,"metadata":null}"#,
        ] {
            let line = parse(text).unwrap();
            assert_eq!((line.namespace, line.metadata), (None, None));
        }
    }

    #[test]
    fn a_number_is_rounded_once_from_its_text() {
        // Rounded to float64 first, this lands on a tie and then on 1.
        let line = parse(r#"{"id":"a","values":[1.00000005960464477540]}"#).unwrap();
        assert_eq!(line.values[0].to_bits(), 1.0_f32.to_bits() + 1);
    }

    #[test]
    fn what_is_not_a_vector_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "nonsense",
            r#"{"id":"a"}"#,
            r#"{"values":[1]}"#,
            r#"{"id":1,"values":[1]}"#,
            r#"{"id":"a","values":{"0":1}}"#,
            r#"{"id":"a","values":[1e39]}"#,
            r#"{"id":"a","values":[NaN]}"#,
            r#"{"id":"a","values":[01]}"#,
            r#"{"id":"a","values":[1.]}"#,
            r#"{"id":"a","values":[.5]}"#,
            r#"{"id":"a","values":[+1]}"#,
            r#"{"id":"a","values":["1"]}"#,
            r#"{"id":"a","values":[1,]}"#,
            r#"{"id":"a","values":[1"#,
            r#"{"id":"a","values":[1]} x"#,
            r#"{"id":"a","values":[1],"metadata":[]}"#,
            r#"{"id":"a","values":[1],"metadata":{"x":}}"#,
            r#"{"id":"\ud800","values":[1]}"#,
            r#"{"id":"a\"#,
        ] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_serde_writes_is_read_the_same(
            id in ".*", values in proptest::collection::vec(-1e30_f32..1e30, 0..20), key in ".*", text in ".*"
        ) {
            let sent = serde_json::json!({"id": id, "values": values, "metadata": {key: text}});
            let line = parse(&sent.to_string()).unwrap();
            proptest::prop_assert_eq!(&line.id, sent["id"].as_str().unwrap());
            proptest::prop_assert_eq!(line.values, values);
            proptest::prop_assert_eq!(Value::Object(line.metadata.unwrap()), sent["metadata"].clone());
        }
    }
}
