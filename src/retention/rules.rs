//! The rules of retention: what a schedule says, what the default says, and what holds.

use std::time::Duration;

/// What is in force: a set stays if any of these keeps it. A rule of 0 keeps nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The last so many sets; at least 1.
    pub last: u32,
    /// The newest set of each of the last so many days that have one.
    pub daily: u32,
    /// The same with weeks, which begin on Monday.
    pub weekly: u32,
    /// The same with months.
    pub monthly: u32,
    /// The same with years.
    pub yearly: u32,
    /// Every set that is not older than the newest by more than this.
    pub within: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            last: 30,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            within: Duration::ZERO,
        }
    }
}

impl Rules {
    /// Whether nothing but [`last`](Self::last) keeps a set.
    pub fn is_last_alone(&self) -> bool {
        !self.needs_calendar() && self.within.is_zero()
    }

    /// Whether periods are counted, for which the zone has to be known.
    pub fn needs_calendar(&self) -> bool {
        [self.daily, self.weekly, self.monthly, self.yearly] != [0; 4]
    }
}

/// What a schedule says; the default decides the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// [`Rules::last`].
    pub last: Option<u32>,
    /// [`Rules::daily`].
    pub daily: Option<u32>,
    /// [`Rules::weekly`].
    pub weekly: Option<u32>,
    /// [`Rules::monthly`].
    pub monthly: Option<u32>,
    /// [`Rules::yearly`].
    pub yearly: Option<u32>,
    /// [`Rules::within`].
    pub within: Option<Duration>,
}

impl From<Rules> for Keep {
    fn from(rules: Rules) -> Self {
        Self {
            last: Some(rules.last),
            daily: Some(rules.daily),
            weekly: Some(rules.weekly),
            monthly: Some(rules.monthly),
            yearly: Some(rules.yearly),
            within: Some(rules.within),
        }
    }
}

impl Keep {
    /// What is in force where the default says `default`.
    pub fn rules(&self, default: &Rules) -> Rules {
        Rules {
            last: self.last.unwrap_or(default.last).max(1),
            daily: self.daily.unwrap_or(default.daily),
            weekly: self.weekly.unwrap_or(default.weekly),
            monthly: self.monthly.unwrap_or(default.monthly),
            yearly: self.yearly.unwrap_or(default.yearly),
            within: self.within.unwrap_or(default.within),
        }
    }
}
