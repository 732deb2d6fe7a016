//! Secrets in plain sight, made into something that tells changed from unchanged and nothing else.
//!
//! A value becomes `{"redacted":"hmac-sha256:<64 hexadecimal digits>"}`: HMAC-SHA256 (RFC 2104)
//! under a key that belongs to the tenant, over policy type, id, property and value. Who has the
//! backup without the key cannot try out weak passwords, and the same password in two policies does
//! not show. Null and the empty text are no secret and stay.
//!
//! Secret is what the row names, and the value of a secret of the settings catalog that does not
//! say that it is only a token.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{Flaw, Object};
use crate::json;
use crate::policy::catalogue::{self, PolicyType};

/// How what stands for a secret begins.
const MARKER: &str = "{\"redacted\":\"hmac-sha256:";

/// How deep a document may be nested, as deep as the parser goes.
const DEPTH: usize = 128;

/// The key of a tenant's digests. It is a secret itself: never logged, never in a document.
#[derive(Clone)]
pub struct RedactionKey([u8; 32]);

impl RedactionKey {
    /// The key of these bytes, which have to be random.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What tells it from others, and nothing that was made under it: 16 hexadecimal digits.
    pub fn name(&self) -> String {
        let digest = self.digest(&[b"the name of this key"]);
        let first = digest.iter().take(8);
        first.map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut message = Vec::new();
        for part in parts {
            // Lengths first, so that no two lists of parts make one message.
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        hmac_sha256(&self.0, &message)
    }
}

impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey(…)")
    }
}

/// Whether a document holds digests of secrets.
pub fn holds_digests(document: &[u8]) -> bool {
    std::str::from_utf8(document).is_ok_and(|text| text.contains(MARKER))
}

/// A document after its secrets were replaced.
pub(super) struct Redacted {
    /// The new text, if anything changed.
    pub text: Option<String>,
    /// How many values were replaced by digests.
    pub values: usize,
}

/// The type of a secret of the settings catalog. The service gives a token in its place, from which
/// the secret cannot be had.
pub(super) const CATALOG_SECRET: &str = "deviceManagementConfigurationSecretSettingValue";
const TOKEN: &str = "encryptedValueToken";

/// Replaces the values of all properties that `row` calls secret, at any depth.
pub(super) fn redact(
    row: &PolicyType,
    id: &str,
    text: &str,
    key: &RedactionKey,
) -> Result<Redacted, Flaw> {
    if row.redacted.is_empty() && !text.contains(CATALOG_SECRET) {
        return Ok(Redacted {
            text: None,
            values: 0,
        });
    }
    let mut redaction = Redaction {
        row,
        id,
        key,
        values: 0,
    };
    let text = redaction.value(text, DEPTH)?;
    Ok(Redacted {
        text,
        values: redaction.values,
    })
}

struct Redaction<'a> {
    row: &'a PolicyType,
    id: &'a str,
    key: &'a RedactionKey,
    values: usize,
}

impl Redaction<'_> {
    fn value(&mut self, text: &str, depth: usize) -> Result<Option<String>, Flaw> {
        let deeper = depth
            .checked_sub(1)
            .ok_or_else(|| Flaw::new("it is nested too deeply"))?;
        match text.as_bytes().first() {
            Some(b'{') => self.object(text, deeper),
            Some(b'[') => self.array(text, deeper),
            _ => Ok(None),
        }
    }

    fn object(&mut self, text: &str, depth: usize) -> Result<Option<String>, Flaw> {
        let object = Object::parse(text)?;
        let in_clear = is_catalog_secret(&object) && !is_token(&object);
        let mut changed = BTreeMap::new();
        for (at, (name, value)) in object.members.iter().enumerate() {
            let text = value.get();
            let secret =
                self.row.redacted.contains(&name.as_str()) || (in_clear && name == "value");
            let new = if secret {
                self.marker(name, text)?
            } else {
                self.value(text, depth)?
            };
            if let Some(new) = new {
                changed.insert(at, new);
            }
        }
        let changed: BTreeMap<usize, Option<&str>> = changed
            .iter()
            .map(|(at, new)| (*at, Some(new.as_str())))
            .collect();
        Ok((!changed.is_empty()).then(|| object.rewritten(&changed, None)))
    }

    fn array(&mut self, text: &str, depth: usize) -> Result<Option<String>, Flaw> {
        let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(Flaw::new)?;
        let mut new = Vec::with_capacity(elements.len());
        let mut changed = false;
        for element in elements {
            let redacted = self.value(element.get(), depth)?;
            changed |= redacted.is_some();
            new.push(redacted.unwrap_or_else(|| element.get().to_owned()));
        }
        Ok(changed.then(|| format!("[{}]", new.join(","))))
    }

    fn marker(&mut self, name: &str, text: &str) -> Result<Option<String>, Flaw> {
        let marker = marker(self.row, self.id, name, text, self.key)?;
        self.values += usize::from(marker.is_some());
        Ok(marker)
    }
}

