//! The envelope of an answer: `{"result": …}`, or `{"error", "status"?}` whatever
//! the HTTP status says (REST API, "Response"). The result stays text.

use std::ops::Range;

use crate::http::request::{Answer, excerpt};
use crate::source::json::RawObject;

/// A result, as the text that it came in.
#[derive(Debug)]
pub(super) struct Reply {
    text: String,
    result: Range<usize>,
}

/// An answer without a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The service says what is wrong.
    Told { status: u16, text: String },
    /// It is not the service's form: a gateway's page, or a piece of an answer.
    Unreadable { status: u16, excerpt: String },
}

impl Reply {
    /// The result's JSON.
    pub(super) fn result(&self) -> &str {
        &self.text[self.result.clone()]
    }

    /// What the answer holds.
    pub(super) fn of(answer: Answer) -> Result<Self, Refusal> {
        let (status, success) = (answer.status, answer.is_success());
        let unreadable = |body: &[u8]| Refusal::Unreadable {
            status,
            excerpt: excerpt(body),
        };
        let text = String::from_utf8(answer.body.into());
        let text = text.map_err(|error| unreadable(error.as_bytes()))?;
        let envelope = RawObject::parse(&text);
        let mut envelope = envelope.map_err(|_| unreadable(text.as_bytes()))?;
        if let Some(error) = envelope.take("error") {
            return Err(Refusal::Told {
                status: match success {
                    false => status,
                    true => told_status(envelope.take("status")),
                },
                text: plain(error),
            });
        }
        match envelope.take("result").filter(|_| success) {
            None => Err(unreadable(text.as_bytes())),
            Some(result) => {
                let start = result.as_ptr() as usize - text.as_ptr() as usize;
                let result = start..start + result.len();
                Ok(Self { text, result })
            }
        }
    }
}

/// The status that the body gives where HTTP says that all is well.
fn told_status(body: Option<&str>) -> u16 {
    let told = body.and_then(|text| text.parse().ok());
    told.filter(|status| *status >= 400).unwrap_or(400)
}

/// A text out of its quotes, on one short line.
fn plain(json: &str) -> String {
    let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
    excerpt(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from(body),
        }
    }

    fn refusal(status: u16, body: &'static str) -> Refusal {
        Reply::of(answer(status, body)).unwrap_err()
    }

    #[test]
    fn a_result_is_given_as_it_was_written() {
        let reply = Reply::of(answer(200, r#" {"x":1, "result" : {"a": 1.50} } "#)).unwrap();
        assert_eq!(reply.result(), r#"{"a": 1.50}"#);
    }

    #[test]
    fn an_error_counts_whatever_the_status_and_brings_its_own() {
        let told = |status, text: &str| Refusal::Told {
            status,
            text: text.to_owned(),
        };
        let body = r#"{"error": "no \"x\"", "status": 422}"#;
        assert_eq!(refusal(200, body), told(422, "no \"x\""));
        assert_eq!(refusal(401, body), told(401, "no \"x\""));
        assert_eq!(
            refusal(200, r#"{"error": "bad", "result": []}"#),
            told(400, "bad")
        );
        assert_eq!(
            refusal(200, r#"{"error": {"a": 1}}"#),
            told(400, r#"{"a": 1}"#)
        );
    }

    #[test]
    fn what_is_not_the_services_form_is_shown_in_a_piece() {
        for (status, body) in [
            (502, "<html>\n<h1>Bad gateway</h1>"),
            (200, "<html>"),
            (200, "[1]"),
            (200, "{}"),
            (200, r#"{"result": null}"#),
            (200, r#"{"result": [1, 2"#),
            (500, r#"{"result": []}"#),
            (200, ""),
        ] {
            let excerpt = excerpt(body.as_bytes());
            assert_eq!(
                refusal(status, body),
                Refusal::Unreadable { status, excerpt }
            );
        }
    }
}
