//! How a set knows what it holds of a policy type.
//!
//! ```text
//! {"request":"beta/deviceManagement/configurationPolicies?$expand=assignments","status":200,
//!  "last_page":true,"read":2,"extra_reads":5,"nested_links":1,"declared":61,"counted":61}
//! ```
//!
//! One object, part of the type's line in the manifest. It says nothing that differs from run to
//! run while the tenant stays the same: no time, no try, no wait. A count of nothing is left out.

use serde::{Deserialize, Serialize};

use super::line::Line;

/// How the outcome of a policy type is known, beside the pages and objects of its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// What was asked for first: API version, path and query of the list.
    pub request: String,
    /// The HTTP status of the list's last answer; none where there was no answer.
    pub status: Option<u16>,
    /// Whether the list was read to a page without a next link.
    pub last_page: bool,
    /// How many of the listed objects were read whole.
    #[serde(default)]
    pub read: u64,
    /// How many of the listed objects were deleted before they were read.
    #[serde(default)]
    pub deleted: u64,
    /// How many objects of the list are nobody's policies.
    #[serde(default)]
    pub left_out: u64,
    /// How many requests were made for single objects and what belongs to them.
    #[serde(default)]
    pub extra_reads: u64,
    /// How many next links were followed inside objects.
    #[serde(default)]
    pub nested_links: u64,
    /// How many elements the objects say they have, those that say so, and
    #[serde(default)]
    pub declared: u64,
    /// how many of these elements were read.
    #[serde(default)]
    pub counted: u64,
    /// How many secrets Graph did not give.
    #[serde(default)]
    pub secrets_not_captured: u64,
    /// How many remarks there are on the type and its policies.
    #[serde(default)]
    pub warnings: u64,
}

impl Proof {
    /// What speaks against a complete type with so many listed objects and policies.
    pub fn contradiction(&self, listed: u64, policies: u64) -> Option<&'static str> {
        if !self.last_page {
            Some("complete without the last page of its list")
        } else if self.read.checked_add(self.deleted) != Some(listed) || self.read != policies {
            Some("complete with another number of policies than its list has")
        } else if self.declared != self.counted {
            Some("complete with another number of elements than its policies say they have")
        } else {
            None
        }
    }

    pub(super) fn line(&self) -> Line {
        let some = |count: u64| (count > 0).then_some(count);
        Line::new()
            .member("request", Some(self.request.as_str()))
            .member("status", self.status)
            .member("last_page", Some(self.last_page))
            .member("read", some(self.read))
            .member("deleted", some(self.deleted))
            .member("left_out", some(self.left_out))
            .member("extra_reads", some(self.extra_reads))
            .member("nested_links", some(self.nested_links))
            .member("declared", some(self.declared))
            .member("counted", some(self.counted))
            .member("secrets_not_captured", some(self.secrets_not_captured))
            .member("warnings", some(self.warnings))
    }
}
