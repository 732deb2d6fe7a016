//! Counts what one object costs while it is read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::graph::{Content, Error, Graph, Looked, Request, Traffic};

/// What was read beside a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extra {
    /// Requests for single objects and what belongs to them.
    pub reads: u64,
    /// Next links that were followed inside objects.
    pub nested_links: u64,
    /// Elements that objects say they have, those that say so.
    pub declared: u64,
    /// Elements of these that were read.
    pub counted: u64,
}

impl Extra {
    /// Adds what another object cost.
    pub(super) fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.nested_links += other.nested_links;
        self.declared += other.declared;
        self.counted += other.counted;
    }
}

/// A Graph that counts.
pub(super) struct Counted<'a> {
    graph: &'a dyn Graph,
    reads: AtomicU64,
    links: AtomicU64,
}

impl<'a> Counted<'a> {
    pub(super) fn new(graph: &'a dyn Graph) -> Self {
        Self {
            graph,
            reads: AtomicU64::new(0),
            links: AtomicU64::new(0),
        }
    }

    /// What was asked for so far.
    pub(super) fn extra(&self) -> Extra {
        Extra {
            reads: self.reads.load(Ordering::Relaxed),
            nested_links: self.links.load(Ordering::Relaxed),
            ..Extra::default()
        }
    }

    fn read(&self) -> &'a dyn Graph {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.graph
    }
}

impl Graph for Counted<'_> {
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error> {
        self.read().get(request)
    }

    fn find(&self, request: &Request, content: Content) -> Result<Looked, Error> {
        self.read().find(request, content)
    }

    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        self.links.fetch_add(1, Ordering::Relaxed);
        self.graph.follow(request, next_link)
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        self.read().look_up(request, question)
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        self.graph.together()
    }

    fn traffic(&self) -> Traffic {
        self.graph.traffic()
    }
}
