//! What to type next, by the number of a sign-in error. Nothing else is decided by these numbers:
//! Microsoft changes them without notice, and one that is not here has no hint.

/// What to do about a numbered error of the sign-in service ("Microsoft Entra authentication and
/// authorization error codes") for the tenant of that name.
pub(super) fn of(code: u64, tenant: &str) -> Option<String> {
    let what = match code {
        7_000_215 => {
            "store the value of the client secret, not its id, in the place that SHOW names; then CHECK"
        }
        7_000_222 => {
            "the client secret has expired: make a new one in the app registration, store its value, then CHECK"
        }
        7_000_218 => "no proof was sent: this is a bug of tenantpilot, please report it",
        700_016 | 700_011 => {
            "the application is not known there: grant admin consent in that tenant, or EDIT --directory GUID --client-id GUID --cloud CLOUD"
        }
        7_000_229 => {
            "the application has no service principal there: grant admin consent in that tenant, then CHECK"
        }
        7_000_112 | 70_001 => {
            "the application is disabled: enable it in Entra (enterprise applications), then CHECK"
        }
        700_027 => {
            "upload the certificate of this key to the app registration; SHOW has its thumbprint"
        }
        500_133 | 700_024 => {
            "the signed proof is outside its time: set the clock (timedatectl set-ntp true), or get a fresh token"
        }
        70_021 => {
            "make issuer, subject and audience those of the app's federated credential (a new one takes some minutes), then CHECK"
        }
        90_002 => "the directory is not known there: EDIT --directory GUID --cloud CLOUD",
        90_038 | 900_382 | 900_432 => "the tenant is in another national cloud: EDIT --cloud CLOUD",
        500_011 => {
            "the Graph URL does not fit the cloud: EDIT --cloud CLOUD --graph-url default --authority-url default"
        }
        53_003 | 530_032 | 530_035 => {
            "a Conditional Access policy blocks the sign-in: let this machine's address in (workload identities, locations), then CHECK"
        }
        50_074 | 50_076 | 50_079 => {
            "the service asks for a user's second factor: use a credential of the application: EDIT --certificate FILE"
        }
        50_194 => "the application is of a single tenant: EDIT --directory GUID",
        50_013 | 50_048 => "the proof does not fit the application: EDIT --client-id GUID",
        65_001 | 650_056 => {
            "grant admin consent for the application's permissions in that tenant, then CHECK"
        }
        50_196 => "too many identical sign-ins: wait some minutes, then CHECK",
        90_055 => "the sign-in service throttles this tenant; later: CHECK",
        90_006 | 90_012 | 90_024 | 90_033 | 90_090 | 501_621 => {
            "the sign-in service is not available; later: CHECK"
        }
        50_000 => "the sign-in service could not issue a token; later: CHECK",
        90_130 | 9_001_023 => "name the tenant's own directory: EDIT --directory GUID",
        _ => return None,
    };
    let name = shell_words::quote(tenant);
    let hint = [("EDIT", "edit"), ("CHECK", "check"), ("SHOW", "show")]
        .iter()
        .fold(what.to_owned(), |hint, (mark, verb)| {
            hint.replace(mark, &format!("tenantpilot tenants {verb} {name}"))
        });
    Some(hint)
}
