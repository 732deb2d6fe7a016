//! What a command ends with, by what it does.

use clap::Command;
use tenantpilot::cli::permit;
use tenantpilot::error::ExitCode;
use tenantpilot::role::Action;

use crate::page::escaped;

/// What each code says.
fn meaning(code: ExitCode) -> &'static str {
    match code {
        ExitCode::Ok => "Done, or nothing to do.",
        ExitCode::Failed => "Failures of several classes, or one of none of those below.",
        ExitCode::Usage => "A wrong flag, or a value that cannot be accepted.",
        ExitCode::Partial => "Done in part: what is missing is named.",
        ExitCode::NoStore => "There is no database.",
        ExitCode::Busy => "The lock of a schedule is held, or the database stayed locked.",
        ExitCode::Auth => "A sign-in was refused, or a permission is missing. Do not retry.",
        ExitCode::Unavailable => {
            "Graph throttled, failed or did not answer, after all tries. Retry later."
        }
        ExitCode::Integrity => {
            "The database or a content is damaged, or it is no database of ours."
        }
        ExitCode::Schema => "A newer tenantpilot wrote the database.",
        ExitCode::Storage => "The disk is full, may only be read, or refuses.",
        ExitCode::Config => "A credential or a setting cannot be used.",
        ExitCode::NotFound => "There is no such tenant, schedule, run or backup set.",
        ExitCode::Attention => "Nothing failed, and there is something to look at.",
        ExitCode::Denied => "The role of the user does not allow it.",
        ExitCode::TimedOut => "A run took longer than its --max-runtime.",
        ExitCode::Interrupted => "Ended by SIGINT.",
        ExitCode::Terminated => "Ended by SIGTERM.",
    }
}

/// What commands end with beside what others of their kind do.
const BESIDE: &[(&str, ExitCode)] = &[
    ("audit verify", ExitCode::Integrity),
    ("backups diff", ExitCode::Attention),
    ("backups export", ExitCode::Integrity),
    ("backups export", ExitCode::Storage),
    ("backups import", ExitCode::Partial),
    ("backups show", ExitCode::Integrity),
    ("backups verify", ExitCode::Integrity),
    ("db backup", ExitCode::Integrity),
    ("doctor", ExitCode::Attention),
    ("status", ExitCode::Attention),
    ("tenants add", ExitCode::Config),
    ("tenants edit", ExitCode::Config),
];

/// What they do not end with: they make a database, or tell of it as one finding among others.
const NEVER: &[(&str, ExitCode)] = &[
    ("doctor", ExitCode::NoStore),
    ("doctor", ExitCode::Integrity),
    ("tenants add", ExitCode::NoStore),
];

fn codes_of(action: Action) -> &'static [ExitCode] {
    use ExitCode as E;
    match action {
        Action::Nothing => &[],
        Action::Read => &[E::NoStore, E::Denied],
        Action::Inspect => &[E::NoStore, E::Integrity, E::Denied],
        Action::SignIn => &[E::NoStore, E::Auth, E::Unavailable, E::Config, E::Denied],
        Action::Run | Action::Dispatch => &[
            E::Failed,
            E::Partial,
            E::NoStore,
            E::Busy,
            E::Auth,
            E::Unavailable,
            E::Storage,
            E::Config,
            E::Denied,
            E::TimedOut,
            E::Interrupted,
            E::Terminated,
        ],
        _ => &[E::NoStore, E::Busy, E::Storage, E::Denied],
    }
}

/// The section of a page; of the whole program every code, of a group of commands none.
pub fn section(command: &Command, is_program: bool) -> String {
    let words = command.get_bin_name().unwrap_or_default();
    let words = words.strip_prefix("tenantpilot ").unwrap_or_default();
    let mut codes: Vec<ExitCode> = if is_program {
        ExitCode::ALL.to_vec()
    } else {
        of(command, words)
    };
    if codes.is_empty() {
        return String::new();
    }
    codes.sort_by_key(|code| code.number());
    codes.dedup();
    let mut text = ".SH \"EXIT STATUS\"\n".to_owned();
    for code in codes {
        text.push_str(&format!(
            ".TP\n\\fB{}\\fR\n{}\n",
            code.number(),
            escaped(meaning(code))
        ));
    }
    if !is_program {
        text.push_str(".PP\nThe others are in \\fBtenantpilot\\fR(1).\n");
    }
    text
}

fn of(command: &Command, words: &str) -> Vec<ExitCode> {
    let actions = permit::actions(words);
    if actions.is_empty() {
        return Vec::new();
    }
    let mut codes = vec![ExitCode::Ok, ExitCode::Usage];
    codes.extend(actions.iter().flat_map(|action| codes_of(*action)));
    let names = [
        "tenant",
        "schedule",
        "schedules",
        "run",
        "runs",
        "set",
        "sets",
    ];
    if command
        .get_arguments()
        .any(|arg| names.contains(&arg.get_id().as_str()))
    {
        codes.push(ExitCode::NotFound);
    }
    if actions.contains(&Action::Dispatch) {
        codes.push(ExitCode::Attention);
    }
    let beside = BESIDE.iter().filter(|(name, _)| *name == words);
    codes.extend(beside.map(|(_, code)| *code));
    codes.retain(|code| !NEVER.contains(&(words, *code)));
    codes
}
