//! What an answer of Graph means: the text of an error, the permissions that it names, and whether
//! a success is one. Pure.
//!
//! Microsoft asks not to branch on texts. Intune leaves no choice in three places: the list of
//! permissions in a 403, and two 400s that say "no licence" and "no such path". Other services say
//! "no licence" by a code. Texts from the
//! service are shown cut to one line, without the internal URL that Intune appends.

use serde_json::Value;

use super::Fault;
use crate::json;

/// How deep Intune wraps one JSON document as a string in another.
const MAX_WRAPPING: usize = 3;
const MAX_SHOWN: usize = 200;

/// Application permissions that exist and that a backup or a restore may need, read-only first.
/// Intune also names some that do not exist; those are not shown.
const PERMISSIONS: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "GroupMember.Read.All",
    "Group.Read.All",
    "Policy.Read.All",
    "Policy.Read.ConditionalAccess",
    "Policy.Read.AuthenticationMethod",
    "AuthenticationContext.Read.All",
    "Application.Read.All",
    "Organization.Read.All",
    "OrganizationalBranding.Read.All",
    "Agreement.Read.All",
    "CloudPC.Read.All",
    "MicrosoftTunnelGateway.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementApps.ReadWrite.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
    "DeviceManagementRBAC.ReadWrite.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "Group.ReadWrite.All",
    "Policy.ReadWrite.ConditionalAccess",
    "AuthenticationContext.ReadWrite.All",
    "Application.ReadWrite.All",
    "OrganizationalBranding.ReadWrite.All",
    "Agreement.ReadWrite.All",
    "CloudPC.ReadWrite.All",
    "MicrosoftTunnelGateway.ReadWrite.All",
];

/// Codes by which Graph says that the tenant has no licence for what was asked.
const NO_LICENCE: &[&str] = &[
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    "AadPremiumLicenseRequired",
    "NoLicense",
];

/// What the body of an error says; all empty where it says nothing that can be read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Graph's code; the deepest is the most specific.
    pub(super) code: String,
    /// The text, unwrapped, whole.
    text: String,
    /// Seconds that Intune names inside the text.
    pub(super) retry_after: Option<String>,
}

impl Complaint {
    /// Reads the body of an error: Graph's JSON, or anything else.
    pub(super) fn of(body: &[u8]) -> Self {
        let parsed: Option<Value> = json::read(body).ok();
        let Some(error) = parsed.as_ref().and_then(|value| value.get("error")) else {
            return Self::default();
        };
        let mut complaint = Self {
            code: deepest_code(error),
            text: text_of(error, "message"),
            retry_after: None,
        };
        for _ in 0..MAX_WRAPPING {
            if !complaint.text.trim_start().starts_with('{') {
                break;
            }
            let Ok(inner) = json::read::<Value>(complaint.text.as_bytes()) else {
                break;
            };
            if let Some(Value::Number(seconds)) = inner.get("RetryAfter") {
                complaint.retry_after = Some(seconds.to_string());
            }
            complaint.text = [
                text_of(&inner, "Message"),
                text_of(&inner, "CustomApiErrorPhrase"),
            ]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        }
        complaint
    }

    /// What a 403 means.
    pub(super) fn fault_of_403(&self) -> Fault {
        if self.says_no_licence() {
            Fault::NotLicensed
        } else {
            Fault::Forbidden
        }
    }

    fn says_no_licence(&self) -> bool {
        NO_LICENCE.contains(&self.code.as_str())
    }

    /// What a 400 means.
    pub(super) fn fault_of_400(&self) -> Fault {
        let text = self.text.to_ascii_lowercase();
        if text.contains("not applicable to target tenant") || self.says_no_licence() {
            Fault::NotLicensed
        } else if text.contains("resource not found for the segment") {
            Fault::NotFound
        } else {
            Fault::Refused
        }
    }

    /// The permissions of which Intune wants one, those that exist, read-only first.
    pub(super) fn permissions(&self) -> Vec<String> {
        const LIST: &str = "must have one of the following scopes:";
        let list = self
            .text
            .find(LIST)
            .and_then(|at| self.text.get(at + LIST.len()..))
            .unwrap_or("");
        let list = list.split(" - Operation ID").next().unwrap_or("");
        let named: Vec<&str> = list
            .split([',', ' '])
            .map(|name| name.trim_matches(['.', '\'', '"']))
            .collect();
        PERMISSIONS
            .iter()
            .filter(|known| named.contains(known))
            .map(|&known| known.to_owned())
            .collect()
    }

    /// One line for people, empty where nothing was said: code and text, without what Intune
    /// appends for its own support.
    pub(super) fn shown(&self) -> String {
        let text = [" - Operation ID", " - Activity ID", " - Url:"]
            .iter()
            .filter_map(|mark| self.text.find(mark))
            .min()
            .and_then(|end| self.text.get(..end))
            .unwrap_or(&self.text);
        // What could not be unwrapped is a document and no sentence.
        let text = if text.trim_start().starts_with('{') {
            String::new()
        } else {
            one_line(text)
        };
        match (self.code.is_empty(), text.is_empty()) {
            (_, true) => one_line(&self.code),
            (true, false) => text,
            (false, false) => format!("{}: {text}", one_line(&self.code)),
        }
    }
}

