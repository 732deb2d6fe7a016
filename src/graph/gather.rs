//! Which small reads share a round trip: those that are asked for while others are under way.
//!
//! A thread that reads objects one after the other holds an [`Attendance`]. When it asks for
//! something it waits here, and what waits goes out together as soon as
//! - 20 wait for the same version, or
//! - nobody who attends is at work any more, so that nothing can be added, or
//! - one has waited for a second: a slow list must not hold objects up for long.
//!
//! No thread is kept for it: whoever finds that it is time takes the first 20, sends them, and hands
//! the others theirs. The sender may send fewer than it was given (the limits of the tenant may not
//! allow all); the rest stay first in line. A sender that panics leaves nobody waiting: what it did
//! not answer goes back in line, and its turn comes with the next.
//!
//! Knows nothing of HTTP; what is asked and what is told is the caller's.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Version, batch};

/// How long a read waits for company while somebody may bring some.
const LINGER: Duration = Duration::from_secs(1);

/// The reads of one run that wait for company.
#[derive(Debug)]
pub(super) struct Gather<Ask, Told> {
    state: Mutex<State<Ask, Told>>,
}

#[derive(Debug)]
struct State<Ask, Told> {
    /// Who attends and is at work.
    awake: usize,
    next: u64,
    waiting: HashMap<Version, VecDeque<Waiting<Ask>>>,
    told: HashMap<u64, Told>,
}

#[derive(Debug)]
struct Waiting<Ask> {
    number: u64,
    ask: Ask,
    bell: Arc<Condvar>,
    attending: bool,
}

/// Sends what it is given, or as many of the first as may go out, at least one: the answers to
/// those, in their order.
pub(super) type Send<'a, Ask, Told> = dyn Fn(&[&Ask]) -> Vec<Told> + 'a;

/// Those who are being sent. Who has no answer when it is dropped is first in line again.
struct Company<'a, Ask, Told> {
    gather: &'a Gather<Ask, Told>,
    version: Version,
    members: VecDeque<Waiting<Ask>>,
}

/// Somebody who is at work and may ask for something, until it is dropped.
#[derive(Debug)]
pub(super) struct Attendance<'a, Ask, Told>(&'a Gather<Ask, Told>);

/// An attendance that does not count, until it is dropped: its holder waits for something else.
#[derive(Debug)]
pub(super) struct Absence<'a, Ask, Told>(&'a Gather<Ask, Told>);

impl<Ask, Told> Default for Gather<Ask, Told> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                awake: 0,
                next: 0,
                waiting: HashMap::new(),
                told: HashMap::new(),
            }),
        }
    }
}

