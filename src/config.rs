//! Flags, environment and terminals, resolved once into a plain struct.
//!
//! The only reader of the environment besides secret.rs. Nothing is required of it: with no
//! variable set at all, as under cron or `env -i`, everything has a value. [`Config::resolve`] is
//! pure but for one look: where the database's path is a symbolic link, it is followed here, once.
//! The locks and the key lie beside the database, and whoever comes by a link has to find the same.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use crate::actor;

/// The database below a state folder.
const FILE: &str = "tenantpilot/tenantpilot.db";
/// The state folder of the whole machine.
const MACHINE_STATE: &str = "/var/lib";

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal that can show it
    #[default]
    Auto,
    /// Even into a file or pipe
    Always,
    /// Not at all
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// The global flags, as given.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--db`
    pub database: Option<PathBuf>,
    /// `--json`
    pub json: bool,
    /// `--plain`
    pub plain: bool,
    /// `-q`
    pub quiet: bool,
    /// How often `-v`
    pub verbosity: u8,
    /// `--color`
    pub color: Color,
    /// `--log-format`
    pub log_format: LogFormat,
}

/// What the process finds around it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `TENANTPILOT_DB`
    pub database: Option<PathBuf>,
    /// `XDG_STATE_HOME`
    pub state_home: Option<PathBuf>,
    /// The home folder: `HOME`, else what the system has on file for the user.
    pub home: Option<PathBuf>,
    /// Whether the process has root's rights.
    pub root: bool,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set, not empty and not `0`.
    pub clicolor_force: bool,
    /// `TERM` is `dumb`.
    pub dumb_terminal: bool,
    /// `COLUMNS`, where it is a number from 20 to 1000.
    pub columns: Option<u16>,
    /// `CI` is set to something other than nothing, `0` or `false`.
    pub ci: bool,
    /// `SUDO_USER`
    pub sudo_user: Option<String>,
    /// `JOURNAL_STREAM` names what is behind stderr: the journal of systemd.
    pub journal: bool,
    /// stdin is a terminal.
    pub stdin_terminal: bool,
    /// stdout is a terminal.
    pub stdout_terminal: bool,
    /// stderr is a terminal.
    pub stderr_terminal: bool,
    /// How wide the terminal behind stdout is, in columns.
    pub terminal_width: Option<u16>,
}

impl Environment {
    /// Reads it from the process.
    pub fn of_process() -> Self {
        let path = |name| Some(PathBuf::from(variable(name)?));
        let stdout = std::io::stdout();
        Self {
            database: path("TENANTPILOT_DB"),
            state_home: path("XDG_STATE_HOME"),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            root: actor::is_root(),
            no_color: variable("NO_COLOR").is_some(),
            clicolor_force: variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb_terminal: variable("TERM").is_some_and(|value| value == "dumb"),
            columns: variable("COLUMNS")
                .and_then(|value| value.to_str()?.parse().ok())
                .filter(|columns| (20..=1000).contains(columns)),
            ci: variable("CI").is_some_and(|value| value != "0" && value != "false"),
            sudo_user: variable("SUDO_USER").and_then(|value| value.into_string().ok()),
            journal: variable("JOURNAL_STREAM").is_some_and(|named| is_stderr(&named)),
            stdin_terminal: std::io::stdin().is_terminal(),
            stdout_terminal: stdout.is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            terminal_width: terminal_size::terminal_size_of(&stdout).map(|(width, _)| width.0),
        }
    }
}

/// Whether `named` is what is behind stderr, as `DEVICE:INODE`. A process that was started by a
/// service may have the variable and another stderr.
fn is_stderr(named: &OsStr) -> bool {
    rustix::fs::fstat(std::io::stderr())
        .is_ok_and(|stat| named.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino)))
}

