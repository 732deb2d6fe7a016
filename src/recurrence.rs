//! A recurrence: the rule of a schedule that yields slots.

/// The rule of a schedule that yields slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrence {}
