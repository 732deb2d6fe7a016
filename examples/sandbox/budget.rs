//! Limits that Graph keeps per tenant, in small.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How much a directory may still ask for.
#[derive(Debug)]
pub struct Budget {
    limit: Option<(u32, Duration)>,
    conditional_access: bool,
    windows: HashMap<(String, bool), (Instant, u32)>,
}

impl Budget {
    /// A number of requests in a time, and whether Conditional Access has its own limit.
    pub fn new(limit: Option<(u32, Duration)>, conditional_access: bool) -> Self {
        Self {
            limit,
            conditional_access,
            windows: HashMap::new(),
        }
    }

    /// Counts a request. `Some` when it is one too many: with the seconds to wait, or without, as
    /// Conditional Access answers.
    pub fn exceeded(&mut self, directory: &str, path: &str) -> Option<Option<u64>> {
        let slow = self.conditional_access && path.starts_with("identity/conditionalAccess/");
        let (most, length) = match (slow, self.limit) {
            (true, _) => (1, Duration::from_secs(1)),
            (false, Some(limit)) => limit,
            (false, None) => return None,
        };
        let now = Instant::now();
        let window = self
            .windows
            .entry((directory.to_owned(), slow))
            .or_insert((now, 0));
        if now.duration_since(window.0) >= length {
            *window = (now, 0);
        }
        window.1 += 1;
        if window.1 <= most {
            return None;
        }
        let left = length.saturating_sub(now.duration_since(window.0));
        Some((!slow).then(|| left.as_secs() + 1))
    }
}
