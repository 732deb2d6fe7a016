//! A program of somebody else's that is started: by its words, without a shell, with nothing on its
//! stdin and none of our files, and ended when it takes too long.
//!
//! What is started for an answer ([`Program::answer`]) stays in our group, so that it can ask its user
//! on the terminal and Ctrl-C reaches it. What is only told something ([`Program::tell`]) gets a group
//! of its own, which is ended as a whole.
//!
//! One that cannot be ended, because it acts as another user or hangs in the kernel, is left alone after
//! a moment: nobody waits without limit.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock::{Clock, SystemClock};
use crate::stop::Stop;

/// How often a program that goes on is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How long what a program has printed may take to arrive once it has ended.
const REST: Duration = Duration::from_millis(200);

/// Whether a path is that of a program, or of something that is not for us to look at.
pub fn may_start(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(file) => file.is_file() && file.permissions().mode() & 0o111 != 0,
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}

/// Whether there is beyond doubt nothing to start: not at this path, or, where it is a bare name, in none
/// of the folders of `search`, as PATH has them.
pub fn is_missing(path: &str, search: &OsStr) -> bool {
    match path.contains('/') {
        true => !may_start(Path::new(path)),
        false => {
            let mut folders = std::env::split_paths(search);
            !folders.any(|folder| may_start(&folder.join(path)))
        }
    }
}

/// How long a program that was killed may take to be gone.
const GONE: Duration = Duration::from_secs(2);

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: String,
    arguments: Vec<String>,
}

/// Why there is no end of a program to speak of.
#[derive(Debug)]
pub enum Unfinished {
    /// It could not be started.
    NotStarted(io::Error),
    /// A stop was requested.
    Stopped,
    /// It took longer than this.
    TooLong(Duration),
    /// It printed more than so many bytes.
    TooMuch(u64),
    /// What it printed could not be read, or its end not be waited for.
    Io(io::Error),
    /// It was to be ended because of this, could not be, and goes on as the process of this id.
    GoesOn(Box<Self>, u32),
}

/// What a program that is told something finds around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// What is set, beside what there is.
    pub set: Vec<(&'static str, String)>,
    /// What is taken away of what there is.
    pub unset: Vec<String>,
}

impl Program {
    /// Splits a command into words as a shell would; nothing in them is expanded.
    ///
    /// # Errors
    /// Why it is no command.
    pub fn of(command: &str) -> Result<Self, &'static str> {
        if command.contains('\0') {
            return Err("it has a character that no command has");
        }
        let mut words = shell_words::split(command)
            .map_err(|_| "a quote is not closed")?
            .into_iter();
        let path = words.next().filter(|path| !path.is_empty());
        Ok(Self {
            path: path.ok_or("it is empty")?,
            arguments: words.collect(),
        })
    }

    /// What is started, without its arguments.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether there is beyond doubt nothing to start: see [`is_missing`].
    pub fn is_missing(&self, search: &OsStr) -> bool {
        is_missing(&self.path, search)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::null());
        command
    }

    /// Starts it, and gives how it ended and what it printed on stdout, up to `most` bytes.
    ///
    /// # Errors
    /// It was not started, or was ended.
    pub fn answer(
        &self,
        limit: Duration,
        most: u64,
        clock: &dyn Clock,
        stop: &Stop,
    ) -> Result<(ExitStatus, Vec<u8>), Unfinished> {
        let (reader, writer) = io::pipe().map_err(Unfinished::NotStarted)?;
        let output = read_aside(reader, most).map_err(Unfinished::NotStarted)?;
        let mut command = self.command();
        command.stdout(writer).stderr(Stdio::null());
        let mut child = command.spawn().map_err(Unfinished::NotStarted)?;
        // With it goes our end of the pipe that it prints into.
        drop(command);
        let mut printed = None;
        let ended = wait(&mut child, limit, clock, stop, |child| {
            if printed.is_none() {
                printed = match output.try_recv() {
                    Ok(read) => Some(read.map_err(Unfinished::Io)?),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => Some(Vec::new()),
                };
            }
            // A grandchild may hold the pipe open; whoever gives an answer closes it.
            match printed.take() {
                Some(bytes) if bytes.len() as u64 > most => Err(Unfinished::TooMuch(most)),
                Some(bytes) => match child.try_wait().map_err(Unfinished::Io)? {
                    Some(status) => Ok(Some((status, bytes))),
                    None => {
                        printed = Some(bytes);
                        Ok(None)
                    }
                },
                None => Ok(None),
            }
        });
        // A program that is already gone is no reason to complain twice.
        ended.map_err(|why| end(&mut child, why, |child| drop(child.kill())))
    }

    /// Starts it with these variables, and gives how it ended. What it prints goes nowhere, or, where
    /// `heard`, into what comes back, up to `most` bytes.
    ///
    /// # Errors
    /// It was not started, or was ended together with what it had started.
    pub fn tell(
        &self,
        variables: &Variables,
        limit: Duration,
        heard: Option<u64>,
        clock: &dyn Clock,
        stop: &Stop,
    ) -> Result<(ExitStatus, Vec<u8>), Unfinished> {
        let mut command = self.command();
        command.process_group(0);
        for name in &variables.unset {
            command.env_remove(name);
        }
        let set = variables.set.iter();
        command.envs(set.map(|(name, value)| (name, value)));
        let ear = match heard {
            None => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
                None
            }
            Some(most) => {
                let (reader, writer) = io::pipe().map_err(Unfinished::NotStarted)?;
                let other = writer.try_clone().map_err(Unfinished::NotStarted)?;
                command.stdout(writer).stderr(other);
                Some(Ear::on(reader, most).map_err(Unfinished::NotStarted)?)
            }
        };
        let mut child = command.spawn().map_err(Unfinished::NotStarted)?;
        // With it go our ends of the pipe that it prints into.
        drop(command);
        let ended = wait(&mut child, limit, clock, stop, |child| {
            child.try_wait().map_err(Unfinished::Io)
        });
        let status = ended.map_err(|why| end(&mut child, why, kill_group))?;
        Ok((
            status,
            ear.map(|ear| ear.printed(clock, stop)).unwrap_or_default(),
        ))
    }
}