/// Why a body that came with a success is none; `None` where it is a JSON object, as far as its
/// structure goes. Damage inside single values is left to whoever reads them.
pub(super) fn why_bad(body: &[u8]) -> Option<String> {
    let blank = body.iter().all(u8::is_ascii_whitespace);
    if blank {
        return Some("the body is empty".to_owned());
    }
    match json::members(body) {
        Err(malformed) => Some(format!(
            "the body is not a JSON object (byte {} of {})",
            malformed.offset.min(body.len()),
            body.len()
        )),
        Ok(members) => {
            let is_error = json::named(&members, "error")
                .iter()
                .any(|value| value.starts_with(b"{"));
            is_error.then(|| {
                let said = Complaint::of(body).shown();
                format!("a success holds an error: {said}")
            })
        }
    }
}

/// Why a body that came with a success cannot be the file that was asked for; `None` where nothing
/// speaks against it. A page of HTML comes from a gateway, JSON from Graph itself.
pub(super) fn why_no_file(content_type: Option<&str>, body: &[u8]) -> Option<String> {
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let is = |kind: &str| content_type.starts_with(kind);
    if is("text/html") || html_start(body).is_some_and(|start| is_page(&start)) {
        return Some("a page of HTML came instead of a file".to_owned());
    }
    is("application/json").then(|| {
        let said = Complaint::of(body).shown();
        format!("JSON came instead of a file: {said}")
    })
}

fn is_page(start: &str) -> bool {
    let start = start.trim_start().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// The beginning of a page of HTML, escaped, for the log: it tells which gateway answered. Other
/// bodies may hold scripts and secrets and are not shown at all.
pub(super) fn html_start(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..MAX_SHOWN).unwrap_or(body));
    text.trim_start()
        .starts_with('<')
        .then(|| text.escape_debug().take(MAX_SHOWN).collect())
}

/// One line of at most 200 characters, without control characters.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    let mut shown: String = line
        .chars()
        .filter(|c| !is_direction(*c))
        .take(MAX_SHOWN)
        .collect();
    if shown.len() < line.len() && shown.chars().count() == MAX_SHOWN {
        shown.push('…');
    }
    shown.trim_end_matches('.').to_owned()
}

/// Characters that turn the direction of a line on a terminal.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn text_of(value: &Value, member: &str) -> String {
    value
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned()
}

fn deepest_code(error: &Value) -> String {
    let mut code = text_of(error, "code");
    let mut inner = error;
    while let Some(next) = inner.get("innerError").or_else(|| inner.get("innererror")) {
        let deeper = text_of(next, "code");
        if !deeper.is_empty() {
            code = deeper;
        }
        inner = next;
    }
    code
}

