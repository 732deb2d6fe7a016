//! Whether policy types can be read, tried with the least that shows it: one item of each list.
//!
//! What an answer means is judged as in a run, so that a trial and the next run agree on what is
//! forbidden or not offered. [`Outcome::Complete`](crate::policy::Outcome::Complete) says here that
//! the list answers, not that every policy in it can be read.
//!
//! A list that several types share is tried once. Nothing is expanded and no second page is asked
//! for. A failure of one list says nothing about another, so all are tried, at the same time: one
//! that has to be waited for does not hold up the rest. The graph keeps to the tenant's limits.

use std::thread;

use super::Reading;
use super::collection::{Collection, collections, is_not_offered, parent_id, parent_ids};
use super::parts;
use super::tally::{ListEnd, Tally};
use crate::graph::page::{self, Item};
use crate::graph::{Content, Error, Fault, Graph};
use crate::policy::catalogue::{PolicyType, Shape};
use crate::progress::Gauge;

/// Tries these policy types; one reading for each.
pub fn try_types(graph: &dyn Graph, types: &[&'static PolicyType], gauge: &Gauge) -> Vec<Reading> {
    let collections = collections(types);
    gauge.expect(types.len());
    thread::scope(|scope| {
        let begun: Vec<_> = collections
            .iter()
            .map(|collection| {
                let spawned = thread::Builder::new()
                    .spawn_scoped(scope, || try_collection(graph, collection, gauge));
                (collection, spawned)
            })
            .collect();
        begun
            .into_iter()
            .flat_map(|(collection, spawned)| match spawned {
                Ok(thread) => thread.join().unwrap_or_else(|_| broke(collection)),
                // Fewer threads are slower and no failure.
                Err(_) => try_collection(graph, collection, gauge),
            })
            .collect()
    })
}

fn try_collection(graph: &dyn Graph, collection: &Collection, gauge: &Gauge) -> Vec<Reading> {
    let tried = collection
        .rows
        .first()
        .map_or(Ok(()), |row| try_list(graph, row));
    let end = match &tried {
        Ok(()) => ListEnd::Whole(1, 200),
        Err(error) => ListEnd::Failed(0, error),
    };
    gauge.advance(collection.rows.len());
    conclude(collection, end)
}

fn broke(collection: &Collection) -> Vec<Reading> {
    let error = Error::new(Fault::BadResponse, "trying it panicked: this is a bug");
    conclude(collection, ListEnd::Failed(0, &error))
}

fn conclude(collection: &Collection, end: ListEnd<'_>) -> Vec<Reading> {
    let rows = collection.rows.iter();
    rows.map(|row| Tally::new(row).conclude(end)).collect()
}

/// One item of the row's list. Below a collection, of the first list there that is offered: where
/// that collection is empty, there is none to try.
fn try_list(graph: &dyn Graph, row: &'static PolicyType) -> Result<(), Error> {
    let Some(parents) = row.parents() else {
        return try_below(graph, row, None);
    };
    let Some(item) = page::read_one(graph, &parents)? else {
        return Ok(());
    };
    let first = parent_id(&parents, &Item::of(&item))?;
    let answer = try_below(graph, row, Some(&first));
    if !answer.as_ref().is_err_and(is_not_offered) {
        return answer;
    }
    // It may be gone by now, or the only one without.
    let others = parent_ids(graph, &parents)?;
    if others.is_empty() {
        return Ok(());
    }
    let others = others.iter().filter(|id| **id != first);
    others
        .map(|id| try_below(graph, row, Some(id)))
        .find(|other| !other.as_ref().is_err_and(is_not_offered))
        .unwrap_or(answer)
}

fn try_below(
    graph: &dyn Graph,
    row: &'static PolicyType,
    parent: Option<&str>,
) -> Result<(), Error> {
    let request = match row.shape {
        Shape::List => row.list(parent, false),
        Shape::Single => row.object(parent, row.key, false),
    };
    let Some(request) = request else {
        let flaw = parts::unusable(parent.unwrap_or_default());
        return Err(Error::new(Fault::BadResponse, flaw));
    };
    match row.shape {
        Shape::List => page::read_one(graph, &request).map(drop),
        Shape::Single if row.may_be_absent => graph.find(&request, Content::Object).map(drop),
        Shape::Single => graph.get(&request).map(drop),
    }
}