impl<Ask, Told> Gather<Ask, Told> {
    /// Attends: what waits may wait for what this thread asks.
    pub(super) fn attend(&self) -> Attendance<'_, Ask, Told> {
        self.lock().awake += 1;
        Attendance(self)
    }

    /// Stops attending for a while.
    pub(super) fn absent(&self) -> Absence<'_, Ask, Told> {
        self.fell_asleep(&mut self.lock());
        Absence(self)
    }

    /// Asks, together with others if there are any, and waits for the answer. `attending` where
    /// this thread holds an attendance.
    pub(super) fn ask(
        &self,
        version: Version,
        ask: Ask,
        attending: bool,
        send: &Send<'_, Ask, Told>,
    ) -> Told {
        let bell = Arc::new(Condvar::new());
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state
            .waiting
            .entry(version)
            .or_default()
            .push_back(Waiting {
                number,
                ask,
                bell: Arc::clone(&bell),
                attending,
            });
        if attending {
            self.fell_asleep(&mut state);
        }
        let mut waited_long = false;
        loop {
            if let Some(told) = state.told.remove(&number) {
                return told;
            }
            if state.waits(version, number) && (waited_long || state.is_time(version)) {
                drop(state);
                self.lead(version, send);
                state = self.lock();
                continue;
            }
            let woken = bell.wait_timeout(state, LINGER);
            let (guard, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            waited_long = timeout.timed_out();
        }
    }

    /// Sends the first in line and hands out what came of it.
    fn lead(&self, version: Version, send: &Send<'_, Ask, Told>) {
        let mut company = Company {
            gather: self,
            version,
            members: self.lock().first_in_line(version),
        };
        let asks: Vec<&Ask> = company.members.iter().map(|one| &one.ask).collect();
        let told = send(&asks);
        let mut state = self.lock();
        for told in told {
            let Some(one) = company.members.pop_front() else {
                break;
            };
            state.told.insert(one.number, told);
            state.awake += usize::from(one.attending);
            one.bell.notify_one();
        }
    }

    /// One fewer is at work. Where that was the last, those who wait are to look.
    fn fell_asleep(&self, state: &mut State<Ask, Told>) {
        state.awake = state.awake.saturating_sub(1);
        if state.awake == 0 {
            for first in state.waiting.values().filter_map(VecDeque::front) {
                first.bell.notify_one();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<Ask, Told>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Ask, Told> State<Ask, Told> {
    fn first_in_line(&mut self, version: Version) -> VecDeque<Waiting<Ask>> {
        let line = self.waiting.entry(version).or_default();
        line.drain(..line.len().min(batch::MOST)).collect()
    }

    fn waits(&self, version: Version, number: u64) -> bool {
        self.waiting
            .get(&version)
            .is_some_and(|line| line.iter().any(|waiting| waiting.number == number))
    }

    fn is_time(&self, version: Version) -> bool {
        let line = self.waiting.get(&version).map_or(0, VecDeque::len);
        line >= batch::MOST || self.awake == 0
    }
}

impl<Ask, Told> Drop for Attendance<'_, Ask, Told> {
    fn drop(&mut self) {
        self.0.fell_asleep(&mut self.0.lock());
    }
}

impl<Ask, Told> Drop for Absence<'_, Ask, Told> {
    fn drop(&mut self) {
        self.0.lock().awake += 1;
    }
}

impl<Ask, Told> Drop for Company<'_, Ask, Told> {
    fn drop(&mut self) {
        let mut state = self.gather.lock();
        let line = state.waiting.entry(self.version).or_default();
        while let Some(one) = self.members.pop_back() {
            line.push_front(one);
        }
        if let Some(first) = line.front() {
            first.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    type Numbers = Gather<u32, u32>;

    /// Doubles what it is asked, and writes down how many there were.
    fn doubled(sizes: &Mutex<Vec<usize>>, asks: &[&u32]) -> Vec<u32> {
        sizes.lock().unwrap().push(asks.len());
        asks.iter().map(|&&ask| ask * 2).collect()
    }

    #[test]
    fn who_is_alone_waits_for_nobody() {
        let (gather, sizes) = (Numbers::default(), Mutex::default());
        let send = |asks: &[&u32]| doubled(&sizes, asks);
        assert_eq!(gather.ask(Version::Beta, 4, false, &send), 8);
        let one = gather.attend();
        assert_eq!(gather.ask(Version::Beta, 5, true, &send), 10);
        drop(one);
        assert_eq!(*sizes.lock().unwrap(), [1, 1]);
    }

    #[test]
    fn threads_that_ask_again_and_again_fill_every_round_trip_but_few() {
        let (gather, sizes) = (Numbers::default(), Mutex::default());
        let attending: Vec<_> = (0..50).map(|_| gather.attend()).collect();
        std::thread::scope(|scope| {
            for (thread, attendance) in attending.into_iter().enumerate() {
                let (gather, sizes) = (&gather, &sizes);
                scope.spawn(move || {
                    let send = |asks: &[&u32]| doubled(sizes, asks);
                    for round in 0..100 {
                        let ask = u32::try_from(thread * 1000 + round).unwrap();
                        assert_eq!(gather.ask(Version::Beta, ask, true, &send), ask * 2);
                    }
                    drop(attendance);
                });
            }
        });
        let sizes = sizes.into_inner().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 5000);
        assert!(sizes.iter().all(|&size| size <= batch::MOST));
        // Nobody waits over a second for a thread that the machine does not let run.
        assert!(sizes.len() <= 500, "{} of at best 250", sizes.len());
    }

    #[test]
    fn what_did_not_go_out_is_first_in_line_again() {
        let gather = Numbers::default();
        let attending: Vec<_> = (0..12).map(|_| gather.attend()).collect();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (number, attendance) in (0..).zip(attending) {
                let (gather, order) = (&gather, &order);
                scope.spawn(move || {
                    let send = |asks: &[&u32]| {
                        let going = asks.len().min(5);
                        order.lock().unwrap().push(going);
                        asks[..going].iter().map(|&&ask| ask).collect()
                    };
                    assert_eq!(gather.ask(Version::Beta, number, true, &send), number);
                    drop(attendance);
                });
            }
        });
        assert_eq!(*order.lock().unwrap(), [5, 5, 2]);
    }

    #[test]
    fn somebody_who_is_slow_holds_the_others_up_for_a_moment_only() {
        let (gather, sizes) = (Numbers::default(), Mutex::default());
        let slow = gather.attend();
        let one = gather.attend();
        let send = |asks: &[&u32]| doubled(&sizes, asks);
        assert_eq!(gather.ask(Version::Beta, 1, true, &send), 2);
        let absent = gather.absent();
        assert_eq!(gather.ask(Version::Beta, 2, true, &send), 4);
        drop((absent, slow, one));
        assert_eq!(gather.lock().awake, 0);
    }

    #[test]
    fn a_sender_that_panics_leaves_nobody_waiting() {
        let gather = Numbers::default();
        let attending: Vec<_> = (0..6).map(|_| gather.attend()).collect();
        let sendings = AtomicUsize::new(0);
        let outcomes: Vec<bool> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..)
                .zip(attending)
                .map(|(number, attendance)| {
                    let (gather, sendings) = (&gather, &sendings);
                    scope.spawn(move || {
                        let _attendance = attendance;
                        let send = |asks: &[&u32]| {
                            assert!(sendings.fetch_add(1, Ordering::SeqCst) > 0, "the first");
                            asks.iter().map(|&&ask| ask).collect()
                        };
                        gather.ask(Version::Beta, number, true, &send)
                    })
                })
                .collect();
            asking.into_iter().map(|one| one.join().is_ok()).collect()
        });
        assert_eq!(outcomes.iter().filter(|fine| **fine).count(), 5);
    }
}
