//! Roles: who may do what, in which tenants.
//!
//! Pure. A user has at most one role for all tenants and one in each tenant; in a tenant the higher
//! of the two counts. Roles contain each other: readonly < operator < manager < owner.
//!
//! - While no role is given at all, whoever can open the database is owner. From the first one on, a
//!   user without a role may do nothing.
//! - Two are owners whatever roles say, because they can change the file by any other means: root,
//!   and the user who owns the file; neither of them by way of another user's sudo
//!   ([`crate::actor`]). So nobody can lock everybody out for good, and the service account that
//!   cron starts `dispatch` as needs no role where the file is its own.
//! - A denied command has done nothing, and leaves an audit event with the outcome `denied`.
//! - The name of a tenant is that of a customer: only who has a role in it is told it, or who typed it.
//!   A denial names it to others by its id, which is enough for an owner to give the role. That there
//!   is something of a given id or name is no secret.
//!
//! Roles keep people who work together from mistakes, and apart where they come by sudo. They
//! protect nothing from somebody who can write the file itself.
//!
//! Whoever says what a credential is, or which host is asked with it, says what the account that runs
//! backups starts, reads and hands over, and that account can do everything to every tenant. So this
//! takes an owner for all ([`Action::Access`]), whoever the tenant belongs to. The directory and the
//! cloud are part of it, because tenants may share one credential; the client id is not: it leads to
//! another application of the same directory at most. A ping URL is not either: nothing but how a run
//! went goes there. By sudo, the same holds for the path of a file ([`Action::Path`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::tenant::TenantId;

/// What a user is allowed, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Readonly,
    /// And back up: `run`, `retry`, `dispatch`, `tenants check`.
    Operator,
    /// And decide what is backed up when, and what stays: schedules, retention, imports.
    Manager,
    /// And everything else: tenants, roles, deleting, restoring.
    Owner,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Readonly, Self::Operator, Self::Manager, Self::Owner];

    /// The word in tables, arguments, `--json` and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Readonly => "readonly",
            Self::Operator => "operator",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// What a command does, as far as roles go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Knows nothing of any database.
    Nothing,
    /// Look at tenants, schedules, runs, sets, events.
    Read,
    /// Look at the database as a whole.
    Inspect,
    /// Sign in to a tenant and read it, keeping nothing.
    SignIn,
    /// Back up now.
    Run,
    /// Start what is due, of all tenants.
    Dispatch,
    /// Change schedules.
    Schedule,
    /// Decide which backup sets stay.
    Retain,
    /// Decide which backup sets stay where a schedule does not say so itself.
    RetainByDefault,
    /// Bring a backup set in from elsewhere.
    Import,
    /// Rewrite the database as a whole.
    Upkeep,
    /// Remove for good.
    Delete,
    /// Change a tenant.
    Tenant,
    /// Say how a tenant is reached and signed in to: what the account starts, reads and asks.
    Access,
    /// Name a file that another user's account opens.
    Path,
    /// Add a tenant.
    AddTenant,
    /// Give and take roles.
    Grant,
    /// Copy the database with all that it holds.
    Copy,
}

/// Where the role must be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In one tenant at least; what is done to which tenant is asked later.
    Somewhere,
    /// In this tenant.
    In(TenantId),
    /// For all tenants.
    Everywhere,
}

impl Action {
    /// The least role that may do it; none where anybody may.
    pub fn needs(self) -> Option<Role> {
        match self {
            Self::Nothing => None,
            Self::Read | Self::Inspect => Some(Role::Readonly),
            Self::SignIn | Self::Run | Self::Dispatch => Some(Role::Operator),
            Self::Schedule | Self::Retain | Self::RetainByDefault | Self::Import | Self::Upkeep => {
                Some(Role::Manager)
            }
            Self::Delete
            | Self::Tenant
            | Self::Access
            | Self::Path
            | Self::AddTenant
            | Self::Grant
            | Self::Copy => Some(Role::Owner),
        }
    }

    /// Where the role must be held before anything is known of the tenants that are meant.
    pub fn place(self) -> Place {
        match self {
            Self::Inspect
            | Self::Dispatch
            | Self::RetainByDefault
            | Self::Upkeep
            | Self::Access
            | Self::Path
            | Self::AddTenant
            | Self::Copy => Place::Everywhere,
            _ => Place::Somewhere,
        }
    }

