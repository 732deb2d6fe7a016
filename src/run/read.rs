//! Reading policy types out of a tenant: their lists, page by page, and what belongs to each object.
//!
//! It knows Graph and the catalogue and nothing of the store: what was read goes to a sink, on the
//! calling thread, while reading goes on. A bounded number of threads make the requests, so many of
//! them lists; they hand over through a bounded channel, so that what waits in memory is a page per
//! list in flight and a few dozen documents, however many policies there are. What belongs to
//! objects is asked for through [`Graph::together`], where the threads share round trips.
//!
//! What it answers for:
//! - A type is [`Outcome::Complete`] only if its list was read to the last page and every object in
//!   it to the last part. Everything else has a reason.
//! - A list that several types share is read once. An object whose `@odata.type` no row names goes
//!   to the general row with a warning. A broken item makes all types of its list incomplete: of
//!   which one it was cannot be told.
//! - An object that was listed and that Graph does not find was deleted in between only if its
//!   list, read once more after all its objects, does not name it any more: a warning. If it does,
//!   or cannot be read, the object is unread and its type incomplete.
//! - A fault that ends the run ends the reading; a failing sink does too. No thread outlives the
//!   call.

mod collection;
mod counted;
mod object;
mod parts;
mod queue;
mod references;
mod sealed;
mod tally;
pub mod trial;

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::{Error, Result};
use crate::graph::{self, Fault, Graph};
use crate::policy::catalogue::PolicyType;
use crate::policy::document::redaction::RedactionKey;
use crate::policy::{Document, Outcome, Unread};
use crate::progress::Gauge;

pub(super) use collection::{listed_ids, parent_ids};
pub use counted::Extra;
pub(super) use object::{is_gone, missing_permissions};
pub(super) use parts::unusable;

use collection::{Collection, Found, Listed, collections};
use object::{Done, Pending, Reader, needs_nothing};
use queue::{Queue, StopOnDrop, StopOnPanic, Work};
use sealed::Rights;
use tally::{ListEnd, Tally};

/// What the sink is told, as it happens.
#[derive(Debug)]
pub enum Event {
    /// A policy was read. One that its list gave twice with different content comes twice; the
    /// later event of a policy takes the place of the earlier.
    Document(Document),
    /// A policy was listed and could not be read.
    Unread(Unread),
    /// Nothing more of this type will come.
    Reading(Reading),
}

impl Event {
    /// Has the gauge of what is read count it.
    pub fn count(&self, gauge: &Gauge) {
        match self {
            Self::Document(_) => gauge.count_policy(),
            Self::Reading(_) => gauge.advance(1),
            Self::Unread(_) => {}
        }
    }
}

/// What became of one policy type.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The type.
    pub policy_type: &'static PolicyType,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// What went wrong with Graph, if that was it.
    pub fault: Option<Fault>,
    /// Permissions of which one has to be granted, where one is missing; the least first.
    pub permissions: Vec<String>,
    /// What to type next, if we know.
    pub hint: Option<String>,
    /// Pages of the list that were read.
    pub pages: u64,
    /// Policies that the list gave, as far as they were looked at.
    pub listed: u64,
    /// Policies that were read.
    pub read: u64,
    /// Policies that could not be read.
    pub failed: u64,
    /// Objects of the list that are nobody's policies, and are not counted above.
    pub left_out: u64,
    /// Policies that were deleted while they were read.
    pub deleted: u64,
    /// What was read beside the list.
    pub extra: Extra,
    /// Whether the list was read to its last page.
    pub last_page: bool,
    /// The HTTP status of the list's last answer, if there was one.
    pub status: Option<u16>,
    /// What is worth knowing though nothing failed.
    pub warnings: Vec<String>,
}

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// Lists, each with a page of it in memory.
    pub lists: usize,
    /// Objects beside them, each with what was read of it.
    pub objects: usize,
}

