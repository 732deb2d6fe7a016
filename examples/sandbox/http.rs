//! HTTP/1.1 on one loopback connection: requests in, answers out, well-formed or broken on purpose.
//!
//! Written on bare sockets because a fault must be able to close, reset or starve a connection,
//! which server libraries rightly prevent. Knows nothing of Graph. The last byte of each request
//! head stays in the kernel's buffer until the answer is decided: a socket closed with unread input
//! sends a reset, which is how [`Delivery::Reset`] works without unsafe code.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::rest::Rest;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Says that a body is compressed already.
const PACKED: (&str, &str) = ("Content-Encoding", "gzip");

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded body; empty for most.
    pub body: Vec<u8>,
    /// Which connection it came on.
    pub connection: u64,
}

impl Request {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without its question mark, still encoded.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.to_ascii_lowercase().contains("close"))
    }
}

/// How the bytes of an answer reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// With a `Content-Length`.
    Sized,
    /// In chunks.
    Chunked,
    /// Slowly: a few bytes, then this pause, and so on.
    Drip(Duration),
    /// No answer at all, the connection is reset.
    Reset,
    /// Head and half of the body, then a reset.
    ResetInBody,
    /// Half of the body that `Content-Length` promised, then a close.
    TruncatedSized,
    /// Half of the body in a chunk, then a close without the last chunk.
    TruncatedChunked,
    /// Half of a body that only the close delimits: complete as far as HTTP can tell.
    TruncatedClose,
    /// No answer until hanging requests are released; then the connection is closed.
    Hang,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers beyond those that frame the body; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body, not yet compressed.
    pub body: Vec<u8>,
    /// How it is delivered.
    pub delivery: Delivery,
}

impl Answer {
    /// An answer with a body of that type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Sized,
        }
    }

    /// The same with a body that unpacks to so many blanks.
    pub fn packed(self, size: usize) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let block = [b' '; 64 * 1024];
        for from in (0..size).step_by(block.len()) {
            let length = block.len().min(size - from);
            drop(encoder.write_all(block.get(..length).unwrap_or_default()));
        }
        let body = encoder.finish().unwrap_or_default();
        Self { body, ..self }.with(PACKED.0, PACKED.1)
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// The first byte of somebody who speaks TLS, and what servers answer to that.
const TLS_HANDSHAKE: u8 = 0x16;
const REFUSED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// One accepted connection.
pub struct Connection {
    stream: TcpStream,
    number: u64,
    unread: bool,
}

