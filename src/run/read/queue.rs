//! The work that is left, shared by the threads that do it.
//!
//! Lists are known from the start, and so many of them are read at a time; objects come up while
//! lists are read. There is room for a bounded number of objects: whoever finds none reads the
//! object itself, so memory stays bounded and nobody ever waits for room. Threads wait here for
//! objects that may still come up, until every collection is closed or the queue is stopped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::object::Pending;

/// What a thread does next.
pub(super) enum Work {
    /// Read the list of the collection at this place.
    List(usize),
    /// Read what belongs to an object.
    Object(Pending),
    /// See what the list of the collection at this place names now.
    Again(usize),
}

/// The work that is left.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    lists_at_once: usize,
    room: usize,
}

struct State {
    lists: VecDeque<usize>,
    lists_now: usize,
    objects: VecDeque<Pending>,
    again: VecDeque<usize>,
    open: usize,
    stopped: bool,
}

impl Queue {
    /// With so many lists to read, so many of them at once, and room for so many objects.
    pub(super) fn new(lists: usize, at_once: usize, room: usize) -> Self {
        Self {
            state: Mutex::new(State {
                lists: (0..lists).collect(),
                lists_now: 0,
                objects: VecDeque::new(),
                again: VecDeque::new(),
                open: lists,
                stopped: false,
            }),
            changed: Condvar::new(),
            lists_at_once: at_once.max(1),
            room,
        }
    }

    /// What to do next; waits for it. Nothing when all is done or stopped.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.open == 0 {
                return None;
            }
            // Objects first: they take memory.
            if let Some(object) = state.objects.pop_front() {
                return Some(Work::Object(object));
            }
            // What was deleted in between is told the better the sooner it is looked at.
            if let Some(list) = state.again.pop_front() {
                return Some(Work::Again(list));
            }
            if state.lists_now < self.lists_at_once
                && let Some(list) = state.lists.pop_front()
            {
                state.lists_now += 1;
                return Some(Work::List(list));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leaves an object to another thread; gives it back if there is no room.
    pub(super) fn offer(&self, object: Pending) -> Result<(), Box<Pending>> {
        let mut state = self.lock();
        if state.objects.len() >= self.room {
            return Err(Box::new(object));
        }
        state.objects.push_back(object);
        self.changed.notify_one();
        Ok(())
    }

    /// Leaves objects to the threads, room or not.
    pub(super) fn put(&self, objects: Vec<Pending>) {
        self.lock().objects.extend(objects);
        self.changed.notify_all();
    }

    /// Has the list of a collection looked at once more.
    pub(super) fn look_again(&self, list: usize) {
        self.lock().again.push_back(list);
        self.changed.notify_all();
    }

    /// A list was read, to its end or not.
    pub(super) fn list_done(&self) {
        let mut state = self.lock();
        state.lists_now = state.lists_now.saturating_sub(1);
        self.changed.notify_one();
    }

    /// Everything of one collection is done.
    pub(super) fn close_one(&self) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Nothing more is to be done.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Whether nothing more is to be done.
    pub(super) fn stopped(&self) -> bool {
        self.lock().stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the queue when dropped, also by a panic: nobody may wait for somebody who is gone.
pub(super) struct StopOnDrop<'a>(pub(super) &'a Queue);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Stops the queue when its thread panics.
pub(super) struct StopOnPanic<'a>(pub(super) &'a Queue);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