/// Reads these policy types, so much at a time. Every type has exactly one
/// [`Event::Reading`]. Returns the error that ended the reading early, if one did; fails only where
/// the sink fails.
pub fn read_types(
    graph: &dyn Graph,
    types: &[&'static PolicyType],
    width: Width,
    key: &RedactionKey,
    sink: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<Option<graph::Error>> {
    let threads = (width.lists + width.objects).max(1);
    let collections = collections(types);
    let queue = Queue::new(collections.len(), width.lists, threads);
    let worker = Worker {
        graph,
        key,
        rights: Rights::default(),
        collections: &collections,
        queue: &queue,
    };
    thread::scope(|scope| {
        let _stop = StopOnDrop(&queue);
        let (sender, receiver) = sync_channel(threads);
        for number in 0..threads {
            let sender = sender.clone();
            let spawned = thread::Builder::new().spawn_scoped(scope, || worker.work(sender));
            // Fewer threads are slower and no failure; none at all are.
            if let (Err(error), 0) = (spawned, number) {
                return Err(Error::internal(format!("cannot start a thread: {error}")));
            }
        }
        drop(sender);
        Collector::new(&collections, &queue, sink).collect(&receiver)
    })
}

/// What a thread tells the calling one.
enum Message {
    /// An object is done.
    Object {
        collection: usize,
        row: &'static PolicyType,
        again: bool,
        done: Done,
    },
    /// An item of a list is broken.
    Broken { collection: usize, unread: Unread },
    /// A list ended after so many objects and broken items.
    Listed {
        collection: usize,
        handed: u64,
        listed: Listed,
    },
    /// What a list names after all its objects were read.
    Now {
        collection: usize,
        ids: std::result::Result<HashSet<String>, graph::Error>,
    },
}

/// What every thread does.
struct Worker<'a> {
    graph: &'a dyn Graph,
    key: &'a RedactionKey,
    rights: Rights,
    collections: &'a [Collection],
    queue: &'a Queue,
}

impl Worker<'_> {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the channel ends with its last sender"
    )]
    fn work(&self, sender: SyncSender<Message>) {
        let _stop = StopOnPanic(self.queue);
        while let Some(work) = self.queue.next() {
            // What belongs to objects is asked for together with other threads, while there is work.
            let together = self.graph.together();
            let reader = Reader {
                graph: &*together,
                key: self.key,
                rights: &self.rights,
            };
            let wanted = match work {
                Work::List(place) => {
                    let wanted = self.list(place, &reader, &sender);
                    self.queue.list_done();
                    wanted
                }
                Work::Object(pending) => self.object(&reader, &pending, &sender),
                Work::Again(place) => self.list_again(place, &sender),
            };
            if !wanted {
                self.queue.stop();
            }
        }
    }

    /// Reads a list; says whether anybody still wants to know.
    fn list(&self, place: usize, reader: &Reader<'_>, sender: &SyncSender<Message>) -> bool {
        let Some(collection) = self.collections.get(place) else {
            return true;
        };
        let mut handed = 0;
        let listed = collection.list(self.graph, &mut |found| {
            handed += u64::from(!matches!(found, Found::Elsewhere(_)));
            self.found(reader, place, found, sender) && !self.queue.stopped()
        });
        let Some(listed) = listed else {
            return false;
        };
        if listed
            .error
            .as_ref()
            .is_some_and(|error| error.fault.ends_run())
        {
            self.queue.stop();
        }
        let message = Message::Listed {
            collection: place,
            handed,
            listed,
        };
        sender.send(message).is_ok()
    }

    fn list_again(&self, place: usize, sender: &SyncSender<Message>) -> bool {
        let Some(collection) = self.collections.get(place) else {
            return true;
        };
        let ids = collection.ids(self.graph);
        if ids.as_ref().is_err_and(|error| error.fault.ends_run()) {
            self.queue.stop();
        }
        let message = Message::Now {
            collection: place,
            ids,
        };
        sender.send(message).is_ok()
    }

    fn found(
        &self,
        reader: &Reader<'_>,
        collection: usize,
        found: Found,
        sender: &SyncSender<Message>,
    ) -> bool {
        match found {
            Found::Elsewhere(_) => true,
            Found::Broken(unread) => sender.send(Message::Broken { collection, unread }).is_ok(),
            Found::Object(pending) if needs_nothing(&pending) => {
                self.object(reader, &pending, sender)
            }
            Found::Object(pending) => match self.queue.offer(pending) {
                Ok(()) => true,
                Err(pending) => self.object(reader, &pending, sender),
            },
        }
    }

    fn object(&self, reader: &Reader<'_>, pending: &Pending, sender: &SyncSender<Message>) -> bool {
        let done = reader.read(pending);
        if matches!(done, Done::Ended(_)) {
            self.queue.stop();
        }
        let message = Message::Object {
            collection: pending.collection,
            row: pending.row,
            again: pending.again,
            done,
        };
        sender.send(message).is_ok()
    }
}

/// The calling thread's side: counts, and feeds the sink.
struct Collector<'a> {
    queue: &'a Queue,
    sink: &'a mut dyn FnMut(Event) -> Result<()>,
    progress: Vec<Progress>,
    ended: Option<graph::Error>,
}

/// How far a collection is.
struct Progress {
    tallies: Vec<Tally>,
    /// Objects and broken items that are done.
    done: u64,
    /// How many there are and how the list ended, once it has.
    listed: Option<(u64, Listed)>,
}

impl<'a> Collector<'a> {
    fn new(
        collections: &[Collection],
        queue: &'a Queue,
        sink: &'a mut dyn FnMut(Event) -> Result<()>,
    ) -> Self {
        let progress = |collection: &Collection| Progress {
            tallies: collection.rows.iter().map(|row| Tally::new(row)).collect(),
            done: 0,
            listed: None,
        };
        Self {
            queue,
            sink,
            progress: collections.iter().map(progress).collect(),
            ended: None,
        }
    }

    fn collect(mut self, messages: &Receiver<Message>) -> Result<Option<graph::Error>> {
        for message in messages {
            let place = match message {
                Message::Object {
                    collection,
                    row,
                    again,
                    done,
                } => {
                    self.object(collection, row, again, done)?;
                    collection
                }
                Message::Broken { collection, unread } => {
                    self.broken(collection, unread)?;
                    collection
                }
                Message::Listed {
                    collection,
                    handed,
                    listed,
                } => {
                    self.listed(collection, handed, listed);
                    collection
                }
                Message::Now { collection, ids } => {
                    self.prove(collection, &ids)?;
                    collection
                }
            };
            self.close(place)?;
        }
        self.close_unfinished()?;
        Ok(self.ended)
    }