    /// The deed, after "may not".
    pub fn deed(self) -> &'static str {
        match self {
            Self::Nothing | Self::Read => "look at",
            Self::Inspect => "look at the database as a whole",
            Self::SignIn => "sign in to",
            Self::Run => "back up",
            Self::Dispatch => "dispatch",
            Self::Schedule => "change schedules of",
            Self::Retain => "decide which backup sets stay of",
            Self::RetainByDefault => "change what stays by default",
            Self::Import => "import into",
            Self::Upkeep => "rewrite the database",
            Self::Delete => "delete what is of",
            Self::Tenant => "change",
            Self::Access => "say how tenants are reached and signed in to",
            Self::Path => "name a file that another user's account opens",
            Self::AddTenant => "add tenants",
            Self::Grant => "give or take roles in",
            Self::Copy => "copy the database",
        }
    }
}

/// Which tenants somebody may look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Readable {
    /// Every one.
    #[default]
    All,
    /// These.
    Only(BTreeSet<TenantId>),
}

impl Readable {
    /// Whether this one is among them.
    pub fn contains(&self, tenant: TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.contains(&tenant),
        }
    }
}

/// The roles of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    everywhere: Option<Role>,
    tenants: BTreeMap<TenantId, Role>,
}

impl Held {
    /// Owner for all tenants.
    pub fn owner() -> Self {
        Self {
            everywhere: Some(Role::Owner),
            tenants: BTreeMap::new(),
        }
    }

    /// What `grants` give to `user`.
    pub fn of(user: &str, grants: &[Grant]) -> Self {
        if grants.is_empty() {
            return Self::owner();
        }
        let mut held = Self::default();
        for grant in grants.iter().filter(|grant| grant.user == user) {
            match &grant.tenant {
                None => held.everywhere = Some(grant.role),
                Some((tenant, _)) => {
                    held.tenants.insert(*tenant, grant.role);
                }
            }
        }
        held
    }

    /// The role that counts at a place.
    pub fn at(&self, place: Place) -> Option<Role> {
        match place {
            Place::Everywhere => self.everywhere,
            Place::In(tenant) => self.everywhere.max(self.tenants.get(&tenant).copied()),
            Place::Somewhere => self.everywhere.max(self.tenants.values().copied().max()),
        }
    }

    /// Whether `action` is allowed at `place`: the one place where that is decided.
    pub fn allows(&self, action: Action, place: Place) -> bool {
        self.at(place) >= action.needs()
    }

    /// The tenants of which anything may be looked at.
    pub fn readable(&self) -> Readable {
        match self.everywhere {
            Some(_) => Readable::All,
            None => Readable::Only(self.tenants.keys().copied().collect()),
        }
    }
}

/// A role as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// To whom: an OS user.
    pub user: String,
    /// Which.
    pub role: Role,
    /// In which tenant, with its name; none: in all.
    pub tenant: Option<(TenantId, String)>,
    /// When.
    pub granted_at: DateTime<Utc>,
}

impl Grant {
    /// `owner for all tenants`, `operator in tenant contoso (id 1)`.
    pub fn whose(&self) -> String {
        let role = self.role.as_str();
        match &self.tenant {
            Some((id, name)) => format!("{role} in tenant {name} (id {})", id.0),
            None => format!("{role} for all tenants"),
        }
    }

    /// What takes it.
    pub fn revocation(&self) -> String {
        let user = shell_words::quote(&self.user);
        let tenant = self
            .tenant
            .as_ref()
            .map(|(_, name)| shell_words::quote(name));
        let tenant = tenant.map_or_else(String::new, |name| format!(" --tenant {name}"));
        format!("tenantpilot roles revoke {user}{tenant}")
    }
}

