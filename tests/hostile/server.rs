//! A server that answers every request in one bad way, for as long as it is read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// Chunks without an end.
    Endless,
    /// A length beyond anything, and what it promises.
    Enormous,
    /// A list of numbers, as long as it is read: each takes much more than its text.
    Numbers,
    /// Headers without an end.
    Headers,
    /// A byte every second.
    Trickle,
    /// A gigabyte of zeros, compressed to a megabyte, that nobody asked for.
    Bomb,
}

/// Serves on loopback until the test ends; gives the address.
pub(crate) fn serve(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || while respond(answer, &stream).is_some() {});
        }
    });
    address
}

/// Answers one request of the connection; none once it is closed.
fn respond(answer: Answer, mut stream: &TcpStream) -> Option<()> {
    read_request(stream)?;
    let mut send = |bytes: &[u8]| stream.write_all(bytes).ok();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    match answer {
        Answer::Endless => {
            send(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
            let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
            forever(|| send(&chunk))
        }
        Answer::Enormous => {
            send(format!("{head}content-length: 1000000000000000\r\n\r\n").as_bytes())?;
            forever(|| send(&[b' '; 0x10000]))
        }
        Answer::Numbers => {
            send(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
            let begin = r#"{"success":false,"result":{"vectors":0},"errors":["#;
            send(format!("{:x}\r\n{begin}\r\n", begin.len()).as_bytes())?;
            let chunk = [b"10000\r\n".as_slice(), &b"0,".repeat(0x8000), b"\r\n"].concat();
            forever(|| send(&chunk))
        }
        Answer::Headers => {
            send(head.as_bytes())?;
            let line = format!("x-more: {}\r\n", "y".repeat(1_000));
            forever(|| send(line.as_bytes()))
        }
        Answer::Trickle => {
            send(format!("{head}content-length: 1000000\r\n\r\n").as_bytes())?;
            forever(|| {
                thread::park_timeout(std::time::Duration::from_secs(1));
                send(b" ")
            })
        }
        Answer::Bomb => {
            let body = bomb();
            let length = body.len();
            send(
                format!("{head}content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n")
                    .as_bytes(),
            )?;
            send(&body)
        }
    }
}

fn forever(mut step: impl FnMut() -> Option<()>) -> Option<()> {
    loop {
        step()?;
    }
}

/// A gigabyte of spaces, compressed.
pub(crate) fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let piece = vec![b' '; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&piece).unwrap();
    }
    encoder.finish().unwrap()
}

fn read_request(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}
