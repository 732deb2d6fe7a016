//! The identity service of an Azure VM ("Azure Instance Metadata Service"). It is at one link-local
//! address; `AZURE_POD_IDENTITY_AUTHORITY_HOST` names another, as for the Azure SDKs.

use secrecy::SecretString;

use super::super::super::Error;
use super::super::super::token::Fresh;
use super::super::{Means, SignIn};
use super::{Question, endpoint, options};

const HOST: &str = "http://169.254.169.254";
const PATH: &str = "metadata/identity/oauth2/token";
const VERSION: &str = "2018-02-01";

pub(super) fn fetch(
    sign_in: &SignIn,
    client_id: Option<&str>,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    let variable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    let host = means.platform.pod_identity_host.as_deref().unwrap_or(HOST);
    let host = host.trim_end_matches('/');
    let root = endpoint(sign_in, variable, &format!("{host}/{PATH}"))?;
    let url = root
        .asking("", &options(VERSION, sign_in, client_id))
        .map_err(|why| sign_in.not_here(&format!("{variable} {why}"), "unset it"))?;
    let question = Question {
        service: "identity service of the VM",
        root: &root,
        url: &url,
        headers: &[("metadata", SecretString::from("true"))],
        hint: "on an Azure VM, assign the identity: az vm identity assign --resource-group GROUP --name VM [--identities ID]; elsewhere use --certificate FILE with tenantpilot tenants edit",
    };
    question.fetch(sign_in, means)
}
