//! Asking for values that Graph gives one at a time, to who has a further permission only.
//!
//! Most tenants are read without it. So the first value of a policy type is asked for by one thread
//! while the others wait; a refusal of it stands for all, and none is asked for any more in this
//! reading. A value that Graph does not give for good costs a warning, and never its policy. One
//! that it fails to give, by an error that may pass, makes the type incomplete: else the same
//! value would count as changed when it comes again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::parts::Trouble;
use crate::graph::{Error, Fault, Graph, Request};
use crate::policy::catalogue::PolicyType;
use crate::policy::document::sealed::{Unsealed, names};
use crate::policy::document::{Flaw, Object};

/// Whether the values of a policy type are given, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Rights(Mutex<HashMap<&'static str, bool>>);

/// What Graph gave of an object's values.
pub(super) struct Asked {
    pub(super) unsealed: Unsealed,
    /// Why it does not give one, unless it gives none at all.
    pub(super) warning: Option<String>,
    /// Why it failed to give one.
    pub(super) flaw: Option<String>,
}

impl Rights {
    /// Asks for the values of the object at `place`.
    pub(super) fn ask(
        &self,
        graph: &dyn Graph,
        row: &'static PolicyType,
        place: &str,
        text: &str,
    ) -> Result<Asked, Trouble> {
        let mut asked = Asked {
            unsealed: Unsealed::default(),
            warning: None,
            flaw: None,
        };
        let Some(sealed) = &row.sealed else {
            return Ok(asked);
        };
        for name in names(sealed, &Object::parse(text)?)? {
            let answer = self.one(graph, row.key, &row.unsealed(place, sealed, &name));
            match answer {
                Ok(Some(value)) => asked.unsealed.insert(name, value),
                Ok(None) => break,
                Err(Trouble::Graph(error)) if error.fault.ends_run() => return Err(error.into()),
                Err(trouble) => {
                    let told = match is_final(&trouble) {
                        true => &mut asked.warning,
                        false => &mut asked.flaw,
                    };
                    told.get_or_insert(format!("a secret was not given: {}", why(&trouble)));
                }
            }
        }
        Ok(asked)
    }

    /// One value; nothing where values of this type are not given.
    fn one(
        &self,
        graph: &dyn Graph,
        key: &'static str,
        request: &Request,
    ) -> Result<Option<String>, Trouble> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(key) {
            Some(false) => Ok(None),
            Some(true) => {
                drop(known);
                Ok(Some(value(&graph.get(request)?)?))
            }
            None => match graph.get(request) {
                Err(error) if error.fault == Fault::Forbidden => {
                    known.insert(key, false);
                    Ok(None)
                }
                Err(error) => Err(error.into()),
                Ok(body) => {
                    known.insert(key, true);
                    Ok(Some(value(&body)?))
                }
            },
        }
    }
}

/// Whether an object holds placeholders.
pub(super) fn are_there(row: &PolicyType, object: &Object<'_>) -> bool {
    let sealed = row.sealed.as_ref();
    sealed.is_some_and(|sealed| names(sealed, object).is_ok_and(|names| !names.is_empty()))
}

fn value(body: &[u8]) -> Result<String, Flaw> {
    // Neither parser's message is told: it might quote the value.
    let flaw = || Flaw("the answer holds no value".to_owned());
    let text = std::str::from_utf8(body).map_err(|_| flaw())?;
    let object = Object::parse(text).map_err(|_| flaw())?;
    object.get("value").map(str::to_owned).ok_or_else(flaw)
}

/// Whether asking again would be answered alike.
fn is_final(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Graph(error) => matches!(
            error.fault,
            Fault::Forbidden | Fault::NotLicensed | Fault::NotFound | Fault::Refused
        ),
        Trouble::Flaw(_) => false,
        Trouble::Gone => true,
    }
}

/// Without the path, which holds the name of the value.
fn why(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Graph(Error {
            status: Some(status),
            ..
        }) => format!("Graph answers {status}"),
        Trouble::Graph(error) => format!("{:?}", error.fault),
        Trouble::Flaw(flaw) => flaw.0.clone(),
        Trouble::Gone => "it is gone".to_owned(),
    }
}
