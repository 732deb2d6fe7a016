//! Somebody who is told things over HTTP: answers as a test wants, and keeps what was said.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::env::until;

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, and these headers.
    Status(u16, String),
    /// Nothing, for as long as the listener is there.
    Hang,
    /// The connection is closed without a word.
    Close,
    /// 200, a byte at a time, and a body that never ends.
    Drip,
    /// 200 after this.
    Late(Duration),
}

impl Answer {
    pub fn ok() -> Self {
        Self::Status(200, String::new())
    }

    pub fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }
}

/// What was said in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub media_type: String,
    pub body: String,
}

impl Heard {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// An option of the query.
    pub fn option(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

struct Shared {
    answer: Mutex<Answer>,
    heard: Mutex<Vec<Heard>>,
    /// Connections that hang.
    held: Mutex<Vec<TcpStream>>,
}

pub struct Listener {
    port: u16,
    shared: Arc<Shared>,
}

impl Listener {
    /// One that says yes to everything.
    pub fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            answer: Mutex::new(Answer::ok()),
            heard: Mutex::default(),
            held: Mutex::default(),
        });
        let ear = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let ear = Arc::clone(&ear);
                std::thread::spawn(move || drop(listen(stream.unwrap(), &ear)));
            }
        });
        Self { port, shared }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// From now on requests get this answer.
    pub fn answers(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// What was said so far, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// The same, and forgets it.
    pub fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.shared.heard.lock().unwrap())
    }

    /// Waits until so much was said.
    pub fn await_heard(&self, count: usize) {
        until("word", Duration::from_secs(60), || {
            (self.heard().len() >= count).then_some(())
        });
    }
}

fn listen(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
    let (mut length, mut media_type) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" => value.clone_into(&mut media_type),
            "authorization" | "cookie" => panic!("{header}"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    shared.heard.lock().unwrap().push(Heard {
        method,
        target,
        media_type,
        body: String::from_utf8(body).unwrap(),
    });
    let answer = shared.answer.lock().unwrap().clone();
    answer_with(answer, stream, shared)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server that is slow on purpose"
)]
fn answer_with(answer: Answer, mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    match answer {
        Answer::Status(status, headers) => write!(
            stream,
            "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 2\r\n{headers}\r\nok"
        ),
        Answer::Hang => {
            shared.held.lock().unwrap().push(stream);
            Ok(())
        }
        Answer::Close => Ok(()),
        Answer::Drip => {
            write!(stream, "HTTP/1.1 200 x\r\nconnection: close\r\n\r\n")?;
            for byte in std::iter::repeat_n(b'x', 600) {
                stream.write_all(&[byte])?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
        Answer::Late(pause) => {
            std::thread::sleep(pause);
            write!(
                stream,
                "HTTP/1.1 204 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
        }
    }
}
