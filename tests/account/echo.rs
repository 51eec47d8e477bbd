//! A service that answers with what it was sent, as careless ones do, or points
//! elsewhere.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

/// What it says.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// The secret headers in an envelope with that status.
    Envelope(u16),
    /// The same as a page.
    Page(u16),
    /// The same as text, so that an excerpt cuts the secret off.
    Cut(u16),
    /// Go there.
    Redirect(u16, String),
}

pub(crate) struct Echo {
    pub(crate) port: u16,
    calls: Arc<AtomicUsize>,
    words: Arc<Mutex<Words>>,
}

impl Echo {
    pub(crate) fn start(words: Words) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let echo = Self {
            port: listener.local_addr().unwrap().port(),
            calls: Arc::default(),
            words: Arc::new(Mutex::new(words)),
        };
        let (calls, words) = (Arc::clone(&echo.calls), Arc::clone(&echo.words));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(secrets) = read(&stream) else {
                    continue;
                };
                // Before it is answered: who has the answer may look at once.
                calls.fetch_add(1, Ordering::Relaxed);
                let words = words.lock().unwrap().clone();
                // Who asked may be gone.
                let _ = answer(&mut stream, &words, &secrets);
            }
        });
        echo
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// The secrets of a whole request.
fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut secrets, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.split_once(':') else {
            match line.trim().is_empty() {
                true => break,
                false => continue,
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" | "api-key" => secrets.push_str(value.trim()),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(secrets)
}

fn answer(stream: &mut TcpStream, words: &Words, secrets: &str) -> std::io::Result<()> {
    let (status, headers, body) = said(words, secrets);
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nretry-after: 7200\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn said(words: &Words, secrets: &str) -> (u16, String, String) {
    let told = format!("you sent {secrets}, did you not");
    match words {
        Words::Envelope(status) => {
            let errors = [json!({"code": 1234, "message": told})];
            let body =
                json!({"success": false, "errors": errors, "error": told, "status": *status});
            (
                *status,
                "content-type: application/json\r\n".to_owned(),
                body.to_string(),
            )
        }
        Words::Page(status) => {
            let body = format!("<html><p>{told}</p></html>");
            (*status, "content-type: text/html\r\n".to_owned(), body)
        }
        Words::Cut(status) => {
            let body = format!("{}{secrets}{}", "x".repeat(270), " y".repeat(2_000));
            (*status, "content-type: text/plain\r\n".to_owned(), body)
        }
        Words::Redirect(status, place) => {
            (*status, format!("location: {place}\r\n"), String::new())
        }
    }
}
