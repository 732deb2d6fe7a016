//! A server on loopback that answers Graph's requests with a script of raw bytes, batches with
//! another, and sign-ins with a token or a script of their own. It writes down every request as it
//! came.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// One scripted answer.
#[derive(Clone)]
pub(in crate::graph) struct Reply {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    drip: Option<Duration>,
    hold: bool,
    for_ever: bool,
}

impl Reply {
    pub(in crate::graph) fn json(status: u16, body: &str) -> Self {
        Self {
            status: Some(status),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            delay: Duration::ZERO,
            drip: None,
            hold: false,
            for_ever: false,
        }
    }

    /// Exactly these bytes, after which the connection ends.
    pub(in crate::graph) fn raw(bytes: &[u8]) -> Self {
        Self {
            status: None,
            headers: Vec::new(),
            body: bytes.to_vec(),
            ..Self::json(0, "")
        }
    }

    pub(in crate::graph) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(in crate::graph) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Waits before the first byte.
    pub(in crate::graph) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits after each byte.
    pub(in crate::graph) fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Keeps the connection open after the last byte.
    pub(in crate::graph) fn hold(mut self) -> Self {
        self.hold = true;
        self
    }

    /// Stays the answer.
    pub(in crate::graph) fn for_ever(mut self) -> Self {
        self.for_ever = true;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let Some(status) = self.status else {
            return self.body.clone();
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [head.into_bytes(), self.body.clone()].concat()
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Seen {
    pub(in crate::graph) connection: usize,
    pub(in crate::graph) line: String,
    pub(in crate::graph) headers: Vec<(String, String)>,
    pub(in crate::graph) body: String,
}

impl Seen {
    pub(in crate::graph) fn is_batch(&self) -> bool {
        self.line.contains("/$batch ")
    }

    pub(in crate::graph) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    gets: VecDeque<Reply>,
    posts: VecDeque<Reply>,
    batches: VecDeque<Reply>,
    seen: Vec<Seen>,
    connections: Vec<TcpStream>,
    ended: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

pub(in crate::graph) struct Server {
    port: u16,
    shared: Shared,
}

impl Server {
    /// Answers requests to Graph with `replies`, and every sign-in with `token`.
    pub(in crate::graph) fn start(replies: Vec<Reply>, token: &str) -> Self {
        let body = serde_json::json!({
            "token_type": "Bearer", "expires_in": 3599, "access_token": token,
        });
        let token = Reply::json(200, &body.to_string()).for_ever();
        Self::start_with(replies, vec![token])
    }

    /// The same, and batches with replies of their own.
    pub(in crate::graph) fn with_batches(self, batches: Vec<Reply>) -> Self {
        self.shared.0.lock().unwrap().batches = batches.into();
        self
    }

    pub(in crate::graph) fn start_with(gets: Vec<Reply>, posts: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared::default();
        {
            let mut state = shared.0.lock().unwrap();
            state.gets = gets.into();
            state.posts = posts.into();
        }
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = {
                    let mut state = accepting.0.lock().unwrap();
                    if state.ended {
                        return;
                    }
                    state.connections.push(stream.try_clone().unwrap());
                    state.connections.len()
                };
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || serve(&stream, number, &shared));
            }
        });
        Self { port, shared }
    }

    pub(in crate::graph) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(in crate::graph) fn port(&self) -> u16 {
        self.port
    }

    pub(in crate::graph) fn requests(&self) -> Vec<Seen> {
        self.shared.0.lock().unwrap().seen.clone()
    }

    pub(in crate::graph) fn gets(&self) -> Vec<Seen> {
        let mut seen = self.requests();
        seen.retain(|seen| seen.line.starts_with("GET"));
        seen
    }

    pub(in crate::graph) fn batches(&self) -> Vec<Seen> {
        let mut seen = self.requests();
        seen.retain(Seen::is_batch);
        seen
    }

    pub(in crate::graph) fn lines(&self) -> Vec<String> {
        self.gets().into_iter().map(|seen| seen.line).collect()
    }

    pub(in crate::graph) fn connections(&self) -> usize {
        self.shared.0.lock().unwrap().connections.len()
    }

    pub(in crate::graph) fn wait_for_batches(&self, count: usize) {
        let state = self.shared.0.lock().unwrap();
        let too_few = |state: &mut State| {
            let batches = state.seen.iter().filter(|seen| seen.is_batch());
            batches.count() < count
        };
        drop(self.shared.1.wait_while(state, too_few).unwrap());
    }

    pub(in crate::graph) fn wait_for_gets(&self, count: usize) {
        let state = self.shared.0.lock().unwrap();
        let too_few = |state: &mut State| {
            let gets = state.seen.iter().filter(|s| s.line.starts_with("GET"));
            gets.count() < count
        };
        drop(self.shared.1.wait_while(state, too_few).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut state = self.shared.0.lock().unwrap();
        state.ended = true;
        for connection in &state.connections {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        // Lets the accepting thread see the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(stream: &TcpStream, connection: usize, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_request(&mut reader, connection) {
        let reply = {
            let mut state = shared.0.lock().unwrap();
            // What else is posted to Graph itself is answered from the script of GETs.
            let to_graph = seen.line.starts_with("GET") || seen.line.contains("/beta/");
            let is_batch = seen.is_batch();
            state.seen.push(seen);
            shared.1.notify_all();
            let script = match (is_batch, to_graph) {
                (true, _) => &mut state.batches,
                (false, true) => &mut state.gets,
                (false, false) => &mut state.posts,
            };
            match script.front() {
                Some(reply) if reply.for_ever => script.front().cloned(),
                _ => script.pop_front(),
            }
        };
        let reply = reply.unwrap_or_else(|| Reply::json(418, "the script is over"));
        if answer(stream, &reply).is_err() || (reply.status.is_none() && !reply.hold) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow server is what is tested")]
fn answer(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    if !reply.delay.is_zero() {
        std::thread::sleep(reply.delay);
    }
    let bytes = reply.bytes();
    match reply.drip {
        None => stream.write_all(&bytes),
        Some(pause) => bytes.iter().try_for_each(|byte| {
            std::thread::sleep(pause);
            stream.write_all(&[*byte])
        }),
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&n| n > 0)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        connection,
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

struct Capture(Mutex<String>);

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        self.0.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

static LOG: Capture = Capture(Mutex::new(String::new()));

/// Writes down everything from level debug up, of all tests that run at the time.
pub(in crate::graph) fn capture_log() {
    let _ = log::set_logger(&LOG);
    log::set_max_level(log::LevelFilter::Debug);
}

pub(in crate::graph) fn captured_log() -> String {
    LOG.0.lock().unwrap().clone()
}