/// Looks at a program until `look` has seen its end, a stop is requested, or the time is over.
fn wait<T>(
    child: &mut Child,
    limit: Duration,
    clock: &dyn Clock,
    stop: &Stop,
    mut look: impl FnMut(&mut Child) -> Result<Option<T>, Unfinished>,
) -> Result<T, Unfinished> {
    let began = clock.monotonic();
    loop {
        if let Some(ended) = look(child)? {
            return Ok(ended);
        }
        if stop.requested().is_some() {
            return Err(Unfinished::Stopped);
        }
        if clock.monotonic().saturating_duration_since(began) >= limit {
            return Err(Unfinished::TooLong(limit));
        }
        clock.sleep(POLL, stop);
    }
}

fn kill_group(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
}

/// Ends a program by `kill`, and gives why it was to be ended; with that, where it could not be. By the
/// machine's own time, since no stop is waited for any more.
fn end(child: &mut Child, why: Unfinished, kill: impl FnOnce(&mut Child)) -> Unfinished {
    kill(child);
    let (clock, unheard) = (SystemClock, Stop::default());
    let began = clock.monotonic();
    while let Ok(None) = child.try_wait() {
        if clock.monotonic().saturating_duration_since(began) >= GONE {
            return Unfinished::GoesOn(Box::new(why), child.id());
        }
        clock.sleep(POLL, &unheard);
    }
    why
}

/// Reads the output in a thread of its own, because a read of a pipe knows no time limit.
fn read_aside(pipe: io::PipeReader, most: u64) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().spawn(move || {
        let mut printed = Vec::new();
        let read = pipe.take(most + 1).read_to_end(&mut printed);
        // Nobody listens any more when the time was over first.
        let _ = sender.send(read.map(|_| printed));
    })?;
    Ok(receiver)
}

/// Hears what a program prints while it prints it: something that it leaves behind may hold the pipe
/// open for ever.
struct Ear {
    heard: Arc<Mutex<Vec<u8>>>,
    over: Receiver<()>,
}