    fn object(
        &mut self,
        place: usize,
        row: &'static PolicyType,
        again: bool,
        done: Done,
    ) -> Result<()> {
        let Some(progress) = self.progress.get_mut(place) else {
            return Ok(());
        };
        let tally = progress
            .tallies
            .iter_mut()
            .find(|tally| tally.row().key == row.key);
        let Some(tally) = tally else {
            return Ok(());
        };
        let event = match done {
            Done::Ended(error) => {
                self.ended.get_or_insert(error);
                return Ok(());
            }
            Done::Read {
                document,
                flaw,
                extra,
            } => {
                tally.read(&document.id, &document.name, flaw.as_deref(), again);
                tally.cost(extra);
                Some(Event::Document(document))
            }
            Done::Failed { unread, error } => {
                tally.failed(&unread, error, again);
                Some(Event::Unread(unread))
            }
            Done::Gone { id, name } => {
                tally.missing(id, name, again);
                None
            }
        };
        progress.done += 1;
        event.map_or(Ok(()), |event| (self.sink)(event))
    }

    fn broken(&mut self, place: usize, unread: Unread) -> Result<()> {
        let Some(progress) = self.progress.get_mut(place) else {
            return Ok(());
        };
        let doubt = format!("an item of the list is broken: {}", unread.reason);
        for tally in &mut progress.tallies {
            tally.doubt(&doubt);
            if tally.row().key == unread.policy_type {
                tally.failed(&unread, None, false);
            }
        }
        progress.done += 1;
        (self.sink)(Event::Unread(unread))
    }

    fn listed(&mut self, place: usize, handed: u64, listed: Listed) {
        if let Some(error) = listed.error.as_ref().filter(|error| error.fault.ends_run()) {
            // Of several the first is why; what follows it is stopped only because of it.
            self.ended.get_or_insert_with(|| error.clone());
            return;
        }
        if let Some(progress) = self.progress.get_mut(place) {
            progress.listed = Some((handed, listed));
        }
    }

    /// Judges what was not found by what the list names now.
    fn prove(
        &mut self,
        place: usize,
        ids: &std::result::Result<HashSet<String>, graph::Error>,
    ) -> Result<()> {
        let Some(progress) = self.progress.get_mut(place) else {
            return Ok(());
        };
        let failed;
        let now = match ids {
            Err(error) if error.fault.ends_run() => {
                self.ended.get_or_insert_with(|| error.clone());
                progress.listed = None;
                return Ok(());
            }
            Err(error) => {
                failed = format!("its list could not be read once more: {error}");
                Err(failed.as_str())
            }
            Ok(ids) => Ok(ids),
        };
        for unread in prove(&mut progress.tallies, now) {
            (self.sink)(Event::Unread(unread))?;
        }
        Ok(())
    }

    /// Concludes a collection if everything of it is done.
    fn close(&mut self, place: usize) -> Result<()> {
        let Some(progress) = self.progress.get_mut(place) else {
            return Ok(());
        };
        let Some((handed, listed)) = &mut progress.listed else {
            return Ok(());
        };
        if progress.done < *handed {
            return Ok(());
        }
        if !listed.again.is_empty() {
            let again = std::mem::take(&mut listed.again);
            *handed += again.len() as u64;
            self.queue.put(again);
            return Ok(());
        }
        if progress.tallies.iter().any(Tally::lacks) {
            if listed.error.is_none() {
                self.queue.look_again(place);
                return Ok(());
            }
            let why = Err("its list was not read to the end");
            for unread in prove(&mut progress.tallies, why) {
                (self.sink)(Event::Unread(unread))?;
            }
        }
        let end = match &listed.error {
            None => ListEnd::Whole(listed.pages, listed.status),
            Some(error) => ListEnd::Failed(listed.pages, error),
        };
        for mut tally in std::mem::take(&mut progress.tallies) {
            tally.left_out(listed.left_out);
            tally.parents_gone(&listed.parents_gone);
            (self.sink)(Event::Reading(tally.conclude(end)))?;
        }
        self.queue.close_one();
        progress.listed = None;
        Ok(())
    }

    /// Concludes what the end of the reading left open.
    fn close_unfinished(&mut self) -> Result<()> {
        let unfinished = self
            .progress
            .iter_mut()
            .flat_map(|progress| progress.tallies.drain(..));
        for tally in unfinished {
            let Some(error) = &self.ended else {
                return Err(Error::internal(format!(
                    "reading policy type {} ended without a reason",
                    tally.row().key
                )));
            };
            (self.sink)(Event::Reading(tally.conclude(ListEnd::Unreached(error))))?;
        }
        Ok(())
    }
}

fn prove(tallies: &mut [Tally], now: std::result::Result<&HashSet<String>, &str>) -> Vec<Unread> {
    tallies
        .iter_mut()
        .flat_map(|tally| tally.prove(now))
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
