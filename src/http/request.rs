//! A request as a value, and the answer to it. Neither knows how it travels.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::http::body::OnGone;

/// The largest answer that is read unless a request allows more: ids, keys and
/// twenty records are all far below it.
pub const USUAL_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Whether a request may be sent again when the answer to it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Applying it twice is the same as applying it once.
    Safe,
    /// It may have been applied: the caller has to look before repeating.
    Unsafe,
}

/// What is asked of the service. Cheap to clone: the body is shared.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below the base address with its query, beginning with `/`,
    /// percent-encoded already.
    pub path: String,
    /// The body's content type; none where there is no body.
    pub content_type: Option<&'static str>,
    /// The body; empty for none.
    pub body: Bytes,
    /// Whether it may be repeated after a lost answer.
    pub repeat: Repeat,
    /// The most bytes of answer that are read.
    pub answer_bytes: usize,
    /// Who wants to know when the body has gone.
    pub on_gone: Option<OnGone>,
}

impl Request {
    /// A request without a body, safe to repeat, with a usual answer.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            content_type: None,
            body: Bytes::new(),
            repeat: Repeat::Safe,
            answer_bytes: USUAL_ANSWER_BYTES,
            on_gone: None,
        }
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.content_type = Some(content_type);
        self.body = body.into();
        self
    }

    /// Says whether it may be repeated after a lost answer.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Allows an answer of up to `answer_bytes`.
    #[must_use]
    pub fn answer_bytes(mut self, answer_bytes: usize) -> Self {
        self.answer_bytes = answer_bytes;
        self
    }

    /// Says who wants to know when the body has gone.
    #[must_use]
    pub fn on_gone(mut self, on_gone: OnGone) -> Self {
        self.on_gone = Some(on_gone);
        self
    }

    /// The path without its query, which may hold a cursor: fit for messages.
    pub fn shown_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// How long one attempt may take: a minute, and time for the body at
    /// 100 kB/s and for the largest allowed answer at 1 MB/s.
    pub fn patience(&self) -> Duration {
        let upload_ms = self.body.len() as u64 / 100;
        let download_ms = self.answer_bytes as u64 / 1_000;
        Duration::from_secs(60) + Duration::from_millis(upload_ms + download_ms)
    }
}

/// What the service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status is in the 200s.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body is a web page, as gateways and firewalls send them.
    pub fn is_html(&self) -> bool {
        let declared = self.header("content-type").unwrap_or_default();
        declared.starts_with("text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// How long the service asks to wait, by its `Retry-After` header. A date in it is
    /// held against the service's own (`Date`), which it sends along as a rule; `now`
    /// is for one that does not.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let date = self.header("date").map(httpdate::parse_http_date);
        let now = date.and_then(Result::ok).unwrap_or(now);
        parse_retry_after(self.header("retry-after")?, now)
    }

    /// The beginning of the body on one line, at most 300 characters.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }
}

const EXCERPT_CHARS: usize = 300;

/// The beginning of `body` on one line, at most 300 characters.
pub fn excerpt(body: &[u8]) -> String {
    // A character has at most four bytes, so this prefix is always enough.
    let prefix = &body[..body.len().min(EXCERPT_CHARS * 4 + 4)];
    let text = String::from_utf8_lossy(prefix);
    // Before it is cut, so that no half of a secret is left.
    let text = crate::conceal::conceal_cut(&text);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible = words.chars().filter(|c| !c.is_control());
    let mut short: String = visible.clone().take(EXCERPT_CHARS).collect();
    if visible.count() > EXCERPT_CHARS || prefix.len() < body.len() {
        let kept: String = short.chars().take(EXCERPT_CHARS - 1).collect();
        short = kept + "…";
    }
    short
}

/// Reads `Retry-After`: whole seconds, or an HTTP date (a past one: no wait).
/// None where it is neither.
pub fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_past_date_asks_for_no_wait_and_nonsense_for_nothing() {
        let now = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse_retry_after(past, now), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("-5", now), None);
        assert_eq!(parse_retry_after("1.5", now), None);
        assert_eq!(parse_retry_after("", now), None);
    }

    #[test]
    fn a_date_to_wait_for_is_held_against_the_services_own_clock() {
        let at = |seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        let answer = |date: Option<String>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", at(1_000_000_090).parse().unwrap());
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap());
            }
            Answer {
                status: 429,
                headers,
                body: Bytes::new(),
            }
        };
        let ours = UNIX_EPOCH + Duration::from_secs(1_000_000_080);
        let waits = |date| answer(date).retry_after(ours).unwrap().as_secs();
        assert_eq!(waits(Some(at(1_000_000_000))), 90);
        assert_eq!(waits(Some("yesterday".to_owned())), 10);
        assert_eq!(waits(None), 10);
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(
            excerpt(b" <html>\n  <b>bad\tgateway</b>"),
            "<html> <b>bad gateway</b>"
        );
        let long = excerpt("ü".repeat(5_000).as_bytes());
        assert_eq!(long.chars().count(), 300);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn patience_grows_with_what_is_sent_and_read() {
        let small = Request::new(Method::GET, "/x").answer_bytes(0);
        assert_eq!(small.patience(), Duration::from_secs(60));
        let upload = small.clone().body("text/plain", vec![0; 10_000_000]);
        assert_eq!(upload.patience(), Duration::from_secs(160));
        let download = small.answer_bytes(30_000_000);
        assert_eq!(download.patience(), Duration::from_secs(90));
    }

    #[test]
    fn the_shown_path_has_no_query() {
        let request = Request::new(Method::GET, "/list?cursor=abc");
        assert_eq!(request.shown_path(), "/list");
    }

    proptest! {
        #[test]
        fn retry_after_reads_back_every_whole_second(seconds in 0u64..=u64::MAX) {
            let read = parse_retry_after(&format!(" {seconds} "), UNIX_EPOCH);
            prop_assert_eq!(read, Some(Duration::from_secs(seconds)));
        }

        #[test]
        fn retry_after_reads_back_every_date(now in 0u64..4_000_000_000, ahead in 0u64..1_000_000) {
            let now = UNIX_EPOCH + Duration::from_secs(now);
            let date = httpdate::fmt_http_date(now + Duration::from_secs(ahead));
            prop_assert_eq!(parse_retry_after(&date, now), Some(Duration::from_secs(ahead)));
        }

        #[test]
        fn retry_after_never_panics(text in ".{0,40}") {
            let _ = parse_retry_after(&text, UNIX_EPOCH);
        }

        #[test]
        fn an_excerpt_never_panics_nor_grows(body in prop::collection::vec(any::<u8>(), 0..3_000)) {
            prop_assert!(excerpt(&body).chars().count() <= 300);
        }
    }
}
