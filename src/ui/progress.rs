//! Progress on stderr: a bar for each thing that goes on, gone when it is over.
//!
//! A thread of its own looks at the gauges ten times a second and draws. Whoever works only turns
//! counters, so that a terminal which is stopped, slow or gone holds up this thread and nobody else.
//! What fails to be drawn is not drawn.
//!
//! - Everything else that is written while bars are shown goes through [`Bars::aside`], which takes
//!   them off the screen first; the next look puts them back below.
//! - The cursor is never hidden, and a process that leaves in a hurry takes its bars away
//!   ([`Bars::wipe`]), so nothing has to be repaired afterwards.
//! - In the background of a terminal nothing is drawn: writing would stop the process where the
//!   terminal is set so (`stty tostop`).
//! - What is over within the first moment is never shown.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use terminal_size::terminal_size_of;

use super::text::visible;
use crate::clock::{Clock as _, SystemClock};
use crate::progress::{Gauge, Look, Progress};

/// What is over earlier is not shown.
const FIRST_LOOK: Duration = Duration::from_millis(300);
/// How long from one look to the next.
const EACH_LOOK: Duration = Duration::from_millis(100);
/// Below this many columns a line is made of less.
const WIDE: u16 = 70;
/// From so many columns on there is room for a long bar.
const WIDEST: u16 = 100;
/// The widest that the name of something gets.
const WIDEST_NAME: usize = 28;
/// How often a process that leaves tries to get hold of the bars.
const TRIES_TO_WIPE: u32 = 10_000;

/// The bars on the screen, if there are any. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Bars {
    screen: Arc<Mutex<Option<Screen>>>,
}

/// What is drawn.
#[derive(Debug)]
struct Screen {
    bars: MultiProgress,
    all: ProgressBar,
    shown: Vec<(Arc<Gauge>, ProgressBar)>,
}

impl Bars {
    /// Shows what goes on until what is returned is dropped. Where there can be no thread for it,
    /// nothing is shown.
    pub(super) fn follow(&self, progress: &Progress) -> Following {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        *self.lock() = Some(Screen::new());
        let (bars, progress, told) = (self.clone(), progress.clone(), Arc::clone(&over));
        let spawned = std::thread::Builder::new().spawn(move || {
            let mut pause = FIRST_LOOK;
            while !is_told_within(&told, pause) {
                pause = EACH_LOOK;
                let look = progress.look();
                if is_in_foreground()
                    && let Some(screen) = &mut *bars.lock()
                {
                    screen.draw(&look, SystemClock.monotonic());
                }
            }
        });
        Following {
            bars: self.clone(),
            over,
            thread: spawned.ok(),
        }
    }

    /// Writes something else while no bar is on the screen.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let screen = self.lock();
        if let Some(screen) = &*screen {
            screen.clear();
        }
        write()
    }

    /// Takes the bars away for good, for a process that is about to leave. It waits for nobody: a
    /// terminal that is stopped keeps what it shows.
    pub(super) fn wipe(&self) {
        for _ in 0..TRIES_TO_WIPE {
            match self.screen.try_lock() {
                Ok(mut screen) => return take_away(&mut screen),
                Err(TryLockError::Poisoned(screen)) => {
                    return take_away(&mut screen.into_inner());
                }
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Screen>> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_away(screen: &mut Option<Screen>) {
    if let Some(screen) = screen.take() {
        screen.clear();
    }
}

/// Progress that is shown until this is dropped.
#[must_use = "it is shown as long as this lives"]
pub(crate) struct Following {
    bars: Bars,
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, and what it may have died of must not matter.
            let _ = thread.join();
        }
        take_away(&mut self.bars.lock());
    }
}

/// Waits so long, or until told; says whether it was told.
fn is_told_within(told: &(Mutex<bool>, Condvar), pause: Duration) -> bool {
    let over = told.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = told.1.wait_timeout_while(over, pause, |over| !*over);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

/// Whether the terminal behind stderr is ours to write to; one that controls us not has no say in it.
fn is_in_foreground() -> bool {
    tcgetpgrp(std::io::stderr()).map_or(true, |group| group == getpgrp())
}

impl Screen {
    fn new() -> Self {
        // However many bars there are, all of them are written at most ten times a second.
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self {
            all: ProgressBar::hidden().with_style(style("{msg}")),
            bars,
            shown: Vec::new(),
        }
    }

    fn clear(&self) {
        // Whoever cannot be written to shows nothing either.
        let _ = self.bars.clear();
    }

    fn draw(&mut self, look: &Look, now: Instant) {
        let bars = &self.bars;
        self.shown.retain(|(gauge, bar)| {
            let goes_on = look.gauges.iter().any(|other| Arc::ptr_eq(other, gauge));
            if !goes_on {
                bars.remove(bar);
            }
            goes_on
        });
        let all = told_of_all(look);
        if !all.is_empty() && self.all.is_hidden() {
            self.all = bars.insert(0, ProgressBar::no_length().with_style(style("{wide_msg}")));
        }
        for gauge in &look.gauges {
            if !self
                .shown
                .iter()
                .any(|(other, _)| Arc::ptr_eq(other, gauge))
            {
                let bar = bars.add(ProgressBar::no_length());
                self.shown.push((Arc::clone(gauge), bar));
            }
        }
        let columns = terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| width.0);
        let names = look.gauges.iter().map(|gauge| name(gauge).chars().count());
        let widest = names.max().unwrap_or_default().min(WIDEST_NAME);
        self.all.set_message(all);
        for (gauge, bar) in &self.shown {
            bar.set_style(style(&template(gauge.total(), widest, columns)));
            if gauge.total() > 0 {
                bar.set_length(gauge.total());
            }
            bar.set_prefix(name(gauge));
            bar.set_message(told(gauge, now, columns));
            bar.set_position(gauge.done());
            bar.tick();
        }
        self.all.tick();
    }
}

fn name(gauge: &Gauge) -> String {
    visible(gauge.what()).into_owned()
}

/// A style that is a constant of ours but for widths; a mistake in it would show as no bars.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .tick_chars("-\\|/ ")
}

