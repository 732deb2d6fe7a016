//! What a panic says: that it is a bug, where it is, and nothing of what the program had in hand.
//!
//! The words of most panics are put together where they happen, and may hold a part of a value: that
//! of a text that is cut in the middle of a character holds the text. So only words that stand in
//! the source as they are get told. The stack, with `RUST_BACKTRACE=1`, holds no values.
//!
//! A panic that is caught (of one run among others, say) is told, and the program goes on. One that is
//! not ends it with exit 1 and, with `--json`, with the error object that each failure ends with.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::{Arc, Mutex, PoisonError};

use super::Ui;
use crate::error::{Error, ExitCode, Kind};

/// The newest panic: what it said in one line.
type Newest = Arc<Mutex<Option<String>>>;

/// Carries `work` out. Where it panics, that is told with no contents, and is the end; `work` says how
/// this process talks as soon as that is known.
pub fn guard(work: impl FnOnce(&mut Option<Ui>) -> ExitCode) -> ExitCode {
    let newest = tell_no_contents();
    let mut ui = None;
    catch_unwind(AssertUnwindSafe(|| work(&mut ui))).unwrap_or_else(|_| {
        if let Some(ui) = ui.filter(Ui::json) {
            let newest = newest.lock().unwrap_or_else(PoisonError::into_inner).take();
            let what = newest.unwrap_or_else(|| "tenantpilot panicked; this is a bug".to_owned());
            ui.failure(
                &Error::new(Kind::Internal, what).hint(HINT),
                ExitCode::Failed,
            );
        }
        ExitCode::Failed
    })
}

const HINT: &str = "report it with that place and with what tenantpilot --version says";

/// From now on a panic says no more than that.
fn tell_no_contents() -> Newest {
    let newest = Newest::default();
    let told = Arc::clone(&newest);
    set_hook(Box::new(move |panic| {
        let what = what(panic);
        // There is nobody left to tell where stderr is gone.
        let _ = writeln!(std::io::stderr(), "error: {what}\nhint: {HINT}{}", stack());
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }));
    newest
}

fn what(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    let words = panic.payload().downcast_ref::<&'static str>();
    let words = words.map_or_else(String::new, |words| format!(": {words}"));
    format!("tenantpilot panicked{place}{words}; this is a bug")
}

fn stack() -> String {
    match Backtrace::capture() {
        stack if stack.status() == BacktraceStatus::Captured => format!("\n{stack}"),
        _ => String::new(),
    }
}
