//! What a panic says: that it is a bug, where it is, and nothing of what the program had in hand.
//!
//! The words of most panics are put together where they happen, and may hold a part of a value: that
//! of a text that is cut in the middle of a character holds the text. So only words that stand in
//! the source as they are get told. The stack, with `RUST_BACKTRACE=1`, holds no values.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{PanicHookInfo, set_hook};

/// From now on a panic says no more than that.
pub fn tell_no_contents() {
    set_hook(Box::new(|panic| {
        // There is nobody left to tell where stderr is gone.
        let _ = writeln!(std::io::stderr(), "{}", told(panic));
    }));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    let words = panic.payload().downcast_ref::<&'static str>();
    let words = words.map_or_else(String::new, |words| format!(": {words}"));
    let stack = match Backtrace::capture() {
        stack if stack.status() == BacktraceStatus::Captured => format!("\n{stack}"),
        _ => String::new(),
    };
    format!(
        "error: tenantpilot panicked{place}{words}; this is a bug\n\
         hint: report it with that place and with what tenantpilot --version says{stack}"
    )
}
