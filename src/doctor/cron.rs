//! Whether somebody starts `dispatch` each minute: a line in a crontab, a cron that reads it, and a
//! dispatch of late.
//!
//! Where a crontab may be is looked at quietly: what is not there, or not for us to read, is passed
//! over. Another scheduler may well do the work (a systemd timer, supercronic, another user's crontab,
//! a container beside this one), and nothing tells of it but its dispatches.
//!
//! One of late is no proof that the next will come: somebody who tries things out has begun it by hand.
//! A scheduler begins one each minute, and a person does not, for long. So where there is no line, or no
//! cron that would read it, dispatches count as a scheduler's when they have followed one another for
//! ten minutes with no gap in which a slot would be overdue; the lock folder remembers since when they do
//! (see [`crate::lock`]). Until then it is said what to type if it was by hand.

mod daemon;
mod newest;
mod tables;
mod told;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use self::tables::{MACHINE, MACHINE_FOLDER};
use super::{Surroundings, database, with_store};
use crate::crontab::EACH_MINUTE;
use crate::duration;
use crate::error::typed;
use crate::finding::{Finding, Level};
use crate::lock::Row;
use crate::program;
use crate::status::OVERDUE;
use crate::store::{self, Store};

pub use self::tables::{Line, Tables};

/// How long dispatches have to follow one another to be those of a scheduler.
const STEADY: TimeDelta = TimeDelta::seconds(10 * 60);

const INSTALL: &str = "sudo apt install cron (Fedora, RHEL: sudo dnf install cronie)";
const PRINT: &str = "tenantpilot cron print";
const PRINT_SYSTEM: &str = "tenantpilot cron print --system";
const LOOK_INTO: &str = "if the line is new, wait a minute, then tenantpilot doctor; if not: journalctl -u cron \
     (Fedora, RHEL: crond)";
const START: &str = "sudo systemctl enable --now cron (Fedora, RHEL: crond)";

/// What is known of who starts `dispatch`.
struct Known<'a> {
    now: DateTime<Utc>,
    lines: &'a [Line],
    /// Whether a cron runs; none where processes cannot be seen.
    daemon: Option<bool>,
    /// Whether there is a cron on this machine, running or not.
    installed: bool,
    last_dispatch: Option<DateTime<Utc>>,
    /// When the first of the dispatches began that led to the newest without a gap.
    dispatched_since: Option<DateTime<Utc>>,
    /// The newest dispatches that could start nothing.
    failed: Option<Row>,
    booted: Option<DateTime<Utc>>,
    /// How many schedules wait to be started; none where the database cannot be asked.
    enabled: Option<usize>,
    /// Whether a dispatch can write the database.
    writable: bool,
    database: &'a Path,
    default_database: &'a Path,
}

pub(super) fn examine(around: &Surroundings, store: Option<&Store>) -> Vec<Finding> {
    let mut enabled = None;
    let mut findings = with_store(store, "cron", |store| {
        let listed = store::schedules::list(store.read(), None, false)?;
        let waiting = listed.iter().filter(|one| one.schedule.settings.enabled);
        enabled = Some(waiting.count());
        Ok(Vec::new())
    });
    let tables = Tables::read();
    let daemon = daemon::is_running();
    let known = Known {
        now: around.now,
        lines: &tables.lines,
        daemon,
        installed: daemon == Some(true) || tables.has_program || daemon::is_installed(),
        last_dispatch: around.locks.last_dispatch(),
        dispatched_since: around.locks.dispatched_since(),
        failed: around.locks.failed_dispatches(),
        booted: booted(),
        enabled,
        writable: store.is_none_or(|store| database::obstacle(around, store).is_none()),
        database: &around.database,
        default_database: &around.default_database,
    };
    findings.extend(judge_lines(&known));
    findings.push(newest::judge(&known));
    findings
}

/// When the machine started (proc_stat(5)).
fn booted() -> Option<DateTime<Utc>> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    DateTime::from_timestamp(line.trim().parse().ok()?, 0)
}

fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    duration::about((now - at).to_std().unwrap_or_default())
}

/// Whether a dispatch began of late, whoever started it and whatever came of it.
fn is_lately(known: &Known<'_>) -> bool {
    let newest = known.last_dispatch.max(known.failed.map(|row| row.newest));
    newest.is_some_and(|at| known.now - at <= OVERDUE)
}

/// Since when dispatches follow one another as a scheduler's do, if they do.
fn steady_since(known: &Known<'_>) -> Option<DateTime<Utc>> {
    let well = known.last_dispatch.zip(known.dispatched_since);
    let well = well.map(|(newest, since)| Row { since, newest });
    let is_steady =
        |row: &Row| known.now - row.newest <= OVERDUE && row.newest - row.since >= STEADY;
    let rows = [well, known.failed].into_iter().flatten();
    rows.filter(is_steady).map(|row| row.since).min()
}

/// What to type where there is no line.
fn to_begin(known: &Known<'_>) -> String {
    match known.installed {
        true => PRINT.to_owned(),
        false => format!("{INSTALL}, then: {PRINT}"),
    }
}

/// What to type where there is a line and nobody who reads it.
fn to_start(known: &Known<'_>) -> &'static str {
    if known.installed { START } else { INSTALL }
}

/// What to type where lines have led to no dispatch of late.
fn to_dispatch(known: &Known<'_>) -> String {
    let broken = |line: &Line| judge_line(line, known).level == Level::Fail;
    match known.lines.first() {
        Some(line) if known.lines.iter().all(broken) => to_mend(line),
        _ if known.daemon == Some(false) => to_start(known).to_owned(),
        _ => LOOK_INTO.to_owned(),
    }
}

fn judge_lines(known: &Known<'_>) -> Vec<Finding> {
    if known.lines.is_empty() {
        return vec![judge_none(known)];
    }
    let mut findings: Vec<Finding> = known
        .lines
        .iter()
        .flat_map(|line| [vec![judge_line(line, known)], told::judge(line)].concat())
        .collect();
    if known.daemon == Some(false) && steady_since(known).is_none() {
        let what = match known.installed {
            true => "no cron is running that would read the line",
            false => "no cron is installed that would read the line",
        };
        findings.push(Finding::warn("cron", what, to_start(known)));
    }
    findings
}

/// What there is to say where no line starts `dispatch`.
fn judge_none(known: &Known<'_>) -> Finding {
    let check = "cron";
    let mut what = format!(
        "no line that starts dispatch in this user's crontab, {MACHINE} or {MACHINE_FOLDER}"
    );
    if let Some(since) = steady_since(known) {
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let other = "something else has started it without a gap since";
        return Finding::ok(check, format!("{what}; {other} {since}"));
    }
    if known.enabled == Some(0) {
        return Finding::ok(check, what);
    }
    if !known.installed {
        what.push_str(", and no cron is installed");
    }
    if !is_lately(known) {
        return Finding::warn(check, what, to_begin(known));
    }
    let what = format!(
        "{what}; the newest dispatch was begun by hand, or by something else that has not done so \
         for {} yet",
        duration::about(STEADY.to_std().unwrap_or_default())
    );
    Finding::warn(check, what, format!("if by hand: {}", to_begin(known)))
}

fn judge_line(line: &Line, known: &Known<'_>) -> Finding {
    let (check, entry, dispatch) = ("cron", &line.entry, &line.dispatch);
    let said = format!("{}: {} {}", line.table, entry.when, dispatch.shown);
    if let Some(why) = &line.ignored {
        let plain = format!(
            "sudo mv {} {MACHINE_FOLDER}/tenantpilot",
            shell_words::quote(&line.table)
        );
        return Finding::warn(check, format!("{said}: {why}"), plain);
    }
    if let Some(why) = misread(line) {
        return Finding::fail(check, format!("{said}: {why}"), to_mend(line));
    }
    // A bare name whose dispatches follow one another is found, wherever this cron looks.
    let search = dispatch.search.as_deref();
    let search = search.filter(|_| steady_since(known).is_none());
    if let Some(why) = unstartable(&dispatch.program, search) {
        return Finding::fail(check, format!("{said}: {why}"), to_mend(line));
    }
    if let Some(database) = &dispatch.database
        && !Path::new(database).is_absolute()
    {
        let what = format!("{said}: cron starts it elsewhere, so {database:?} names no database");
        return Finding::fail(check, what, to_mend(line));
    }
    let named = dispatch.database.as_deref().map(Path::new);
    // Whose default it would be is not known of another user.
    let of_default = entry.user.is_none().then_some(known.default_database);
    if let Some(other) = named.or(of_default)
        && !is_same(other, known.database)
    {
        let what = format!(
            "{said}: it looks after another database, {}",
            other.display()
        );
        let hint = format!("tenantpilot --db {} doctor", typed(other));
        return Finding::warn(check, what, hint);
    }
    if entry.when != EACH_MINUTE && entry.when != "*/1 * * * *" {
        let what = format!("{said}: slots in minutes between are missed");
        return Finding::warn(check, what, to_mend(line));
    }
    if dispatch.discards {
        let what = format!("{said}: nobody hears of a failure");
        let hint =
            "take >/dev/null and 2>&1 away, and set MAILTO: when all is well there is no line";
        return Finding::warn(check, what, hint);
    }
    Finding::ok(check, said)
}

/// What is wrong with a line whose user is one too many, or is not there.
fn misread(line: &Line) -> Option<String> {
    let missing = "a line of this table has to name a user before the program";
    match (line.names_user, &line.misplaced) {
        (true, None) if line.entry.user.is_none() => Some(missing.to_owned()),
        (true, Some(word)) => Some(format!("{word} is no user: {missing}")),
        (false, Some(user)) => Some(format!(
            "cron takes {user} for the program: a line of a user's crontab names no user"
        )),
        _ => None,
    }
}

/// Why a program cannot be started from a line, where that is beyond doubt: cron starts it elsewhere,
/// so nothing is known of a path that does not begin at the root.
fn unstartable(path: &str, search: Option<&str>) -> Option<String> {
    match (path.contains('/'), search) {
        (true, _) if path.starts_with('/') && program::is_missing(path, OsStr::new("")) => {
            Some(format!("{path} is no program that can be started"))
        }
        (false, Some(search)) if program::is_missing(path, OsStr::new(search)) => Some(format!(
            "{path} is in none of the folders where cron looks for programs, {search}"
        )),
        _ => None,
    }
}

/// What to type where a line has to be another: the table is opened, for the old one would stay beside
/// what is added.
fn to_mend(line: &Line) -> String {
    let print = if line.names_user { PRINT_SYSTEM } else { PRINT };
    format!(
        "{}, and put in the place of that line what this prints: {print}",
        told::edit(&line.table)
    )
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::tables::{find_misplaced, of_machine, of_user};
    use super::*;

    pub(super) fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    pub(super) fn known(lines: &[Line]) -> Known<'_> {
        Known {
            now: at("2026-12-01T02:00:30Z"),
            lines,
            daemon: Some(true),
            installed: true,
            last_dispatch: None,
            dispatched_since: None,
            failed: None,
            booted: None,
            enabled: Some(1),
            writable: true,
            database: Path::new("/db/tp.db"),
            default_database: Path::new("/db/tp.db"),
        }
    }

    pub(super) fn line(text: &str) -> Vec<Line> {
        let found = of_user(text, "sh");
        assert_eq!(found.len(), 1, "{text}");
        found
    }

    fn level(text: &str) -> Level {
        let lines = line(text);
        judge_line(&lines[0], &known(&lines)).level
    }

    #[test]
    fn a_line_is_judged_by_what_it_would_start() {
        assert_eq!(level("* * * * * sh dispatch"), Level::Ok);
        assert_eq!(
            level("* * * * * /bin/sh -c x; tenantpilot --db /db/tp.db dispatch"),
            Level::Ok
        );
        assert_eq!(
            level("* * * * * /nowhere/tenantpilot dispatch"),
            Level::Fail
        );
        assert_eq!(level("* * * * * sh --db tp.db dispatch"), Level::Fail);
        assert_eq!(level("* * * * * sh --db /other.db dispatch"), Level::Warn);
        assert_eq!(
            level("TENANTPILOT_DB=/other.db\n* * * * * sh dispatch"),
            Level::Warn
        );
        assert_eq!(level("*/5 * * * * sh dispatch"), Level::Warn);
        assert_eq!(level("* * * * * sh dispatch >/dev/null 2>&1"), Level::Warn);
    }

    #[test]
    fn a_program_that_cron_does_not_find_is_told_unless_something_finds_it() {
        let judged = |text: &str| {
            let lines = line(text);
            judge_line(&lines[0], &known(&lines))
        };
        for missing in [
            "PATH=/nowhere\n* * * * * sh dispatch",
            "PATH=/bin\n* * * * * PATH=/nowhere sh dispatch",
        ] {
            let found = judged(missing);
            assert_eq!(found.level, Level::Fail, "{missing}");
            assert!(
                found.message.ends_with("looks for programs, /nowhere"),
                "{found:?}"
            );
            assert_eq!(found.hint, Some(to_mend(&line(missing)[0])));
        }
        let a_shell_knows = judged("PATH=/nowhere\n* * * * * . ./profile; sh dispatch");
        assert_eq!(a_shell_knows.level, Level::Ok);
        let lines = line("PATH=/nowhere\n* * * * * sh dispatch");
        let steady = Known {
            last_dispatch: Some(at("2026-12-01T02:00:01Z")),
            dispatched_since: Some(at("2026-12-01T01:00:01Z")),
            ..known(&lines)
        };
        assert_eq!(judge_line(&lines[0], &steady).level, Level::Ok);
    }

    #[test]
    fn a_user_too_many_and_a_user_too_few_are_told() {
        let mut lines = line("* * * * * root sh dispatch");
        assert_eq!(lines[0].dispatch.led_by.as_deref(), Some("root"));
        lines[0].misplaced = Some("root".to_owned());
        let found = judge_line(&lines[0], &known(&lines));
        assert_eq!(found.level, Level::Fail);
        let hint = "crontab -e, and put in the place of that line what this prints: \
                    tenantpilot cron print";
        assert_eq!(found.hint.as_deref(), Some(hint));
        assert!(
            found.message.contains("cron takes root for the program"),
            "{found:?}"
        );

        let of_machine = |text: &str| of_machine("/etc/cron.d/t", text, "sh");
        let lines = of_machine("* * * * * /bin/sh dispatch");
        let found = judge_line(&lines[0], &known(&lines));
        assert_eq!(found.level, Level::Fail);
        let hint = "sudoedit /etc/cron.d/t, and put in the place of that line what this prints: \
                    tenantpilot cron print --system";
        assert_eq!(found.hint.as_deref(), Some(hint));
        assert!(found.message.contains("has to name a user"), "{found:?}");
        let mut lines = of_machine("* * * * * X=1 /bin/sh dispatch");
        find_misplaced(&mut lines[0]);
        let found = judge_line(&lines[0], &known(&lines));
        assert_eq!(found.level, Level::Fail);
        assert!(found.message.contains("X=1 is no user: "), "{found:?}");
        let lines = of_machine("* * * * * tenantpilot /bin/sh --db /db/tp.db dispatch");
        assert_eq!(lines[0].entry.user.as_deref(), Some("tenantpilot"));
        assert_eq!(judge_line(&lines[0], &known(&lines)).level, Level::Ok);
        assert!(of_machine("* * * * * tenantpilot echo dispatch").is_empty());
    }

    fn only(known: &Known<'_>) -> Finding {
        let mut found = judge_lines(known);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn a_dispatch_by_hand_stands_for_no_scheduler_and_a_row_of_them_does() {
        let dispatched = |since: &str, last: &str| {
            only(&Known {
                last_dispatch: Some(at(last)),
                dispatched_since: Some(at(since)),
                ..known(&[])
            })
        };
        let by_hand = dispatched("2026-12-01T02:00:01Z", "2026-12-01T02:00:01Z");
        assert_eq!(by_hand.level, Level::Warn);
        assert!(by_hand.message.contains("begun by hand"), "{by_hand:?}");
        let hint = "if by hand: tenantpilot cron print";
        assert_eq!(by_hand.hint.as_deref(), Some(hint));
        let twice = dispatched("2026-12-01T01:50:02Z", "2026-12-01T02:00:01Z");
        assert_eq!(twice.level, Level::Warn);
        let timer = dispatched("2026-12-01T01:50:01Z", "2026-12-01T02:00:01Z");
        assert_eq!(timer.level, Level::Ok);
        let since = "started it without a gap since 2026-12-01T01:50:01Z";
        assert!(timer.message.ends_with(since), "{timer:?}");
        let stopped = dispatched("2026-11-01T02:00:01Z", "2026-12-01T01:00:01Z");
        assert_eq!(stopped.hint.as_deref(), Some(PRINT));
        let waiting = |enabled| Known {
            enabled,
            ..known(&[])
        };
        assert_eq!(only(&waiting(Some(0))).level, Level::Ok);
        assert_eq!(only(&waiting(None)).level, Level::Warn);
    }

    #[test]
    fn where_there_is_no_cron_it_is_said_how_to_get_one_before_the_line() {
        let bare = Known {
            daemon: Some(false),
            installed: false,
            ..known(&[])
        };
        let install = "sudo apt install cron (Fedora, RHEL: sudo dnf install cronie)";
        let both = format!("{install}, then: tenantpilot cron print");
        let found = only(&bare);
        assert!(found.message.ends_with("no cron is installed"), "{found:?}");
        assert_eq!(found.hint.as_ref(), Some(&both));
        assert_eq!(newest::judge(&bare).hint.as_ref(), Some(&both));
        let by_hand = Known {
            last_dispatch: Some(bare.now),
            dispatched_since: Some(bare.now),
            ..bare
        };
        let hint = format!("if by hand: {both}");
        assert_eq!(only(&by_hand).hint, Some(hint));
        let lines = line("* * * * * sh dispatch");
        let unread = Known {
            lines: &lines,
            ..by_hand
        };
        let found = judge_lines(&unread).remove(1);
        assert!(found.message.starts_with("no cron is installed"));
        assert_eq!(found.hint.as_deref(), Some(install));
    }

    #[test]
    fn a_daemon_matters_only_where_no_scheduler_dispatches() {
        let levels = |known: &Known<'_>| -> Vec<Level> {
            judge_lines(known).iter().map(|found| found.level).collect()
        };
        let lines = line("* * * * * sh dispatch");
        let asleep = Known {
            daemon: Some(false),
            last_dispatch: Some(at("2026-12-01T02:00:01Z")),
            ..known(&lines)
        };
        assert_eq!(levels(&asleep), [Level::Ok, Level::Warn]);
        let elsewhere = Known {
            dispatched_since: Some(at("2026-12-01T01:00:01Z")),
            ..asleep
        };
        assert_eq!(levels(&elsewhere), [Level::Ok]);
        let unseen = Known {
            daemon: None,
            ..known(&lines)
        };
        assert_eq!(levels(&unseen), [Level::Ok]);
    }

    #[test]
    fn a_table_that_cron_passes_over_is_told() {
        let mut lines = line("* * * * * sh dispatch");
        lines[0].ignored = Some("why".to_owned());
        assert_eq!(judge_line(&lines[0], &known(&lines)).level, Level::Warn);
    }
}
