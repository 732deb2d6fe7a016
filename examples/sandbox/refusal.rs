//! Errors in the shapes that Graph and Intune give them.
//!
//! Intune puts a JSON document, as a string, into `error.message`; gateways answer HTML or the
//! document wrapped twice.

use super::http::{Answer, Request};
use super::json::quote;
use super::query::decode;

/// The content type of every JSON answer.
pub const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// Graph's own error document.
pub fn plain(request: &Request, status: u16, code: &str, message: &str) -> Answer {
    let id = uuid::Uuid::new_v4();
    let client = request.header("client-request-id").unwrap_or_default();
    let body = format!(
        r#"{{"error":{{"code":{},"message":{},"innerError":{{"date":"2026-11-22T18:00:00","request-id":"{id}","client-request-id":{}}}}}}}"#,
        quote(code),
        quote(message),
        quote(client),
    );
    Answer::new(status, JSON, body)
}

/// An error as Intune's services write it: JSON inside the message.
pub fn intune(request: &Request, status: u16, code: &str, message: &str) -> Answer {
    plain(request, status, code, &inner(message))
}

fn inner(message: &str) -> String {
    let activity = uuid::Uuid::new_v4();
    let message = format!(
        "{message} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - \
         Activity ID: {activity} - Url: https://fef.msua00.manage.sandbox.invalid/StatelessService/"
    );
    format!(
        "{{\r\n  \"_version\": 3,\r\n  \"Message\": {},\r\n  \"CustomApiErrorPhrase\": \"\",\r\n  \
         \"RetryAfter\": null,\r\n  \"ErrorSourceService\": \"\",\r\n  \"HttpHeaders\": \"{{}}\"\r\n}}",
        quote(&message)
    )
}

/// 403: the app lacks one of these permissions.
pub fn forbidden(request: &Request, scopes: &str) -> Answer {
    if scopes.is_empty() {
        let message = "Insufficient privileges to complete the operation.";
        return plain(request, 403, "Authorization_RequestDenied", message);
    }
    if scopes.starts_with("Policy.") {
        return plain(
            request,
            403,
            "AccessDenied",
            &format!(
                "You cannot perform the requested operation, required scopes are missing in \
                      the token. Required scopes: {scopes}."
            ),
        );
    }
    let message = format!(
        "Application is not authorized to perform this operation. Application must have one of \
         the following scopes: {scopes}"
    );
    intune(request, 403, "Forbidden", &message)
}

/// 400: the tenant has no usable Intune.
pub fn not_licensed(request: &Request) -> Answer {
    intune(
        request,
        400,
        "BadRequest",
        "Request not applicable to target tenant.",
    )
}

/// 403: the tenant has no licence for premium features of Entra.
pub fn not_premium(request: &Request) -> Answer {
    plain(
        request,
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    )
}

/// 404 for an object.
pub fn not_found(request: &Request, id: &str) -> Answer {
    intune(
        request,
        404,
        "ResourceNotFound",
        &format!("The resource '{id}' was not found."),
    )
}

/// 400 for a path that Graph does not know.
pub fn no_segment(request: &Request, segment: &str) -> Answer {
    let message = format!("Resource not found for the segment '{segment}'.");
    plain(request, 400, "BadRequest", &message)
}

/// 400 for a property that a type does not have.
pub fn no_property(request: &Request, name: &str, declared: &str) -> Answer {
    let message = format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
         '{declared}'."
    );
    plain(request, 400, "BadRequest", &message)
}

/// 401: no token, or none that is good.
pub fn unauthorized(request: &Request, claims: bool) -> Answer {
    let challenge = if claims {
        r#"Bearer realm="", authorization_uri="https://login.sandbox.invalid/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzMyMzAwMDAwIn19fQ==""#
    } else {
        r#"Bearer realm="", error="invalid_token""#
    };
    let message = "Lifetime validation failed, the token is expired.";
    plain(request, 401, "InvalidAuthenticationToken", message).with("WWW-Authenticate", challenge)
}

/// 400 of a service that repeats what it was sent: body, and each header, in every field it has.
pub fn echo(request: &Request) -> Answer {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let headers = request.headers.iter().map(|(_, value)| value.clone());
    let fields = body.split(['&', '=']).map(decode);
    let sent: Vec<String> = headers.chain(fields).chain([body.clone()]).collect();
    let sent = quote(&format!("You sent {}", sent.join(" ")));
    let document = format!(
        r#"{{"error":{sent},"error_description":{sent},"message":{sent},"trace_id":{sent},"correlation_id":{sent},"timestamp":{sent}}}"#
    );
    Answer::new(400, "application/json", document)
}

/// Whatever else a service answers when it is unwell.
pub fn of_status(request: &Request, status: u16) -> Answer {
    match status {
        404 => not_found(request, "00000000-0000-0000-0000-000000000000"),
        429 => plain(
            request,
            429,
            "TooManyRequests",
            "Too many requests. Please retry after some time.",
        ),
        500 => intune(
            request,
            500,
            "InternalServerError",
            "An internal server error has occurred",
        ),
        502 => Answer::new(502, "text/html", html("502 Bad Gateway")),
        503 => plain(
            request,
            503,
            "ServiceUnavailable",
            "The service is temporarily unavailable.",
        ),
        504 => {
            let twice = format!(
                "{{\"Message\":{}}}",
                quote(&inner("The operation has timed out."))
            );
            plain(request, 504, "UnknownError", &twice)
        }
        _ => plain(request, status, "UnknownError", "Something went wrong."),
    }
}

/// A page as proxies and gateways write it.
pub fn html(title: &str) -> String {
    format!(
        "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    )
}
