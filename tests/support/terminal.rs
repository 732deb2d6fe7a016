//! A real pseudo-terminal, the program on it, and what somebody sees who looks at it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::env::{Env, PROGRAM, until};

/// More lines than anything that is tested writes, so that nothing scrolls away.
const ROWS: u16 = 400;
/// Longer than anything may take that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// A terminal with a program on it; both are gone when dropped.
pub struct Terminal {
    what: String,
    columns: u16,
    child: Child,
    master: Option<File>,
    written: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// What is on a screen.
#[derive(Debug)]
pub struct Screen {
    /// Its lines without trailing blanks, down to the last that is not empty.
    pub lines: Vec<String>,
    /// Whether the cursor can be seen.
    pub cursor: bool,
    /// In which column the cursor is, from 0.
    pub column: u16,
}

impl Screen {
    /// What so many columns show after all that was written.
    pub fn after(written: &[u8], columns: u16) -> Self {
        let mut parser = vt100::Parser::new(ROWS, columns, 0);
        parser.process(written);
        let screen = parser.screen();
        let mut lines: Vec<String> = screen
            .rows(0, columns)
            .map(|line| line.trim_end().to_owned())
            .collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        Self {
            lines,
            cursor: !screen.hide_cursor(),
            column: screen.cursor_position().1,
        }
    }

    /// Its lines in one.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

impl Terminal {
    /// Starts the program with `args`, its three streams on a terminal of so many columns.
    pub fn start(env: &Env, args: &[&str], columns: u16) -> Self {
        Self::stopped(env, args, columns).read()
    }

    /// Takes everything that is written from now on.
    fn read(mut self) -> Self {
        let mut master = self.master.as_ref().unwrap().try_clone().unwrap();
        let written = Arc::clone(&self.written);
        self.reader = Some(std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // When nobody holds the other side any more, reading fails.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        }));
        self
    }

    /// A shell command line on a terminal; `$0` is the program.
    pub fn shell(env: &Env, line: &str, columns: u16) -> Self {
        Self::opened(env, "sh", &["-c", line, PROGRAM], columns).read()
    }

    /// The program on a terminal that takes nothing more once its buffer is full, as after Ctrl-S.
    pub fn stopped(env: &Env, args: &[&str], columns: u16) -> Self {
        Self::opened(env, PROGRAM, args, columns)
    }

    fn opened(env: &Env, program: &str, args: &[&str], columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let master = master.unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: ROWS,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(OsStr::from_bytes(name.as_bytes()))
            .unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        let child = env
            .program(program, args)
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        Self {
            what: args.join(" "),
            columns,
            child,
            master: Some(File::from(master)),
            written: Arc::default(),
            reader: None,
        }
    }

    /// Everything that was written so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// What is on the screen now.
    pub fn screen(&self) -> Screen {
        Screen::after(&self.written.lock().unwrap(), self.columns)
    }

    /// Waits until there is `text` on the screen.
    pub fn await_text(&self, text: &str) {
        until(&format!("{text:?} of {}", self.what), LONG, || {
            self.screen().text().contains(text).then_some(())
        });
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.master.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status();
        assert!(sent.unwrap().success(), "SIG{name} to {}", self.what);
    }

    /// Closes a terminal that was stopped; the program goes on or does not.
    pub fn close(&mut self) {
        self.master = None;
    }

    /// Waits until the program ends; with which code, what is on the screen then, and everything that
    /// was written.
    pub fn end(mut self) -> (Option<i32>, Screen, String) {
        let code = self.await_end();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (code, self.screen(), self.written())
    }

    fn await_end(&mut self) -> Option<i32> {
        until(&format!("the end of {}", self.what), LONG, || {
            self.child.try_wait().unwrap()
        })
        .code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