/// What stands for the secret value of a property; nothing where it is no secret.
pub(super) fn marker(
    row: &PolicyType,
    id: &str,
    name: &str,
    text: &str,
    key: &RedactionKey,
) -> Result<Option<String>, Flaw> {
    // Parsed first: the same value may be escaped in two ways.
    let value: Value = json::read(text.as_bytes())
        .map_err(|error| Flaw::new(format_args!("{name} cannot be parsed: {error}")))?;
    if value.is_null() || value == Value::String(String::new()) || is_marker(&value) {
        return Ok(None);
    }
    let digest = key.digest(&[
        row.key.as_bytes(),
        id.as_bytes(),
        name.as_bytes(),
        value.to_string().as_bytes(),
    ]);
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(format!("{MARKER}{digits}\"}}")))
}

fn is_catalog_secret(object: &Object<'_>) -> bool {
    let odata_type = object.string("@odata.type").ok().flatten();
    odata_type.is_some_and(|name| catalogue::short_type(&name) == CATALOG_SECRET)
}

fn is_token(object: &Object<'_>) -> bool {
    let state = object.string("valueState").ok().flatten();
    state.as_deref() == Some(TOKEN)
}

/// Whether this is what was made of a secret before: of a document that an export held.
fn is_marker(value: &Value) -> bool {
    let digest = value.get("redacted").and_then(Value::as_str);
    let digits = digest.and_then(|text| text.strip_prefix("hmac-sha256:"));
    value.as_object().is_some_and(|members| members.len() == 1)
        && digits.is_some_and(|digits| {
            digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// RFC 2104 with SHA-256, for keys no longer than a block.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    fn redacted(key: u8, id: &str, text: &str) -> Redacted {
        let row = catalogue::find("deviceConfiguration").unwrap();
        redact(row, id, text, &RedactionKey::new([key; 32])).unwrap()
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231, test case 1, whose key of 20 bytes is the same as one padded with zeros.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let digest: String = hmac_sha256(&key, b"Hi There")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            digest,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn a_secret_goes_at_any_depth_and_every_time() {
        let text = r#"{"preSharedKey":"hunter2", "a":[{"n":1.0,"sharedSecret":"s3"},2],"preSharedKey":"hunter3"}"#;
        let after = redacted(1, "x", text);
        assert_eq!(after.values, 3);
        let after = after.text.unwrap();
        for secret in ["hunter2", "hunter3", "s3\""] {
            assert!(!after.contains(secret), "{after}");
        }
        assert!(
            after.contains(r#"{"n":1.0,"sharedSecret":{"redacted":"hmac-sha256:"#),
            "{after}"
        );
        assert!(
            after.ends_with('}') && after.contains(r#", "a":["#),
            "{after}"
        );
    }

    #[test]
    fn equal_shows_as_equal_only_in_one_policy_under_one_key() {
        let text = |value: &str| format!(r#"{{"preSharedKey":{value}}}"#);
        let marker = |key, id, value| redacted(key, id, &text(value)).text.unwrap();
        assert_eq!(marker(1, "x", r#""ab""#), marker(1, "x", r#""a\u0062""#));
        assert_ne!(marker(1, "x", r#""ab""#), marker(1, "x", r#""abc""#));
        assert_ne!(marker(1, "x", r#""ab""#), marker(1, "y", r#""ab""#));
        assert_ne!(marker(1, "x", r#""ab""#), marker(2, "x", r#""ab""#));
    }

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte() {
        let marker = format!(
            r#"{{"preSharedKey":{{"redacted":"hmac-sha256:{}"}}}}"#,
            "0a".repeat(32)
        );
        for text in [
            marker.as_str(),
            r#"{ "preSharedKey" : null , "preSharedKeyIsSet":true}"#,
            r#"{"preSharedKey":"","x":"preSharedKey"}"#,
        ] {
            let after = redacted(1, "x", text);
            assert_eq!((after.text, after.values), (None, 0));
        }
        let debug = format!("{:?}", RedactionKey::new([7; 32]));
        assert!(!debug.contains('7'));
    }

    #[test]
    fn nesting_without_end_is_a_flaw() {
        let text = format!(
            "{}{}",
            r#"{"a":"#.repeat(500),
            "1".to_owned() + &"}".repeat(500)
        );
        let row = catalogue::find("deviceConfiguration").unwrap();
        assert!(redact(row, "x", &text, &RedactionKey::new([1; 32])).is_err());
    }
}
