//! A Graph in the process: what it answers to which URL, and what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::graph::{Content, Error, Fault, Graph, Looked, Request, Traffic};

type Answer = Result<Vec<u8>, Error>;

/// Answers by URL; of several to one URL each in turn, the last for ever. Panics at anything else.
#[derive(Default)]
pub(in crate::run) struct Script {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    asked: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Script {
    pub(in crate::run) fn on(self, url: &str, body: impl Into<Vec<u8>>) -> Self {
        self.answer(url, Ok(body.into()))
    }

    /// A list of one page.
    pub(in crate::run) fn list(self, url: &str, items: &[&str]) -> Self {
        let body = format!(r#"{{"@odata.context":"c","value":[{}]}}"#, items.join(","));
        self.on(url, body)
    }

    /// A page that goes on at another URL.
    pub(in crate::run) fn page(self, url: &str, items: &[&str], next: &str) -> Self {
        let items = items.join(",");
        self.on(
            url,
            format!(r#"{{"value":[{items}],"@odata.nextLink":"{next}"}}"#),
        )
    }

    pub(in crate::run) fn fails(self, url: &str, fault: Fault) -> Self {
        let status = match fault {
            Fault::Forbidden => Some(403),
            Fault::NotFound => Some(404),
            Fault::Refused | Fault::NotLicensed => Some(400),
            _ => None,
        };
        let mut error = Error::new(fault, format!("scripted {fault:?}"));
        error.status = status;
        self.answer(url, Err(error))
    }

    pub(in crate::run) fn answer(self, url: &str, answer: Answer) -> Self {
        let mut answers = self.answers.lock().unwrap();
        answers.entry(url.to_owned()).or_default().push_back(answer);
        drop(answers);
        self
    }

    /// How often a URL was asked for.
    pub(in crate::run) fn times(&self, url: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|one| *one == url).count()
    }

    /// The most requests there were at one time.
    pub(in crate::run) fn most_in_flight(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn ask(&self, url: &str) -> Answer {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        self.asked.lock().unwrap().push(url.to_owned());
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            answers.get_mut(url).map(|left| match left.len() {
                1 => left[0].clone(),
                _ => left.pop_front().unwrap(),
            })
        };
        self.now.fetch_sub(1, Ordering::SeqCst);
        answer.unwrap_or_else(|| panic!("nothing is scripted for {url}"))
    }
}

impl Graph for Script {
    fn get(&self, request: &Request) -> Answer {
        let mut url = format!("{}/{}", request.version.segment(), request.path);
        for (at, (name, value)) in request.query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(&format!("{name}={value}"));
        }
        self.ask(&url)
    }

    /// Files and objects alike; an empty body is a 204.
    fn find(&self, request: &Request, _: Content) -> Result<Looked, Error> {
        match self.get(request) {
            Ok(body) if body.is_empty() => Ok(Looked::Nothing(204)),
            Ok(body) => Ok(Looked::There(body)),
            Err(error) if error.fault == Fault::NotFound => Ok(Looked::Nothing(404)),
            Err(error) => Err(error),
        }
    }

    fn follow(&self, _: &Request, next_link: &str) -> Answer {
        self.ask(next_link)
    }

    fn look_up(&self, _: &Request, question: &str) -> Answer {
        self.ask(question)
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        Box::new(self)
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