/// What holds whatever is answered.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(body: &[u8]) {
    let complaint = Complaint::of(body);
    let _ = (complaint.fault_of_400(), complaint.fault_of_403());
    for permission in complaint.permissions() {
        assert!(permission.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let _ = (why_bad(body), why_no_file(None, body), html_start(body));
    let line = one_line(&String::from_utf8_lossy(body));
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.chars().count() <= 10 * MAX_SHOWN, "{line:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(code: &str, message: &str) -> Complaint {
        let body = serde_json::json!({"error": {"code": code, "message": message}});
        Complaint::of(body.to_string().as_bytes())
    }

    fn wrapped(message: &str) -> String {
        serde_json::json!({
            "_version": 3, "Message": message, "CustomApiErrorPhrase": "", "RetryAfter": null,
        })
        .to_string()
    }

    const FORBIDDEN: &str = "Application is not authorized to perform this operation. Application \
        must have one of the following scopes: DeviceManagementServiceConfiguration.Read.All, \
        DeviceManagementServiceConfig.ReadWrite.All, DeviceManagementServiceConfig.Read.All - \
        Operation ID (for customer support): 0000 - Activity ID: 1-2 - Url: \
        https://fef.msua01.manage.microsoft.com/x?$filter=y";

    #[test]
    fn permissions_are_those_that_exist_read_only_first() {
        for message in [
            FORBIDDEN.to_owned(),
            wrapped(FORBIDDEN),
            wrapped(&wrapped(FORBIDDEN)),
            wrapped(&wrapped(&wrapped(FORBIDDEN))),
        ] {
            let complaint = graph("Forbidden", &message);
            assert_eq!(
                complaint.permissions(),
                [
                    "DeviceManagementServiceConfig.Read.All",
                    "DeviceManagementServiceConfig.ReadWrite.All"
                ]
            );
            let shown = complaint.shown();
            assert!(
                !shown.contains("fef.") && !shown.contains("Operation ID"),
                "{shown}"
            );
            assert!(
                shown.starts_with("Forbidden: Application is not"),
                "{shown}"
            );
        }
        let too_deep = wrapped(&wrapped(&wrapped(&wrapped(FORBIDDEN))));
        assert_eq!(graph("Forbidden", &too_deep).shown(), "Forbidden");
        assert!(graph("accessDenied", "no").permissions().is_empty());
        let open_end = "must have one of the following scopes: Policy.Read.All";
        assert_eq!(graph("", open_end).permissions(), ["Policy.Read.All"]);
    }

    #[test]
    fn a_wait_inside_the_text_is_found() {
        let message = r#"{"Message":"{\"Message\":\"busy\",\"RetryAfter\":7}"}"#;
        let complaint = graph("UnknownError", message);
        assert_eq!(complaint.retry_after.as_deref(), Some("7"));
        assert_eq!(complaint.shown(), "UnknownError: busy");
        let text = r#"{"Message":"busy","RetryAfter":"7"}"#;
        assert_eq!(graph("", text).retry_after, None);
    }

    #[test]
    fn two_400s_have_a_meaning_of_their_own() {
        for (message, fault) in [
            (
                "Request not applicable to target tenant.",
                Fault::NotLicensed,
            ),
            ("Resource not found for the segment 'x'.", Fault::NotFound),
            ("Could not find a property named 'y'", Fault::Refused),
        ] {
            assert_eq!(graph("BadRequest", message).fault_of_400(), fault);
            assert_eq!(graph("", &wrapped(message)).fault_of_400(), fault);
        }
    }

    #[test]
    fn a_missing_licence_is_told_from_a_missing_permission() {
        for code in NO_LICENCE {
            assert_eq!(graph(code, "no").fault_of_403(), Fault::NotLicensed);
            assert_eq!(graph(code, "no").fault_of_400(), Fault::NotLicensed);
        }
        let forbidden = graph("Forbidden", FORBIDDEN);
        assert_eq!(forbidden.fault_of_403(), Fault::Forbidden);
    }

    #[test]
    fn the_deepest_code_is_shown_on_one_line() {
        let body = br#"{"error":{"code":"a","message":"first\r\nsecond \u001b[31m\u202ered",
            "innererror":{"code":"b","innerError":{"code":""}}}}"#;
        assert_eq!(Complaint::of(body).shown(), "b: first second [31mred");
        let long = graph("", &"x".repeat(1000)).shown();
        assert_eq!(long.chars().count(), 201);
    }

    #[test]
    fn any_body_can_be_read() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"<html>",
            b"{\"error\":\"x\"}",
            b"{\"error\":{\"message\":5}}",
            b"\xff",
            b"{\"error\":null}",
        ] {
            assert_eq!(Complaint::of(body), Complaint::default());
        }
    }

    #[test]
    fn a_success_that_is_none_is_told() {
        let brackets = vec![b'['; 3000];
        for body in [
            &b""[..],
            b" \r\n",
            b"null",
            b"[]",
            b"<!doctype html>",
            b"{\"value\":[{\"id\":1}",
            b"{\"error\":{\"code\":\"x\"}}",
            &brackets,
        ] {
            assert!(
                why_bad(body).is_some(),
                "{:?}",
                String::from_utf8_lossy(body)
            );
        }
        for body in [
            &b"{}"[..],
            br#"{"value":["\ud800"]}"#,
            b"{\"value\":[\"\xff\"]}",
            br#"{"error":null}"#,
            br#"{"error":"a property of that name"}"#,
        ] {
            assert_eq!(why_bad(body), None);
        }
        for (content_type, body) in [
            (Some("text/html; charset=utf-8"), &b"x"[..]),
            (None, b" <!DOCTYPE html><html>"),
            (Some("image/png"), b"<html>"),
            (Some("application/json"), br#"{"error":{"code":"x"}}"#),
        ] {
            assert!(why_no_file(content_type, body).is_some());
        }
        for (content_type, body) in [
            (Some("image/png"), &b"\x89PNG"[..]),
            (None, b""),
            (Some("image/svg+xml"), b"<svg>"),
            (Some("text/css"), b"body{}"),
        ] {
            assert_eq!(why_no_file(content_type, body), None);
        }
        assert!(html_start(b"<h1>\x1b[2J</h1>").unwrap().contains("\\u{1b}"));
        assert_eq!(html_start(b"{\"script\":\"password\"}"), None);
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_an_error_says_it_is_shown_on_one_short_line(
            body in crate::mutation::mutated(vec![
                br#"{"error":{"code":"Forbidden","message":"{\"Message\":\"Application must have one of the following scopes: DeviceManagementConfiguration.Read.All - Operation ID (for customer support)\",\"RetryAfter\":5}","innerError":{"code":"x"}}}"#.to_vec(),
                br#"<html><title>Sign in</title></html>"#.to_vec(),
                br#"{"value":[{"id":"1"}],"error":null}"#.to_vec(),
            ]),
        ) {
            probe(&body);
        }
    }
}
