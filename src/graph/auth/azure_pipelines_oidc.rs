//! Signing in from a job of Azure Pipelines: the service connection vouches for the job. The token
//! that allows to ask is given only to steps that name it in their `env`.

use secrecy::SecretString;

use super::super::Error;
use super::issuer::Issuer;
use super::{Means, SignIn};

const HINT: &str = "run it in a step of Azure Pipelines that has: env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }; check the id of the service connection";

/// The token of the job for that service connection.
pub(super) fn assertion(
    sign_in: &SignIn,
    connection: &str,
    means: &Means<'_>,
) -> Result<SecretString, Error> {
    let platform = means.platform;
    let (Some(url), Some(token)) = (&platform.pipelines_url, &platform.pipelines_token) else {
        let why =
            "environment variables SYSTEM_OIDCREQUESTURI and SYSTEM_ACCESSTOKEN are not both set";
        return Err(sign_in.not_here(why, HINT));
    };
    let issuer = Issuer {
        name: "Azure Pipelines",
        url,
        variable: "SYSTEM_OIDCREQUESTURI",
        options: &[("api-version", "7.1"), ("serviceConnectionId", connection)],
        post: true,
        token,
        // Else a token that has expired brings a sign-in page.
        headers: &[("x-tfs-fedauthredirect", "Suppress")],
        field: "oidcToken",
        hint: HINT,
    };
    issuer.assertion(sign_in, means)
}