/// How a bar of `total` parts looks in so many columns; one whose total nobody knows only turns.
fn template(total: u64, widest_name: usize, columns: u16) -> String {
    let (bar, widest) = match columns {
        ..WIDE => (8, widest_name.min(14)),
        WIDE..WIDEST => (12, widest_name),
        _ => (20, widest_name),
    };
    match total {
        0 => format!("{{prefix:{widest}!}} {{spinner}} {{wide_msg}}"),
        _ => format!("{{prefix:{widest}!}} [{{bar:{bar}}}] {{wide_msg}}"),
    }
}

/// What is said beside a bar.
fn told(gauge: &Gauge, now: Instant, columns: u16) -> String {
    let mut parts = Vec::new();
    if gauge.total() > 0 {
        let of = format!("{}/{}", gauge.done(), gauge.total());
        parts.push(match columns < WIDE {
            true => of,
            false => format!("{of} {}", gauge.unit()),
        });
    }
    // What explains that nothing moves comes before what may find no room.
    let wait = gauge.wait(now).map(|until| until - now);
    match wait.filter(|wait| *wait >= Duration::from_secs(1)) {
        Some(wait) => parts.push(format!("waits {} s", wait.as_secs_f64().ceil())),
        None if !gauge.phase().is_empty() => parts.push(gauge.phase().to_owned()),
        None => {}
    }
    for (count, what) in [
        (gauge.policies(), "policies"),
        (gauge.requests(), "requests"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}

/// What is said above all bars; nothing where there is only one thing and it goes on.
fn told_of_all(look: &Look) -> String {
    let now = look.gauges.len() as u64;
    let waiting = look.planned.saturating_sub(look.over + now);
    if look.planned < 2 && waiting == 0 {
        return String::new();
    }
    let (over, planned) = (look.over, look.planned);
    let mut told = format!("{over} of {planned} runs over");
    if waiting > 0 {
        told.push_str(&format!(", {waiting} waiting"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(progress: &Progress) -> crate::progress::Watched {
        let gauge = progress.begin("contoso/nightly", "types");
        gauge.expect(79);
        gauge.advance(12);
        (0..143).for_each(|_| gauge.count_policy());
        (0..210).for_each(|_| gauge.count_request());
        gauge
    }

    #[test]
    fn a_line_tells_what_there_is_to_tell() {
        let (progress, now) = (Progress::default(), SystemClock.monotonic());
        let run = gauge(&progress);
        assert_eq!(
            told(&run, now, 80),
            "12/79 types, 143 policies, 210 requests"
        );
        run.enter("names what policies refer to");
        assert_eq!(
            told(&run, now, 40),
            "12/79, names what policies refer to, 143 policies, 210 requests"
        );
        run.waits_until(now + Duration::from_millis(11_500));
        assert_eq!(
            told(&run, now, 80),
            "12/79 types, waits 12 s, 143 policies, 210 requests"
        );
        let copy = progress.begin("database", "contents");
        copy.enter("copies");
        assert_eq!(told(&copy, now, 80), "copies");
    }

    #[test]
    fn runs_are_counted_where_there_are_several_or_one_waits() {
        let progress = Progress::default();
        let all = || told_of_all(&progress.look());
        progress.plan(1);
        assert_eq!(all(), "0 of 1 runs over, 1 waiting");
        let first = gauge(&progress);
        assert_eq!(all(), "", "its own bar says it");
        progress.plan(2);
        assert_eq!(all(), "0 of 3 runs over, 2 waiting");
        drop(first);
        progress.pass();
        let _last = gauge(&progress);
        assert_eq!(all(), "2 of 3 runs over");
    }

    #[test]
    fn every_template_is_one() {
        for columns in [20, 40, 69, 70, 80, 200] {
            for total in [0, 7] {
                let template = template(total, 20, columns);
                assert!(
                    ProgressStyle::with_template(&template).is_ok(),
                    "{template}"
                );
            }
        }
    }

    #[test]
    fn without_a_terminal_everything_happens_and_nothing_is_drawn() {
        let (bars, progress) = (Bars::default(), Progress::default());
        let following = bars.follow(&progress);
        let run = gauge(&progress);
        let look = progress.look();
        if let Some(screen) = &mut *bars.lock() {
            screen.draw(&look, SystemClock.monotonic());
        }
        assert_eq!(bars.aside(|| 7), 7);
        drop(run);
        drop(following);
        assert!(bars.lock().is_none());
        bars.wipe();
    }
}
