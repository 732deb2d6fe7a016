//! What is secret in a document, and how it looks to those who compare.

use serde_json::{Map, Value};

use crate::policy::catalogue::{self, PolicyType};

/// The one member of what is kept of a secret in plain sight.
const REDACTED: &str = "redacted";

/// Members that say whether the one called `value` beside them is a secret.
const TELLING: [&str; 3] = [ODATA_TYPE, OMA_URI, IS_ENCRYPTED];
const ODATA_TYPE: &str = "@odata.type";
const OMA_URI: &str = "omaUri";
const IS_ENCRYPTED: &str = "isEncrypted";

/// Whether a member of that name, with its quotes, says of another whether it is a secret.
pub(super) fn tells(name: &[u8]) -> bool {
    TELLING.iter().any(|telling| is_quoted(name, telling))
}

/// Whether a member of that name, with its quotes, is a secret where there is no other beside it.
pub(super) fn means_more_alone(name: &[u8]) -> bool {
    is_quoted(name, REDACTED)
}

fn is_quoted(name: &[u8], plain: &str) -> bool {
    name.strip_prefix(b"\"")
        .and_then(|name| name.strip_suffix(b"\""))
        == Some(plain.as_bytes())
}

/// Whether the member `name` of an object of `row` is a secret.
pub(super) fn is_secret(row: &PolicyType, object: &Map<String, Value>, name: &str) -> bool {
    let sealed = || {
        let odata_type = object.get(ODATA_TYPE).and_then(Value::as_str);
        odata_type.map(catalogue::short_type)
            == Some("deviceManagementConfigurationSecretSettingValue")
    };
    let encrypted =
        || object.contains_key(OMA_URI) && object.get(IS_ENCRYPTED) == Some(&true.into());
    row.redacted.contains(&name) || (name == "value" && (sealed() || encrypted()))
}

/// A value without the secrets in it.
pub(super) fn masked(row: &PolicyType, value: Value) -> Value {
    match value {
        Value::Object(members) if is_marker(&members) => Value::from("(secret)"),
        Value::Object(members) => {
            let whole = members.clone();
            let masked = members.into_iter().map(|(name, member)| {
                let secret = is_secret(row, &whole, &name);
                let shown = if secret {
                    Value::from("(secret)")
                } else {
                    masked(row, member)
                };
                (name, shown)
            });
            Value::Object(masked.collect())
        }
        Value::Array(elements) => {
            let masked = elements.into_iter().map(|element| masked(row, element));
            Value::Array(masked.collect())
        }
        other => other,
    }
}

/// Whether this is what is kept of a secret.
pub(super) fn is_redacted(value: &Value) -> bool {
    value.as_object().is_some_and(is_marker)
}

/// Whether one of the two is the digest of a secret, and the other says that there is one, no more.
pub(super) fn is_half_known(one: &Value, other: &Value) -> bool {
    let unknown = |value: &Value| {
        let kept = value.as_object().and_then(|members| members.get(REDACTED));
        kept.is_some() && !is_redacted(value)
    };
    (is_redacted(one) && unknown(other)) || (unknown(one) && is_redacted(other))
}

pub(super) fn is_marker(members: &Map<String, Value>) -> bool {
    members.len() == 1
        && members
            .get(REDACTED)
            .and_then(Value::as_str)
            .is_some_and(|text| text.starts_with("hmac-sha256:"))
}
