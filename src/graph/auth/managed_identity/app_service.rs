//! The identity service of App Service, Functions and Container Apps. Address and a key for it are
//! in the environment; the expiry in its answer is a time, as text.

use super::super::super::Error;
use super::super::super::token::Fresh;
use super::super::{Means, SignIn};
use super::{Question, endpoint, options};

const VERSION: &str = "2019-08-01";

pub(super) fn fetch(
    sign_in: &SignIn,
    client_id: Option<&str>,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    let platform = means.platform;
    let variable = "IDENTITY_ENDPOINT";
    let root = endpoint(
        sign_in,
        variable,
        platform.identity_endpoint.as_deref().unwrap_or_default(),
    )?;
    let url = root
        .asking("", &options(VERSION, sign_in, client_id))
        .map_err(|why| sign_in.not_here(&format!("{variable} {why}"), "unset it"))?;
    let key = platform.identity_header.clone().unwrap_or_default();
    let question = Question {
        service: "identity service of the app",
        root: &root,
        url: &url,
        headers: &[("x-identity-header", key)],
        hint: "assign the identity to the app: az webapp identity assign --resource-group GROUP --name APP (az containerapp identity assign …)",
    };
    question.fetch(sign_in, means)
}