/// The value of the variable `name`; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What the rest of the program goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the database is: no symbolic link, unless one that leads nowhere.
    pub database: PathBuf,
    /// `--db` as given.
    pub database_flag: Option<PathBuf>,
    /// Where it is for a crontab line of this user that does not say.
    pub cron_database: PathBuf,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// Whether stdout is one JSON document.
    pub json: bool,
    /// Whether tables are records for other programs.
    pub plain: bool,
    /// Whether only errors are said.
    pub quiet: bool,
    /// 0: errors are logged; 1: what happens; 2 and more: every detail.
    pub verbosity: u8,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Whether help and data on stdout have colour.
    pub stdout_color: bool,
    /// Whether talk on stderr has colour.
    pub stderr_color: bool,
    /// The columns a line of a table may take; without a number, as many as it needs.
    pub width: Option<u16>,
    /// Columns of the terminal that stdout is, where it is one: lines of text are broken to fit.
    pub terminal_width: Option<u16>,
    /// Whether the journal of systemd reads stderr: it wants to know how bad a line is, and has its
    /// own times.
    pub journal: bool,
    /// Whether there is somebody to ask.
    pub interactive: bool,
    /// Whether progress may be shown on stderr.
    pub progress: bool,
    /// Who called sudo, as sudo says.
    pub sudo_user: Option<String>,
    /// Whether somebody acts by sudo as another user than root.
    pub by_sudo: bool,
}

impl Config {
    /// Flags win over variables, variables over what the system says.
    pub fn resolve(flags: &Flags, environment: &Environment) -> Self {
        let color = |terminal| use_color(flags.color, environment, terminal);
        let terminal_width = environment
            .stdout_terminal
            .then_some(environment.terminal_width)
            .flatten();
        Self {
            database: behind_link(database(flags.database.as_deref(), environment)),
            database_flag: flags.database.clone(),
            cron_database: behind_link(database(None, &under_cron(environment))),
            home: environment.home.clone(),
            json: flags.json,
            plain: flags.plain,
            quiet: flags.quiet,
            verbosity: flags.verbosity,
            log_format: flags.log_format,
            stdout_color: color(environment.stdout_terminal),
            stderr_color: color(environment.stderr_terminal),
            width: terminal_width.or(environment.columns),
            terminal_width,
            journal: environment.journal && !flags.json && flags.log_format == LogFormat::Text,
            interactive: environment.stdin_terminal
                && environment.stderr_terminal
                && !environment.ci
                && !flags.json,
            progress: environment.stderr_terminal
                && !environment.dumb_terminal
                && !environment.ci
                && !flags.json
                && !flags.quiet,
            sudo_user: environment.sudo_user.clone(),
            by_sudo: !environment.root
                && environment
                    .sudo_user
                    .as_ref()
                    .is_some_and(|caller| caller != "root"),
        }
    }
}

/// Root's database belongs to the machine, so that sudo, cron and a login see the same one.
fn database(flag: Option<&Path>, environment: &Environment) -> PathBuf {
    if let Some(given) = flag.or(environment.database.as_deref()) {
        return given.to_owned();
    }
    let state = environment
        .state_home
        .clone()
        .filter(|path| path.is_absolute());
    let below_home = || Some(environment.home.as_ref()?.join(".local/state"));
    let folder = if environment.root {
        None
    } else {
        state.or_else(below_home)
    };
    folder
        .unwrap_or_else(|| PathBuf::from(MACHINE_STATE))
        .join(FILE)
}

/// What of the environment is there for what cron starts, as far as a database is found by it.
fn under_cron(environment: &Environment) -> Environment {
    Environment {
        home: environment.home.clone(),
        root: environment.root,
        ..Environment::default()
    }
}

/// The variables that say whose certificates are believed, where they are set.
pub fn trust_variables() -> Vec<(&'static str, PathBuf)> {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| Some((name, variable(name)?.into())))
        .collect()
}

/// Where programs are that are named without a folder.
pub fn search_path() -> OsString {
    variable("PATH").unwrap_or_else(|| "/bin:/usr/bin".into())
}

/// Where a path leads that is itself a symbolic link. Links among its folders do no harm: what lies
/// beside the database is in the same folder by any of their names.
fn behind_link(path: PathBuf) -> PathBuf {
    if path.is_symlink() {
        path.canonicalize().unwrap_or(path)
    } else {
        path
    }
}

