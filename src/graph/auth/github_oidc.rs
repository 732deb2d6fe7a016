//! Signing in from a job of GitHub Actions: GitHub vouches for the job ("OpenID Connect", GitHub
//! documentation). Both variables are there only with `permissions: id-token: write`.

use secrecy::SecretString;

use super::super::Error;
use super::issuer::Issuer;
use super::{Means, SignIn};

const HINT: &str = "run it in a job of GitHub Actions whose workflow has: permissions: { id-token: write, contents: read }";

/// The token of the job for that audience.
pub(super) fn assertion(
    sign_in: &SignIn,
    audience: &str,
    means: &Means<'_>,
) -> Result<SecretString, Error> {
    let platform = means.platform;
    let (Some(url), Some(token)) = (&platform.actions_url, &platform.actions_token) else {
        let why = "environment variables ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not both set";
        return Err(sign_in.not_here(why, HINT));
    };
    let issuer = Issuer {
        name: "GitHub Actions",
        url,
        variable: "ACTIONS_ID_TOKEN_REQUEST_URL",
        options: &[("audience", audience)],
        post: false,
        token,
        headers: &[],
        field: "value",
        hint: HINT,
    };
    issuer.assertion(sign_in, means)
}
