//! What the platform that runs this program hands to it: where identity services are, and the
//! tokens to ask them with. Read from the environment once, under the names that Azure, GitHub
//! Actions and Azure Pipelines give.
//!
//! Nothing here is required, and nothing here chooses a credential: a tenant names one kind.

use std::fmt;
use std::path::Path;

use secrecy::SecretString;

use super::variable_value;

/// Where the agent of Azure Arc is, on machines that have it.
const ARC_AGENT: &str = "/opt/azcmagent/bin/himds";

/// The variables by which a platform hands us something that proves who we are, or leads to it.
pub const VARIABLES: [&str; 6] = [
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_OIDCREQUESTURI",
    "SYSTEM_ACCESSTOKEN",
];

/// The variables of identity services, where they are set and not empty.
#[derive(Clone, Default)]
pub struct Platform {
    /// `IDENTITY_ENDPOINT`: App Service, Functions, Container Apps, Arc.
    pub identity_endpoint: Option<String>,
    /// `IDENTITY_HEADER`: App Service, Functions, Container Apps.
    pub identity_header: Option<SecretString>,
    /// `IDENTITY_SERVER_THUMBPRINT` is there: Service Fabric.
    pub service_fabric: bool,
    /// `IMDS_ENDPOINT` is there: Arc.
    pub imds_endpoint: bool,
    /// The agent of Azure Arc is installed.
    pub arc_agent: bool,
    /// `AZURE_POD_IDENTITY_AUTHORITY_HOST`: stands in for the address of a VM's identity service.
    pub pod_identity_host: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`
    pub actions_url: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
    pub actions_token: Option<SecretString>,
    /// `SYSTEM_OIDCREQUESTURI`
    pub pipelines_url: Option<String>,
    /// `SYSTEM_ACCESSTOKEN`
    pub pipelines_token: Option<SecretString>,
}

impl Platform {
    /// Reads it from the process.
    pub fn of_process() -> Self {
        let text = |name| {
            let value = variable_value(name)?.into_string().ok()?;
            (!value.is_empty()).then_some(value)
        };
        let secret = |name| text(name).map(SecretString::from);
        Self {
            identity_endpoint: text("IDENTITY_ENDPOINT"),
            identity_header: secret("IDENTITY_HEADER"),
            service_fabric: text("IDENTITY_SERVER_THUMBPRINT").is_some(),
            imds_endpoint: text("IMDS_ENDPOINT").is_some(),
            arc_agent: Path::new(ARC_AGENT).exists(),
            pod_identity_host: text("AZURE_POD_IDENTITY_AUTHORITY_HOST"),
            actions_url: text("ACTIONS_ID_TOKEN_REQUEST_URL"),
            actions_token: secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
            pipelines_url: text("SYSTEM_OIDCREQUESTURI"),
            pipelines_token: secret("SYSTEM_ACCESSTOKEN"),
        }
    }
}

/// URLs can carry tokens, so they are not shown either.
impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").finish_non_exhaustive()
    }
}