/// What a change of roles would bring about that is easily not meant; `None` where it is nothing of
/// the kind. `actor` makes the change; `sovereign` is owner whatever roles say.
pub fn caution(
    before: &[Grant],
    after: &[Grant],
    actor: &str,
    sovereign: bool,
) -> Option<&'static str> {
    let owned = |grants: &[Grant]| {
        let mut grants = grants.iter();
        grants.any(|grant| grant.role == Role::Owner && grant.tenant.is_none())
    };
    let is_owner = |grants| Held::of(actor, grants).at(Place::Everywhere) == Some(Role::Owner);
    if after.is_empty() && !before.is_empty() {
        return Some("no role is left then, and whoever can open the database is owner");
    }
    if owned(before) && !owned(after) {
        return Some(
            "nobody is owner for all tenants then but root and the user who owns the database file",
        );
    }
    if !sovereign && is_owner(before) && !is_owner(after) {
        return Some("you are not owner for all tenants any more then");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);

    fn grant(user: &str, role: Role, tenant: Option<TenantId>) -> Grant {
        Grant {
            user: user.to_owned(),
            role,
            tenant: tenant.map(|id| (id, format!("tenant {}", id.0))),
            granted_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_role_may_what_the_lesser_may() {
        use Action as Do;
        let least = [
            (Do::Read, Role::Readonly),
            (Do::Inspect, Role::Readonly),
            (Do::SignIn, Role::Operator),
            (Do::Run, Role::Operator),
            (Do::Dispatch, Role::Operator),
            (Do::Schedule, Role::Manager),
            (Do::Retain, Role::Manager),
            (Do::RetainByDefault, Role::Manager),
            (Do::Import, Role::Manager),
            (Do::Upkeep, Role::Manager),
            (Do::Delete, Role::Owner),
            (Do::Tenant, Role::Owner),
            (Do::Access, Role::Owner),
            (Do::Path, Role::Owner),
            (Do::AddTenant, Role::Owner),
            (Do::Grant, Role::Owner),
            (Do::Copy, Role::Owner),
        ];
        for (action, needed) in least {
            for role in Role::ALL {
                let held = Held::of("ben", &[grant("ben", role, None)]);
                for place in [Place::Somewhere, Place::In(A), Place::Everywhere] {
                    let allowed = held.allows(action, place);
                    assert_eq!(allowed, role >= needed, "{role:?} {action:?} {place:?}");
                }
            }
            let nobody = Held::of("eve", &[grant("ben", Role::Owner, None)]);
            assert!(!nobody.allows(action, Place::Somewhere), "{action:?}");
        }
        assert!(Held::default().allows(Do::Nothing, Place::Somewhere));
    }

    #[test]
    fn in_a_tenant_the_higher_of_two_roles_counts_and_elsewhere_none() {
        let grants = [
            grant("ben", Role::Readonly, None),
            grant("ben", Role::Manager, Some(A)),
            grant("cleo", Role::Operator, Some(B)),
        ];
        let ben = Held::of("ben", &grants);
        assert!(ben.allows(Action::Schedule, Place::In(A)));
        assert!(!ben.allows(Action::Schedule, Place::In(B)));
        assert!(!ben.allows(Action::Schedule, Place::Everywhere));
        for action in [Action::Access, Action::Path] {
            assert_eq!(action.place(), Place::Everywhere, "{action:?}");
        }
        assert!(ben.allows(Action::Schedule, Place::Somewhere));
        assert_eq!(ben.readable(), Readable::All);
        let cleo = Held::of("cleo", &grants);
        assert!(cleo.allows(Action::Run, Place::In(B)) && !cleo.allows(Action::Run, Place::In(A)));
        assert!(!cleo.allows(Action::Read, Place::In(A)));
        assert!(cleo.readable().contains(B) && !cleo.readable().contains(A));
    }

    #[test]
    fn without_any_role_everybody_is_owner() {
        assert_eq!(Held::of("eve", &[]), Held::owner());
        assert!(Held::owner().allows(Action::Copy, Place::Everywhere));
    }

    #[test]
    fn a_change_that_shuts_out_or_lets_in_is_told() {
        let anna = grant("anna", Role::Owner, None);
        let ben = grant("ben", Role::Operator, None);
        let both = [anna.clone(), ben.clone()];
        let told = |before: &[Grant], after: &[Grant], sovereign| {
            caution(before, after, "anna", sovereign).map(|text| text[..9].to_owned())
        };
        let (anna, ben) = ([anna], [ben]);
        assert_eq!(told(&both, &anna, false), None);
        assert_eq!(told(&both, &ben, false), Some("nobody is".into()));
        assert_eq!(told(&both, &ben, true), Some("nobody is".into()));
        assert_eq!(told(&anna, &[], false), Some("no role i".into()));
        // The first role of all, given by somebody who is owner by none.
        assert_eq!(told(&[], &ben, true), None);
        assert_eq!(told(&[], &ben, false), Some("you are n".into()));
        let other = grant("cleo", Role::Owner, None);
        assert_eq!(told(&both, &[other], false), Some("you are n".into()));
    }
}
