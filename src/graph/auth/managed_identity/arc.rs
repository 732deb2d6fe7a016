//! The identity service of the Azure Arc agent. It answers the first question with the name of a
//! file that only members of a group can read, and wants its content with the second: that proves
//! that we may ask.
//!
//! A hostile program on this machine could take the agent's place and name any file. So the file is
//! read only if it lies in the agent's own folder, ends with `.key`, is a regular file and small.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::super::token::Fresh;
use super::super::super::{Error, Fault};
use super::super::tries::{Failure, Patience, Try, until_answered};
use super::super::{Means, SignIn};
use super::{Question, WAITS, endpoint, options};
use crate::disk;

const ENDPOINT: &str = "http://localhost:40342/metadata/identity/oauth2/token";
const VERSION: &str = "2020-06-01";
const KEYS: &str = "/var/opt/azcmagent/tokens";
const MAX_KEY: u64 = 4096;

const HINT: &str = "see whether the agent is connected: azcmagent show; the user needs the agent's group: sudo usermod -aG himds USER";

pub(super) fn fetch(
    sign_in: &SignIn,
    client_id: Option<&str>,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    if client_id.is_some() {
        let why = "Azure Arc has no user-assigned identities";
        let hint = format!(
            "tenantpilot tenants edit {} --managed-identity",
            shell_words::quote(&sign_in.tenant)
        );
        return Err(sign_in.not_here(why, &hint));
    }
    fetch_with_keys_in(Path::new(KEYS), sign_in, means)
}

pub(super) fn fetch_with_keys_in(
    folder: &Path,
    sign_in: &SignIn,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    let variable = "IDENTITY_ENDPOINT";
    let given = means.platform.identity_endpoint.as_deref();
    let root = endpoint(sign_in, variable, given.unwrap_or(ENDPOINT))?;
    let url = root
        .asking("", &options(VERSION, sign_in, None))
        .map_err(|why| sign_in.not_here(&format!("{variable} {why}"), "unset it"))?;
    let metadata = || ("metadata", SecretString::from("true"));
    let first = Question {
        service: "Azure Arc agent",
        root: &root,
        url: &url,
        headers: &[metadata()],
        hint: HINT,
    };
    until_answered(sign_in, Patience::Fixed(&WAITS), means, |one: &Try| {
        let challenge = first.ask(sign_in, one, means)?;
        let failed = |why: &str| {
            let why = format!("Azure Arc agent: {why}");
            Failure::permanent(sign_in.error(Fault::Auth, &why).hint(HINT))
        };
        match challenge.status {
            401 => {}
            200..300 => return Err(failed("did not ask for its key")),
            _ => return Err(first.refusal(sign_in, &challenge)),
        }
        let named = challenge.headers.challenge.as_deref().unwrap_or_default();
        let path = key_file(named, folder).map_err(|why| failed(&why))?;
        let key = read_key(&path).map_err(|unread| match unread {
            Unread::NoHandle(why) => {
                let error = sign_in.error(Fault::NoHandle, &format!("Azure Arc agent: {why}"));
                Failure::permanent(error.hint(disk::MORE_FILES))
            }
            Unread::Unusable(why) => failed(&why),
        })?;
        let basic = SecretString::from(format!("Basic {}", key.expose_secret()));
        let second = Question {
            headers: &[metadata(), ("authorization", basic)],
            ..first
        };
        let answer = second.ask(sign_in, one, means)?;
        second.judge(sign_in, &answer, one.began, means.clock)
    })
}

/// The file that a challenge names, if it may be read.
fn key_file(challenge: &str, folder: &Path) -> Result<PathBuf, String> {
    let path = challenge
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, rest)| rest.trim().strip_prefix("realm="))
        .map(|path| PathBuf::from(path.trim_matches('"')))
        .ok_or("its challenge names no key file")?;
    // Compared as it is written: `..` and links are not followed to somewhere that looks right.
    let plain = path.as_os_str().len()
        == folder.as_os_str().len() + 1 + path.file_name().map_or(0, std::ffi::OsStr::len);
    if path.parent() != Some(folder) || !plain || path.extension().is_none_or(|end| end != "key") {
        return Err(format!(
            "it names a key file that is not below {}: not read",
            folder.display()
        ));
    }
    Ok(path)
}

/// Why there is no key.
#[derive(Debug)]
enum Unread {
    /// This process may open no more files.
    NoHandle(String),
    Unusable(String),
}

fn read_key(path: &Path) -> Result<SecretString, Unread> {
    let failed = |error: std::io::Error| {
        let why = format!("cannot read {}: {error}", path.display());
        if disk::is_of_handles(&error) {
            Unread::NoHandle(why)
        } else {
            Unread::Unusable(why)
        }
    };
    let unusable = |why| Err(Unread::Unusable(format!("{} {why}", path.display())));
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return unusable("is not a regular file".to_owned());
    }
    let mut key = Zeroizing::new(String::new());
    fs::File::open(path)
        .and_then(|file| file.take(MAX_KEY + 1).read_to_string(&mut key))
        .map_err(failed)?;
    if key.len() as u64 > MAX_KEY {
        return unusable(format!("has more than {MAX_KEY} bytes"));
    }
    let key = key.trim_end();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return unusable("holds no key".to_owned());
    }
    Ok(SecretString::from(key))
}

/// What holds whatever a challenge names: a key file right in the folder, or none.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(challenge: &str) {
    if let Ok(path) = key_file(challenge, Path::new(KEYS)) {
        assert_eq!(path.parent(), Some(Path::new(KEYS)));
        assert!(path.extension().is_some_and(|end| end == "key"), "{path:?}");
    }
}

#[cfg(test)]
mod tests;