/// The flag, else `NO_COLOR` (no-color.org), else `CLICOLOR_FORCE` (bixense.com/clicolors), else
/// whether the stream is a terminal that can show it.
fn use_color(flag: Color, environment: &Environment, terminal: bool) -> bool {
    match flag {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if environment.no_color => false,
        Color::Auto if environment.clicolor_force => true,
        Color::Auto => terminal && !environment.dumb_terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_of(flag: Option<&str>, environment: &Environment) -> String {
        let path = database(flag.map(Path::new), environment);
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_database_is_where_the_nearest_setting_says() {
        let mut environment = Environment::default();
        assert_eq!(
            database_of(None, &environment),
            "/var/lib/tenantpilot/tenantpilot.db"
        );
        environment.home = Some("/home/anna".into());
        let below_home = "/home/anna/.local/state/tenantpilot/tenantpilot.db";
        assert_eq!(database_of(None, &environment), below_home);
        environment.state_home = Some("relative".into());
        assert_eq!(
            database_of(None, &environment),
            below_home,
            "a relative XDG folder is void"
        );
        environment.state_home = Some("/state".into());
        assert_eq!(
            database_of(None, &environment),
            "/state/tenantpilot/tenantpilot.db"
        );
        environment.root = true;
        assert_eq!(
            database_of(None, &environment),
            "/var/lib/tenantpilot/tenantpilot.db"
        );
        environment.database = Some("here.db".into());
        assert_eq!(database_of(None, &environment), "here.db");
        assert_eq!(database_of(Some("flag.db"), &environment), "flag.db");
        assert_eq!(
            database_of(None, &under_cron(&environment)),
            "/var/lib/tenantpilot/tenantpilot.db"
        );
        environment.root = false;
        assert_eq!(database_of(None, &under_cron(&environment)), below_home);
    }

    #[test]
    fn a_linked_database_is_where_the_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("tp.db");
        let link = folder.path().join("link.db");
        let resolved = |path: &Path| {
            let flags = Flags {
                database: Some(path.to_owned()),
                ..Flags::default()
            };
            Config::resolve(&flags, &Environment::default()).database
        };
        std::os::unix::fs::symlink("tp.db", &link).unwrap();
        assert_eq!(resolved(&link), link, "it leads nowhere");
        std::fs::write(&real, "").unwrap();
        assert_eq!(resolved(&link), real);
        assert_eq!(resolved(Path::new("new.db")), Path::new("new.db"));
    }

    #[test]
    fn colour_goes_by_flag_then_variables_then_terminal() {
        let environment = |no_color, clicolor_force, dumb_terminal| Environment {
            no_color,
            clicolor_force,
            dumb_terminal,
            ..Environment::default()
        };
        let plain = environment(false, false, false);
        assert!(use_color(Color::Auto, &plain, true));
        assert!(!use_color(Color::Auto, &plain, false));
        assert!(use_color(
            Color::Always,
            &environment(true, false, true),
            false
        ));
        assert!(!use_color(
            Color::Never,
            &environment(false, true, false),
            true
        ));
        assert!(!use_color(
            Color::Auto,
            &environment(true, true, false),
            true
        ));
        assert!(use_color(
            Color::Auto,
            &environment(false, true, true),
            false
        ));
        assert!(!use_color(
            Color::Auto,
            &environment(false, false, true),
            true
        ));
    }

    #[test]
    fn a_table_has_a_width_only_where_somebody_gave_one() {
        let mut environment = Environment {
            terminal_width: Some(99),
            ..Environment::default()
        };
        let width = |environment: &_| Config::resolve(&Flags::default(), environment).width;
        assert_eq!(width(&environment), None, "stdout is no terminal");
        environment.columns = Some(70);
        assert_eq!(width(&environment), Some(70));
        let lines =
            |environment: &_| Config::resolve(&Flags::default(), environment).terminal_width;
        assert_eq!(lines(&environment), None, "what is piped stays as it is");
        environment.stdout_terminal = true;
        assert_eq!(width(&environment), Some(99));
        assert_eq!(lines(&environment), Some(99));
    }
}
