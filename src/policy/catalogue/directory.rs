//! What policies refer to and is no policy: how the name of such an object is looked up by its id.
//!
//! Names are an addition: nothing of a policy depends on them, so every permission here is optional.

use crate::graph::{Request, ServiceGroup, Version};

/// The most ids that `getByIds` takes at once.
const MOST_BY_ID: usize = 1000;
/// The most values that Graph takes in an `in` of a filter.
const MOST_IN_FILTER: usize = 15;

/// One kind of object.
#[derive(Debug, Clone, Copy)]
pub struct DirectoryKind {
    /// The word for it.
    pub kind: &'static str,
    /// The words for people: one, and several.
    pub label: [&'static str; 2],
    /// The property by which policies refer to it.
    pub id: &'static str,
    /// The property that holds its name.
    pub name: &'static str,
    /// Any one of these is enough to look it up; the least first.
    pub permissions: &'static [&'static str],
    lookup: Lookup,
}

#[derive(Debug, Clone, Copy)]
enum Lookup {
    /// With the ids of directory objects of this type, posted.
    ByIds(&'static str),
    /// In the list at this path, filtered by the ids.
    Filtered(&'static str),
    /// In this whole list; selecting its properties where it takes options.
    Listed {
        version: Version,
        path: &'static str,
        group: ServiceGroup,
        query: &'static [(&'static str, &'static str)],
    },
}

/// One request that tells names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where it is asked.
    pub request: Request,
    /// What is posted; a GET without.
    pub body: Option<String>,
    /// The ids that it is about. One that the answer leaves out is not there.
    pub ids: Vec<String>,
}

const ROWS: [DirectoryKind; 7] = [
    DirectoryKind {
        kind: "group",
        label: ["group", "groups"],
        id: "id",
        name: "displayName",
        permissions: &[
            "GroupMember.Read.All",
            "Group.Read.All",
            "Directory.Read.All",
        ],
        lookup: Lookup::ByIds("group"),
    },
    DirectoryKind {
        kind: "user",
        label: ["user", "users"],
        id: "id",
        name: "displayName",
        permissions: &["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"],
        lookup: Lookup::ByIds("user"),
    },
    DirectoryKind {
        kind: "servicePrincipal",
        label: ["service principal", "service principals"],
        id: "id",
        name: "displayName",
        permissions: &["Application.Read.All", "Directory.Read.All"],
        lookup: Lookup::ByIds("servicePrincipal"),
    },
    DirectoryKind {
        kind: "application",
        label: ["application", "applications"],
        id: "appId",
        name: "displayName",
        permissions: &["Application.Read.All", "Directory.Read.All"],
        lookup: Lookup::Filtered("servicePrincipals"),
    },
    DirectoryKind {
        kind: "directoryRole",
        label: ["directory role", "directory roles"],
        id: "id",
        name: "displayName",
        permissions: &["RoleManagement.Read.Directory", "Directory.Read.All"],
        // This list takes no query options.
        lookup: Lookup::Listed {
            version: Version::V1,
            path: "directoryRoleTemplates",
            group: ServiceGroup::Directory,
            query: &[],
        },
    },
    DirectoryKind {
        kind: "conditionalAccessTemplate",
        label: [
            "Conditional Access template",
            "Conditional Access templates",
        ],
        id: "id",
        name: "name",
        permissions: &["Policy.Read.All"],
        lookup: Lookup::Listed {
            version: Version::V1,
            path: "identity/conditionalAccess/templates",
            group: ServiceGroup::ConditionalAccess,
            query: &[("$select", "id,name")],
        },
    },
    DirectoryKind {
        kind: "intentTemplate",
        label: ["intent template", "intent templates"],
        id: "id",
        name: "displayName",
        permissions: &["DeviceManagementConfiguration.Read.All"],
        lookup: Lookup::Listed {
            version: Version::Beta,
            path: "deviceManagement/templates",
            group: ServiceGroup::DeviceConfiguration,
            query: &[("$select", "id,displayName")],
        },
    },
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static DirectoryKind> {
    ROWS.iter()
}

/// The row of that kind.
pub fn find(kind: &str) -> Option<&'static DirectoryKind> {
    all().find(|row| row.kind == kind)
}

impl DirectoryKind {
    /// The fewest requests that tell the names of these.
    pub fn questions(&self, ids: &[String]) -> Vec<Question> {
        match self.lookup {
            Lookup::ByIds(of) => {
                let chunks = ids.chunks(MOST_BY_ID);
                chunks.map(|ids| self.by_ids(of, ids)).collect()
            }
            Lookup::Filtered(path) => {
                let chunks = ids.chunks(MOST_IN_FILTER);
                chunks.map(|ids| self.filtered(path, ids)).collect()
            }
            Lookup::Listed {
                version,
                path,
                group,
                query,
            } => {
                let request = self.request(path, group, query);
                vec![Question {
                    request: Request { version, ..request },
                    body: None,
                    ids: ids.to_vec(),
                }]
            }
        }
    }

