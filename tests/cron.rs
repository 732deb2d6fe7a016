//! A real cron daemon starts `dispatch` each minute, in cron's bare environment: three slots of a
//! schedule run, and there is no mail.
//!
//! `.ci/cron` fetches the daemon and runs this; it takes four minutes. The daemon sees a folder of
//! crontabs, a `/run` and a `sendmail` of its own, in a mount namespace that ends with it. A second
//! entry of the crontab prints a line, whose mail shows that mail would be seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use env::PROGRAM;
use fleet::Fleet;

/// Hides what the machine has of cron and mail behind what lies in the folder `$1`, then becomes the
/// daemon `$2`.
const PLACE: &str = r#"
set -eu
for hidden in /var/spool /run /usr/sbin /etc/pam.d; do
    test -d "$hidden"
done
cp -r /etc/pam.d/. "$1/pam.d"
mount -t tmpfs tmpfs /var/spool
mkdir -p /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
install -m 600 "$1/crontab" /var/spool/cron/crontabs/root
mount -t tmpfs tmpfs /run
mount --bind "$1/sbin" /usr/sbin
mount --bind "$1/pam.d" /etc/pam.d
mkdir "$1/empty"
for folder in /etc/cron.d /etc/cron.hourly; do
    test ! -d "$folder" || mount --bind "$1/empty" "$folder"
done
test ! -e /etc/crontab || mount --bind /dev/null /etc/crontab
exec "$2" -f
"#;

/// The daemon; it ends with the test.
struct Cron(Child);

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The mails to that reader.
fn mails(folder: &Path, reader: &str) -> Vec<String> {
    let mails = fs::read_dir(folder).unwrap().flatten();
    let texts = mails.map(|mail| fs::read_to_string(mail.path()).unwrap());
    texts.filter(|text| text.contains(reader)).collect()
}

/// Writes what the daemon is to find, and starts it.
fn start(fleet: &Fleet) -> Cron {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/cron");
    let daemon = unpacked.join("usr/sbin/cron");
    assert!(daemon.exists(), "run .ci/cron, which fetches the daemon");
    for folder in ["sbin", "pam.d", "mails"] {
        fs::create_dir(fleet.env.path(folder)).unwrap();
    }
    // The daemon asks whether its user may have a session.
    let permit = "account required pam_permit.so\nauth required pam_permit.so\n\
                  session required pam_permit.so\n";
    fleet.env.file("pam.d/cron", permit, 0o644);
    let (database, mails) = (fleet.env.database(), fleet.env.path("mails"));
    let sendmail = format!(
        "#!/bin/sh\nmail={}/$$\n{{ echo \"$@\"; cat; }} > $mail\n",
        mails.display()
    );
    fleet.env.file("sbin/sendmail", &sendmail, 0o755);
    let crontab = format!(
        "MAILTO=operator@example.com\nTENANTPILOT_DB={}\n* * * * * {PROGRAM} dispatch\n\
         MAILTO=control@example.com\n* * * * * env\n",
        database.display()
    );
    fleet.env.file("crontab", &crontab, 0o600);
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", PLACE, "sh"])
        .args([fleet.env.path(""), daemon])
        .stdin(Stdio::null())
        .spawn();
    Cron(child.unwrap())
}

#[test]
#[ignore = "takes four minutes, see .ci/cron"]
fn three_slots_run_and_nobody_gets_mail() {
    let fleet = Fleet::new();
    let folder: PathBuf = fleet.env.path("mails");
    let mut cron = start(&fleet);
    let minutes = Duration::from_secs(5 * 60);
    // It works, before there is a slot to miss.
    env::until("a mail of what prints", minutes, || {
        assert!(cron.0.try_wait().unwrap().is_none(), "cron ended");
        (!mails(&folder, "control@example.com").is_empty()).then_some(())
    });
    let rest = ["--types", "assignmentFilter", "--cron", "* * * * *"];
    fleet.add("each-minute", "contoso", &rest);
    let runs = env::until("three runs", minutes, || {
        let runs = fleet.runs();
        let over = runs.iter().filter(|run| !run["finished_at"].is_null());
        (over.count() >= 3).then_some(runs)
    });
    drop(cron);
    let slots: Vec<DateTime<Utc>> = runs
        .iter()
        .map(|run| {
            assert_eq!(run["status"], "success", "{run}");
            assert_eq!(run["trigger"], "schedule");
            run["scheduled_for"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    for pair in slots.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(60), "{slots:?}");
    }
    let to_operator = mails(&folder, "operator@example.com");
    assert!(to_operator.is_empty(), "{to_operator:?}");
    let printed = mails(&folder, "control@example.com").remove(0);
    let variables: Vec<&str> = printed
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    assert!(variables.contains(&"HOME") && variables.contains(&"SHELL"));
    assert!(
        !variables.contains(&"LANG"),
        "a bare environment: {printed}"
    );
    fleet.assert_sound();
    println!("cron started dispatch in {} minutes, no mail", slots.len());
    println!("what it gives a command: {}", variables.join(" "));
}
