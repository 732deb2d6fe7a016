//! One round trip: counted, timed, logged.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::root::loggable;
use super::super::wire::{Answer, Lost, Outgoing, Payload};
use super::Client;

impl Client {
    /// Counts a request that goes out.
    pub(super) fn count(&self, again: bool) {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        self.gauge.count_request();
        if again {
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long a try on this endpoint may take at most, beside what is left of the run.
    pub(super) fn patience(&self, endpoint: &str) -> Option<Duration> {
        let now = self.shared.clock.monotonic();
        self.run().breakers.patience(endpoint, now)
    }

    /// One round trip.
    pub(super) fn send(
        &self,
        url: &str,
        payload: Payload<'_>,
        patience: Option<Duration>,
        new_connection: bool,
    ) -> Result<Answer, Lost> {
        let began = self.shared.clock.monotonic();
        let of_run = self.deadline.saturating_duration_since(began);
        let left = patience.map_or(of_run, |patience| patience.min(of_run));
        let request_id = uuid::Uuid::new_v4().to_string();
        self.counters.round_trips.fetch_add(1, Ordering::Relaxed);
        let verb = payload.verb();
        let outcome = self.shared.wire.send(&Outgoing {
            root: &self.root,
            url,
            payload,
            request_id: &request_id,
            left,
            new_connection,
            flag: Some("--graph-url"),
            platform: None,
        });
        let took = self.shared.clock.monotonic();
        log_try(
            verb,
            url,
            &outcome,
            &request_id,
            took.saturating_duration_since(began),
        );
        if let Ok(answer) = &outcome {
            let bytes = answer.body.len() as u64;
            self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        // The run is not over where only the endpoint's time is.
        outcome.map_err(|lost| lost.out_of_time_if(left == of_run))
    }
}

fn log_try(
    verb: &str,
    url: &str,
    outcome: &Result<Answer, Lost>,
    request_id: &str,
    took: Duration,
) {
    if !log::log_enabled!(log::Level::Debug) {
        return;
    }
    let url = loggable(url);
    let took = took.as_millis();
    match outcome {
        Ok(answer) => log::debug!(
            "{verb} {url}: {} in {took} ms, {} bytes, {}, request-id {}, client-request-id {request_id}, {}",
            answer.status,
            answer.body.len(),
            answer
                .headers
                .content_type
                .as_deref()
                .unwrap_or("no content type"),
            answer.headers.request_id.as_deref().unwrap_or("none"),
            answer
                .headers
                .diagnostic
                .as_deref()
                .unwrap_or("no diagnostic"),
        ),
        Err(Lost::Network { why, .. } | Lost::NoHandle(why)) => {
            log::debug!("{verb} {url}: {why} after {took} ms, client-request-id {request_id}");
        }
        Err(lost) => {
            log::debug!("{verb} {url}: {lost:?} after {took} ms, client-request-id {request_id}");
        }
    }
}