impl Connection {
    /// Takes over an accepted socket.
    pub fn new(stream: TcpStream, number: u64) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            number,
            unread: false,
        })
    }

    /// The next request, or `None` when the client is done.
    pub fn read(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.read_head()? else {
            return Ok(None);
        };
        let mut request = parse_head(&head, self.number)?;
        if let Some(length) = request.header("content-length") {
            let length = length.parse().map_err(invalid)?;
            if length > BODY_LIMIT {
                return Err(invalid("body too large"));
            }
            self.consume_rest_of_head()?;
            request.body = vec![0; length];
            self.stream.read_exact(&mut request.body)?;
        }
        Ok(Some(request))
    }

    fn read_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = Vec::new();
        let mut window = [0; 8192];
        loop {
            let seen = self.stream.peek(&mut window)?;
            if seen == 0 {
                return Ok(None);
            }
            if head.is_empty() && window.first() == Some(&TLS_HANDSHAKE) {
                self.stream
                    .read_exact(window.get_mut(..seen).unwrap_or_default())?;
                self.stream.write_all(REFUSED)?;
                return Err(invalid("TLS, and plain HTTP is spoken here"));
            }
            let before = head.len();
            head.extend_from_slice(window.get(..seen).unwrap_or_default());
            let from = before.saturating_sub(3);
            let end = head
                .windows(4)
                .skip(from)
                .position(|four| four == b"\r\n\r\n")
                .map(|at| from + at + 4);
            let take = end.map_or(seen, |end| end - before - 1);
            self.stream
                .read_exact(window.get_mut(..take).unwrap_or_default())?;
            if let Some(end) = end {
                head.truncate(end);
                self.unread = true;
                return Ok(Some(head));
            }
            if head.len() > HEAD_LIMIT {
                return Err(invalid("head too large"));
            }
        }
    }

    fn consume_rest_of_head(&mut self) -> io::Result<()> {
        if self.unread {
            self.stream.read_exact(&mut [0])?;
            self.unread = false;
        }
        Ok(())
    }

    /// Sends an answer. `true` when the connection can take another request.
    pub fn answer(&mut self, request: &Request, answer: &Answer, rest: &Rest) -> io::Result<bool> {
        match answer.delivery {
            Delivery::Reset => return Ok(false),
            Delivery::Hang => {
                rest.hang();
                return Ok(false);
            }
            Delivery::ResetInBody => {}
            _ => self.consume_rest_of_head()?,
        }
        let (body, compressed) = compress(request, answer);
        let half = body.get(..body.len() / 2).unwrap_or_default();
        let mut head = head_of(answer, compressed);
        let close = matches!(
            answer.delivery,
            Delivery::ResetInBody
                | Delivery::TruncatedSized
                | Delivery::TruncatedChunked
                | Delivery::TruncatedClose
        ) || request.wants_close();
        match answer.delivery {
            Delivery::Chunked | Delivery::TruncatedChunked => {
                head.push_str("Transfer-Encoding: chunked\r\n");
            }
            Delivery::TruncatedClose => {}
            _ => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
        }
        if close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes())?;
        match answer.delivery {
            Delivery::Chunked => self.write_chunks(&body)?,
            Delivery::Drip(pause) => self.drip(&body, pause, rest)?,
            Delivery::TruncatedChunked => self.write_chunk(half)?,
            Delivery::ResetInBody | Delivery::TruncatedSized | Delivery::TruncatedClose => {
                self.stream.write_all(half)?;
            }
            _ => self.stream.write_all(&body)?,
        }
        self.stream.flush()?;
        if answer.delivery == Delivery::ResetInBody {
            // Lets the half body arrive before the reset overtakes it.
            rest.pause(Duration::from_millis(20));
        }
        Ok(!close)
    }

    fn write_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        write!(self.stream, "{:x}\r\n", bytes.len())?;
        self.stream.write_all(bytes)?;
        self.stream.write_all(b"\r\n")
    }

    fn write_chunks(&mut self, body: &[u8]) -> io::Result<()> {
        for chunk in body.chunks(16 * 1024) {
            self.write_chunk(chunk)?;
        }
        self.stream.write_all(b"0\r\n\r\n")
    }

    fn drip(&mut self, body: &[u8], pause: Duration, rest: &Rest) -> io::Result<()> {
        for drop in body.chunks(8) {
            self.stream.write_all(drop)?;
            if rest.pause(pause) {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    }
}

fn parse_head(head: &[u8], connection: u64) -> io::Result<Request> {
    let text = std::str::from_utf8(head).map_err(invalid)?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Err(invalid("no request line"));
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        connection,
    })
}

fn head_of(answer: &Answer, compressed: bool) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if compressed {
        head.push_str("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
    }
    head
}

/// Small bodies and drips stay as they are, as does everything for a client that cannot unpack.
fn compress(request: &Request, answer: &Answer) -> (Vec<u8>, bool) {
    let asked = request
        .header("accept-encoding")
        .is_some_and(|value| value.contains("gzip"));
    let packed = answer.headers.iter().any(|(name, _)| name == PACKED.0);
    if !asked
        || packed
        || answer.body.len() < 1024
        || matches!(
            answer.delivery,
            Delivery::Drip(_) | Delivery::TruncatedClose
        )
    {
        return (answer.body.clone(), false);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder
        .write_all(&answer.body)
        .and_then(|()| encoder.finish())
    {
        Ok(packed) => (packed, true),
        Err(_) => (answer.body.clone(), false),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
