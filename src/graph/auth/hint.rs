//! What to type next, by the number of a sign-in error. Nothing else is decided by these numbers:
//! Microsoft changes them without notice, and one that is not here has no hint.

/// What to do about a numbered error of the sign-in service ("Microsoft Entra authentication and
/// authorization error codes").
pub(super) fn of(code: u64) -> Option<&'static str> {
    Some(match code {
        7_000_215 => "store the value of the client secret, not its id",
        7_000_222 => "the client secret has expired: make a new one in the app registration",
        7_000_218 => "no proof was sent: this is a bug of tenantpilot, please report it",
        700_016 | 700_011 => {
            "the application is not known there: grant admin consent in this tenant, and check directory, client id and cloud"
        }
        7_000_229 => {
            "grant admin consent in this tenant: the application has no service principal there"
        }
        7_000_112 | 70_001 => {
            "the application is disabled: enable it in Entra (enterprise applications)"
        }
        700_027 => {
            "upload the certificate to the app registration, or use the key that belongs to it"
        }
        500_133 | 700_024 => "set this machine's clock (NTP): the signed proof is outside its time",
        70_021 => {
            "compare issuer, subject and audience with the app's federated credential; a new one takes some minutes"
        }
        90_002 => "the directory is not known there: check its id and the cloud",
        90_038 | 900_382 | 900_432 => "the tenant is in another national cloud: set --cloud",
        500_011 => "the Graph URL does not fit the cloud: check --cloud and --graph-url",
        53_003 | 530_032 | 530_035 => {
            "a Conditional Access policy blocks the sign-in: check policies for workload identities and locations"
        }
        50_074 | 50_076 | 50_079 => {
            "the service asks for a user's second factor: use the application's own credential"
        }
        50_194 => "the application is of a single tenant: use that tenant's id as directory",
        50_013 | 50_048 => "the proof does not fit the application: check the client id",
        65_001 | 650_056 => "grant admin consent for the application in this tenant",
        50_196 => "too many identical sign-ins: wait some minutes",
        90_055 => "the sign-in service throttles this tenant: try again later",
        90_006 | 90_012 | 90_024 | 90_033 | 90_090 | 501_621 => {
            "the sign-in service is not available: try again later"
        }
        50_000 => "the sign-in service could not issue a token: try again later",
        90_130 | 9_001_023 => "use the tenant's own id or domain as directory",
        _ => return None,
    })
}