    fn by_ids(&self, of: &str, ids: &[String]) -> Question {
        // This action takes no query options.
        let path = "directoryObjects/getByIds";
        let body = serde_json::json!({ "ids": ids, "types": [of] });
        Question {
            request: self.request(path, ServiceGroup::Directory, &[]),
            body: Some(body.to_string()),
            ids: ids.to_vec(),
        }
    }

    fn filtered(&self, path: &str, ids: &[String]) -> Question {
        // In a literal a quote is written twice.
        let literals: Vec<String> = ids
            .iter()
            .map(|id| format!("'{}'", id.replace('\'', "''")))
            .collect();
        let filter = format!("{} in ({})", self.id, literals.join(","));
        let select = format!("{},{}", self.id, self.name);
        let query = [("$filter", filter.as_str()), ("$select", select.as_str())];
        Question {
            request: self.request(path, ServiceGroup::Directory, &query),
            body: None,
            ids: ids.to_vec(),
        }
    }

    /// The endpoint is the kind: names that cannot be read say nothing about policies.
    fn request(&self, path: &str, group: ServiceGroup, query: &[(&str, &str)]) -> Request {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Request {
            version: Version::V1,
            path: path.to_owned(),
            query: query.iter().map(own).collect(),
            group,
            endpoint: self.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("id-{number}")).collect()
    }

    fn asked(kind: &str, count: usize) -> Vec<(String, usize)> {
        let questions = find(kind).unwrap().questions(&ids(count));
        let asked = questions.iter().map(|question| {
            let url = question
                .request
                .query
                .iter()
                .fold(question.request.path.clone(), |url, (name, value)| {
                    format!("{url} {name}={value}")
                });
            (url, question.ids.len())
        });
        asked.collect()
    }

    #[test]
    fn names_cost_few_requests() {
        let url = "directoryObjects/getByIds".to_owned();
        assert_eq!(
            asked("group", 2001),
            [(url.clone(), 1000), (url.clone(), 1000), (url, 1)]
        );
        let question = find("user").unwrap().questions(&ids(2)).remove(0);
        let body = question.body.unwrap();
        assert_eq!(body, r#"{"ids":["id-0","id-1"],"types":["user"]}"#);
        let filtered = asked("application", 16);
        assert_eq!((filtered[0].1, filtered[1].1), (15, 1));
        assert_eq!(
            filtered[1].0,
            "servicePrincipals $filter=appId in ('id-15') $select=appId,displayName"
        );
        assert_eq!(
            asked("directoryRole", 90),
            [("directoryRoleTemplates".to_owned(), 90)]
        );
        let templates = "identity/conditionalAccess/templates $select=id,name".to_owned();
        assert_eq!(asked("conditionalAccessTemplate", 2), [(templates, 2)]);
        for row in all() {
            assert_eq!(
                row.questions(&[]).len(),
                usize::from(matches!(row.lookup, Lookup::Listed { .. }))
            );
        }
    }
}