impl Ear {
    fn on(mut pipe: io::PipeReader, most: u64) -> io::Result<Self> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (sender, over) = channel();
        let shared = Arc::clone(&heard);
        std::thread::Builder::new().spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length) = pipe.read(&mut piece) {
                if length == 0 {
                    break;
                }
                let mut heard = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.len() as u64 <= most {
                    heard.extend_from_slice(piece.get(..length).unwrap_or_default());
                }
            }
            let _ = sender.send(());
        })?;
        Ok(Self { heard, over })
    }

    fn printed(self, clock: &dyn Clock, stop: &Stop) -> Vec<u8> {
        let began = clock.monotonic();
        while matches!(self.over.try_recv(), Err(TryRecvError::Empty))
            && clock.monotonic().saturating_duration_since(began) < REST
        {
            clock.sleep(POLL, stop);
        }
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::stop::Reason;

    fn told(command: &str, variables: &Variables) -> (ExitStatus, String) {
        let program = Program::of(command).unwrap();
        let limit = Duration::from_secs(60);
        let stop = Stop::default();
        let ended = program.tell(variables, limit, Some(1000), &SystemClock, &stop);
        let (status, printed) = ended.unwrap();
        (status, String::from_utf8(printed).unwrap())
    }

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        let program = Program::of("/bin/notify 'a b' $HOME \"$(touch x)\" ;").unwrap();
        assert_eq!(program.path(), "/bin/notify");
        assert_eq!(program.arguments, ["a b", "$HOME", "$(touch x)", ";"]);
        for bad in ["", "  ", "a 'b", "''", "a\0b"] {
            assert!(Program::of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_told_comes_by_variables_and_what_is_printed_is_heard() {
        let variables = Variables {
            set: vec![("TOLD", "a b".to_owned())],
            unset: vec!["HOME".to_owned()],
        };
        let (status, printed) = told(
            "/bin/sh -c 'echo \"$TOLD-$HOME-\"; echo err >&2; exit 3'",
            &variables,
        );
        assert_eq!(status.code(), Some(3));
        assert_eq!(printed, "a b--\nerr\n");
        let (status, printed) = told("/bin/sh -c 'sleep 600 & echo begun'", &variables);
        assert!(status.success());
        assert_eq!(
            printed, "begun\n",
            "what it leaves behind is not waited for"
        );
    }

    #[test]
    fn what_cannot_be_ended_is_left_alone_after_a_moment() {
        let mut child = Program::of("sleep 600").unwrap().command().spawn().unwrap();
        let began = Instant::now();
        let why = end(&mut child, Unfinished::Stopped, |_| ());
        assert!(began.elapsed() < Duration::from_secs(60));
        match why {
            Unfinished::GoesOn(why, id) => {
                assert!(matches!(*why, Unfinished::Stopped));
                assert_eq!(id, child.id());
            }
            other => panic!("{other:?}"),
        }
        let why = end(&mut child, Unfinished::Stopped, |child| {
            child.kill().unwrap();
        });
        assert!(matches!(why, Unfinished::Stopped), "{why:?}");
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let ids = folder.path().join("ids");
        let line = format!("/bin/sh -c 'sleep 600 & echo $! > {}; wait'", ids.display());
        let program = Program::of(&line).unwrap();
        let stop = Stop::default();
        let began = Instant::now();
        let (none, limit) = (Variables::default(), Duration::from_secs(600));
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !fs::read_to_string(&ids).is_ok_and(|text| text.ends_with('\n')) {
                    SystemClock.sleep(POLL, &Stop::default());
                }
                stop.request(Reason::Terminate);
            });
            program.tell(&none, limit, None, &SystemClock, &stop)
        });
        assert!(matches!(error, Err(Unfinished::Stopped)));
        let id = fs::read_to_string(&ids).unwrap();
        let stat = Path::new("/proc").join(id.trim()).join("stat");
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(began.elapsed() < Duration::from_secs(60), "it goes on");
            SystemClock.sleep(POLL, &Stop::default());
        }
        let error = program.tell(&none, Duration::ZERO, None, &SystemClock, &Stop::default());
        assert!(matches!(error, Err(Unfinished::TooLong(_))));
        let missing = Program::of("tenantpilot-no-such-program").unwrap();
        let error = missing.tell(&none, limit, None, &SystemClock, &Stop::default());
        assert!(matches!(error, Err(Unfinished::NotStarted(_))));
    }
}
