//! Every row of Microsoft's table of sign-in errors that means something to us, over real HTTP: the
//! status and the `error` decide, the number only finds the hint.

use super::*;

/// Number, status and `error` as the service gives them, and a part of the hint.
const ROWS: [(u64, u16, &str, &str); 43] = [
    (7_000_215, 401, "invalid_client", "not its id"),
    (7_000_222, 401, "invalid_client", "has expired"),
    (7_000_218, 401, "invalid_client", "a bug of tenantpilot"),
    (700_016, 400, "unauthorized_client", "--client-id GUID"),
    (700_011, 400, "unauthorized_client", "--client-id GUID"),
    (7_000_229, 400, "unauthorized_client", "service principal"),
    (7_000_112, 400, "unauthorized_client", "disabled"),
    (70_001, 400, "unauthorized_client", "disabled"),
    (700_027, 401, "invalid_client", "upload the certificate"),
    (500_133, 401, "invalid_client", "timedatectl"),
    (700_024, 401, "invalid_client", "timedatectl"),
    (
        70_021,
        400,
        "invalid_request",
        "issuer, subject and audience",
    ),
    (90_002, 400, "invalid_request", "--directory GUID"),
    (90_038, 400, "invalid_request", "--cloud CLOUD"),
    (900_382, 400, "invalid_request", "--cloud CLOUD"),
    (900_432, 400, "invalid_request", "--cloud CLOUD"),
    (500_011, 400, "invalid_resource", "--graph-url default"),
    (53_003, 400, "invalid_grant", "Conditional Access"),
    (530_032, 400, "invalid_grant", "Conditional Access"),
    (530_035, 400, "invalid_grant", "Conditional Access"),
    (50_074, 400, "interaction_required", "second factor"),
    (50_076, 400, "interaction_required", "second factor"),
    (50_079, 400, "interaction_required", "second factor"),
    (50_194, 400, "invalid_request", "single tenant"),
    (50_013, 401, "invalid_client", "--client-id GUID"),
    (50_048, 401, "invalid_client", "--client-id GUID"),
    (65_001, 400, "invalid_grant", "admin consent"),
    (650_056, 400, "invalid_client", "admin consent"),
    (50_196, 400, "invalid_grant", "wait some minutes"),
    (
        90_055,
        429,
        "temporarily_unavailable",
        "throttles this tenant",
    ),
    (90_006, 503, "temporarily_unavailable", "not available"),
    (90_012, 504, "temporarily_unavailable", "not available"),
    (90_024, 503, "temporarily_unavailable", "not available"),
    (90_033, 400, "temporarily_unavailable", "not available"),
    (90_090, 503, "temporarily_unavailable", "not available"),
    (501_621, 503, "temporarily_unavailable", "not available"),
    (50_000, 500, "server_error", "could not issue"),
    (90_130, 400, "invalid_request", "own directory"),
    (9_001_023, 400, "invalid_request", "own directory"),
    (1, 400, "invalid_scope", ""),
    (2, 503, "from_the_future", ""),
    (3, 400, "unsupported_grant_type", ""),
    (4, 408, "", ""),
];

#[test]
fn each_gives_one_line_and_a_hint_that_can_be_typed() {
    for (code, status, word, hint) in ROWS {
        let description = format!(
            "AADSTS{code}: What is wrong.\r\nTrace ID: marker\r\nCorrelation ID: marker\r\nTimestamp: now"
        );
        let outcome = sign_in(vec![refusal(status, word, code, &description).for_ever()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(
            error.message,
            format!("sign-in to tenant contoso (application app-id): AADSTS{code}: What is wrong")
        );
        assert_eq!(error.status, Some(status));
        let transient = word == "temporarily_unavailable" || status == 408 || status >= 429;
        let (fault, tries) = match (transient, status) {
            (false, _) => (Fault::Auth, 1),
            (true, 429) => (Fault::Throttled, 5),
            (true, 500) => (Fault::Unavailable, 2),
            (true, _) => (Fault::Unavailable, 5),
        };
        assert_eq!(error.fault, fault, "{code}");
        assert_eq!(outcome.server.requests().len(), tries, "{code}");
        match (hint, error.hint.as_deref()) {
            ("", said) => assert_eq!(said, None, "{code}"),
            (hint, Some(said)) => {
                assert!(said.contains(hint), "{code}: {said}");
                assert!(
                    said.contains("tenantpilot") || said.contains("timedatectl"),
                    "{code}: {said}"
                );
                assert!(!said.contains('\n') && !said.ends_with('.'), "{said}");
                assert!(!said.contains("EDIT") && !said.contains("CHECK"), "{said}");
            }
            (_, None) => panic!("{code} has no hint"),
        }
    }
}

#[test]
fn a_name_is_quoted_in_a_hint() {
    let hint = hint::of(90_002, "con toso").unwrap();
    assert!(
        hint.contains("tenants edit 'con toso' --directory"),
        "{hint}"
    );
}

#[test]
fn a_body_that_is_no_json_is_told_by_its_status() {
    for (status, body, fault) in [
        (429, "Too Many Requests", Fault::Throttled),
        (502, "<html><h1>Bad Gateway</h1></html>", Fault::Unavailable),
        (403, "<html>blocked by a proxy</html>", Fault::Auth),
        (400, "[]", Fault::Auth),
        (
            400,
            r#"{"error":{"code":1},"error_codes":["x",-1]}"#,
            Fault::Auth,
        ),
    ] {
        let outcome = sign_in(vec![Reply::json(status, body).for_ever()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, fault, "{body}");
        assert!(
            error.message.ends_with(&format!("answered {status}")),
            "{error}"
        );
    }
}
