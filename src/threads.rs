//! Work that several threads do together, with as many of them as the system gives.

use std::thread;

/// Does `work` in so many threads, this one included; returns when all are done.
pub fn in_parallel(workers: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..workers {
            // Where the system gives no more threads, those that are there do all of it.
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, &work) {
                log::warn!("less is done at once, no thread to be had: {error}");
                break;
            }
        }
        work();
    });
}
