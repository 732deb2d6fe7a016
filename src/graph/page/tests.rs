use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::graph::{Content, Looked, ServiceGroup, Traffic, Version};

/// A Graph that answers in turn and writes down what it was asked.
struct Script {
    answers: Mutex<VecDeque<Result<Vec<u8>, Error>>>,
    asked: Mutex<Vec<String>>,
    /// What is answered when the script is over.
    endless: Option<fn(usize) -> Vec<u8>>,
}

impl Script {
    fn new<const N: usize>(answers: [&[u8]; N]) -> Self {
        Self::of(answers.map(|body| Ok(body.to_vec())).into())
    }

    fn of(answers: VecDeque<Result<Vec<u8>, Error>>) -> Self {
        Self {
            answers: Mutex::new(answers),
            asked: Mutex::default(),
            endless: None,
        }
    }

    fn next(&self, asked: String) -> Result<Vec<u8>, Error> {
        let mut all = self.asked.lock().unwrap();
        all.push(asked);
        match (self.answers.lock().unwrap().pop_front(), self.endless) {
            (Some(answer), _) => answer,
            (None, Some(endless)) => Ok(endless(all.len())),
            (None, None) => panic!("the script is over"),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Graph for Script {
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let names: Vec<&str> = request.query.iter().map(|(name, _)| &**name).collect();
        self.next(format!("{}?{}", request.path, names.join("&")))
    }

    fn find(&self, request: &Request, _: Content) -> Result<Looked, Error> {
        self.get(request).map(Looked::There)
    }

    fn follow(&self, _request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        self.next(next_link.to_owned())
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        self.next(format!("{} {question}", request.path))
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        Box::new(self)
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

fn request() -> Request {
    Request {
        version: Version::Beta,
        path: "a".to_owned(),
        query: vec![
            ("$top".to_owned(), "100".to_owned()),
            ("$expand".to_owned(), "assignments".to_owned()),
        ],
        group: ServiceGroup::DeviceConfiguration,
        endpoint: "a",
    }
}

/// The items as text, `!` before the id of a broken one.
fn read(script: &Script) -> (Result<PagesRead, Error>, Vec<String>) {
    let mut items = Vec::new();
    let read = read_all(script, &request(), |page| {
        items.extend(page.iter().map(shown));
        Ok(())
    });
    (read, items)
}

fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Item::Broken(broken) => format!(
            "!{}/{}: {}",
            broken.id().unwrap_or_default(),
            broken.name().unwrap_or_default(),
            broken.reason()
        ),
    }
}

#[test]
fn a_list_is_read_to_its_end_with_every_byte() {
    let script = Script::new([
        br#"{"@odata.count":1,"value":[{"id":"1","n":1.00}],"@odata.nextLink":"https:\/\/h/b?x=%255B\u0026y"}"#,
        br#"{"value":[],"@odata.nextLink":"c"}"#,
        br#"{"@odata.nextLink":null,"value":[ {"id" : "2"} , {"n":1E+2}]}"#,
    ]);
    let (outcome, items) = read(&script);
    assert_eq!(outcome.unwrap(), PagesRead { pages: 3, items: 3 });
    assert_eq!(
        items,
        [r#"{"id":"1","n":1.00}"#, r#"{"id" : "2"}"#, r#"{"n":1E+2}"#]
    );
    assert_eq!(
        script.asked(),
        ["a?$top&$expand", "https://h/b?x=%255B&y", "c"]
    );
}

#[test]
fn a_body_that_is_no_page_is_never_an_empty_list() {
    for body in [
        &b""[..],
        b"null",
        b"[]",
        b"<html>",
        b"{}",
        br#"{"value":null}"#,
        br#"{"value":{}}"#,
        br#"{"value":"[]"}"#,
        br#"{"value":[],"value":[]}"#,
        br#"{"value":[{"id":"1"}"#,
        br#"{"value":[{"id":"1"},]}"#,
        br#"{"value":[],"@odata.nextLink":5}"#,
        br#"{"value":[],"@odata.nextLink":""}"#,
        br#"{"value":[],"@odata.nextLink":"a","@odata.nextLink":"b"}"#,
        br#"{"value":[],"@odata.nextLink":"\ud800"}"#,
    ] {
        let (outcome, items) = read(&Script::new([body]));
        let error = outcome.unwrap_err();
        assert_eq!(error.fault, Fault::BadResponse, "{error}");
        assert!(items.is_empty());
    }
}

#[test]
fn an_item_that_cannot_be_parsed_costs_only_itself() {
    let mut page = br#"{"value":[{"id":"1"},{"id":"2","displayName":"half \ud83d"},"#.to_vec();
    page.extend(b"{\"id\":\"3\",\"name\":\"bad \xff byte\"},");
    page.extend(br#"{"id":"4","deep":"#);
    page.extend(vec![b'['; 500]);
    page.extend(vec![b']'; 500]);
    page.extend(b"},5,{\"id\":\"6\",\"x\":nul},{\"id\":\"7\",\"n\":1e400}]}");
    let (outcome, items) = read(&Script::new([&page]));
    assert_eq!(outcome.unwrap().items, 7);
    assert_eq!(
        items,
        [
            r#"{"id":"1"}"#,
            r"!2/half \ud83d: it holds half a character (a lone surrogate)",
            "!3/bad \u{fffd} byte: it is not valid UTF-8",
            "!4/: it is nested deeper than 128 levels",
            "!/: it is not a JSON object",
            "!6/: it is not valid JSON",
            r#"{"id":"7","n":1e400}"#,
        ]
    );
}

#[test]
fn links_that_lead_back_and_lists_without_end_are_errors() {
    let to = |link: &str| format!(r#"{{"value":[],"@odata.nextLink":"{link}"}}"#).into_bytes();
    let (a, b) = (to("a"), to("b"));
    for (answers, asked) in [([&a[..], &a, &a, &a], 2), ([&a, &b, &a, &b], 3)] {
        let script = Script::new(answers);
        assert_eq!(read(&script).0.unwrap_err().fault, Fault::Paging);
        assert_eq!(script.asked().len(), asked);
    }
    let mut script = Script::new([]);
    script.endless = Some(|n| format!(r#"{{"value":[],"@odata.nextLink":"{n}"}}"#).into_bytes());
    let error = read(&script).0.unwrap_err();
    assert_eq!(error.fault, Fault::Paging);
    assert_eq!(script.asked().len(), 100);
    let same = |n| format!(r#"{{"value":[{{"id":1}}],"@odata.nextLink":"{n}"}}"#).into_bytes();
    script = Script::new([]);
    script.endless = Some(same);
    assert_eq!(read(&script).0.unwrap_err().fault, Fault::Paging);
    assert_eq!(script.asked().len(), 101, "the first page was new");
    let other = |n| format!(r#"{{"value":[{n}],"@odata.nextLink":"{n}"}}"#).into_bytes();
    script = Script::new([]);
    script.endless = Some(other);
    assert_eq!(read(&script).0.unwrap_err().fault, Fault::Paging);
    assert_eq!(script.asked().len(), 10_000);
}

#[test]
fn some_pages_with_nothing_new_are_no_reason_to_stop() {
    let page = |n: usize| format!(r#"{{"value":[],"@odata.nextLink":"{n}"}}"#).into_bytes();
    let mut answers: VecDeque<_> = (0..60).map(|n| Ok(page(n))).collect();
    answers.push_back(Ok(br#"{"value":[{"id":1}],"@odata.nextLink":"x"}"#.to_vec()));
    answers.extend((100..160).map(|n| Ok(page(n))));
    answers.push_back(Ok(br#"{"value":[{"id":2}]}"#.to_vec()));
    let read = read(&Script::of(answers)).0.unwrap();
    assert_eq!((read.pages, read.items), (122, 2));
}

fn refused(fault: Fault, status: u16) -> Result<Vec<u8>, Error> {
    Err(Error {
        status: Some(status),
        ..Error::new(fault, "refused")
    })
}

#[test]
fn a_refused_top_is_left_out_once() {
    let page = || Ok(br#"{"value":[]}"#.to_vec());
    let script = Script::of([refused(Fault::Refused, 400), page()].into());
    assert_eq!(read(&script).0.unwrap().pages, 1);
    assert_eq!(script.asked(), ["a?$top&$expand", "a?$expand"]);

    let twice = [refused(Fault::Refused, 400), refused(Fault::Refused, 400)];
    let script = Script::of(twice.into());
    assert_eq!(read(&script).0.unwrap_err().fault, Fault::Refused);

    for (fault, status) in [(Fault::NotLicensed, 400), (Fault::Forbidden, 403)] {
        let script = Script::of([refused(fault, status)].into());
        assert_eq!(read(&script).0.unwrap_err().fault, fault);
        assert_eq!(script.asked().len(), 1);
    }
}

#[test]
fn one_item_is_asked_for_and_no_further_page() {
    let page = br#"{"value":[{"id":"1"},{"id":"2"}],"@odata.nextLink":"more"}"#;
    let script = Script::new([page]);
    let item = read_one(&script, &request()).unwrap();
    assert_eq!(item.as_deref(), Some(&br#"{"id":"1"}"#[..]));
    assert_eq!(script.asked(), ["a?$expand&$top"]);

    let empty = || Ok(br#"{"value":[]}"#.to_vec());
    let script = Script::of([refused(Fault::Refused, 400), empty()].into());
    assert_eq!(read_one(&script, &request()).unwrap(), None);
    assert_eq!(script.asked(), ["a?$expand&$top", "a?$expand"]);

    let no_page = Script::new([b"{}"]);
    let error = read_one(&no_page, &request()).unwrap_err();
    assert_eq!(error.fault, Fault::BadResponse);
}

#[test]
fn a_failure_in_the_middle_is_the_lists_failure() {
    let first = br#"{"value":[{"id":"1"}],"@odata.nextLink":"b"}"#.to_vec();
    let script = Script::of([Ok(first), refused(Fault::Unavailable, 503)].into());
    let (outcome, items) = read(&script);
    assert_eq!(outcome.unwrap_err().fault, Fault::Unavailable);
    assert_eq!(items.len(), 1);

    let script = Script::new([br#"{"value":[]}"#]);
    let stopped = read_all(&script, &request(), |_| {
        Err(Error::new(Fault::Canceled, "x"))
    });
    assert_eq!(stopped.unwrap_err().fault, Fault::Canceled);
}

#[test]
fn the_rest_of_an_expanded_collection_is_followed() {
    let object = br#"{"id":"1","assignments":[{}],"assignments@odata.nextLink":"rest"}"#;
    let link = nested_next_link(object, "assignments").unwrap().unwrap();
    assert_eq!(nested_next_link(object, "settings").unwrap(), None);
    assert!(nested_next_link(b"[]", "assignments").is_err());
    let script = Script::new([
        br#"{"value":[{"a":1}],"@odata.nextLink":"more"}"#,
        br#"{"value":[{"a":2}]}"#,
    ]);
    let mut items = Vec::new();
    let read = read_rest(&script, &request(), &link, |page| {
        items.extend(page.iter().map(shown));
        Ok(())
    });
    assert_eq!(read.unwrap(), PagesRead { pages: 2, items: 2 });
    assert_eq!(items, [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(script.asked(), ["rest", "more"]);
    let loops = Script::new([br#"{"value":[],"@odata.nextLink":"rest"}"#]);
    assert_eq!(
        read_rest(&loops, &request(), &link, |_| Ok(()))
            .unwrap_err()
            .fault,
        Fault::Paging
    );
}
