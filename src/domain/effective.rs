//! What a role or group comes to: the closure of composites and of the groups above, and whether a connection grants
//! all of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::RightName;
use super::grants::matches;

/// What implies what: a role the roles that it is made of, a group its roles and the group above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightsGraph(BTreeMap<RightName, BTreeSet<RightName>>);

impl RightsGraph {
    /// Notes what a right directly implies.
    pub fn insert(&mut self, name: RightName, implied: impl IntoIterator<Item = RightName>) {
        self.0.entry(name).or_default().extend(implied);
    }

    /// Whether that right has been noted.
    #[must_use]
    pub fn knows(&self, name: &RightName) -> bool {
        self.0.contains_key(name)
    }

    /// The shortest way to each right that `start` implies, itself included: from it to the right, both ends included.
    #[must_use]
    pub fn effective(&self, start: &RightName) -> Vec<Vec<RightName>> {
        self.effective_up_to(start, |_| false)
    }

    /// As [`Self::effective`], without what lies beyond the rights for which `stop` holds.
    fn effective_up_to(&self, start: &RightName, stop: impl Fn(&RightName) -> bool) -> Vec<Vec<RightName>> {
        let mut seen = BTreeSet::from([start.clone()]);
        let mut waiting = VecDeque::from([vec![start.clone()]]);
        let mut ways = Vec::new();
        while let Some(way) = waiting.pop_front() {
            let implied = way.last().filter(|end| !stop(end)).and_then(|end| self.0.get(end)).into_iter().flatten();
            for next in implied.filter(|next| seen.insert((*next).clone())).collect::<Vec<_>>() {
                waiting.push_back(way.iter().chain([next]).cloned().collect());
            }
            ways.push(way);
        }
        ways
    }
}

/// Whether a realm administers only itself, or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealmKind {
    /// The realm `master`, whose roles administer every other realm.
    Admin,
    /// Any other.
    Ordinary,
}

impl RealmKind {
    /// Client that has the roles for the administration of its own realm.
    pub const REALM_MANAGEMENT: &str = "realm-management";

    /// The kind of the realm of that name.
    #[must_use]
    pub fn of(realm: &str) -> Self {
        if realm == "master" { Self::Admin } else { Self::Ordinary }
    }

    /// Whether that role administers Keycloak, so that it must be granted in words.
    #[must_use]
    pub fn is_admin_role(self, role: &RightName) -> bool {
        match role {
            // In an ordinary realm Keycloak gives them no meaning, but people do.
            RightName::RealmRole(name) => matches!(name.as_str(), "admin" | "create-realm"),
            RightName::ClientRole { client, .. } => {
                client == Self::REALM_MANAGEMENT || (self == Self::Admin && client.ends_with("-realm"))
            }
            RightName::Group(_) => false,
        }
    }
}

/// Roles and groups that users of a connection may be given: patterns, none at all allowing all but admin roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightGrants {
    /// Patterns for names of realm roles.
    pub realm_roles: Vec<String>,
    /// Patterns for IDs of clients, each with patterns for names of its roles.
    pub client_roles: Vec<(String, Vec<String>)>,
    /// Patterns for paths of groups: `*` stays within a name, `**` does not.
    pub groups: Vec<String>,
}

/// Why a right is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightRefusal {
    /// From what was declared to what is not granted, both ends included.
    pub way: Vec<RightName>,
    /// The rule.
    pub rule: GrantRule,
}

/// Rules by which a right is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantRule {
    /// A role that administers Keycloak must be named, without a pattern.
    AdminRole,
    /// The field of the connection's grants that does not have it.
    NotGranted(&'static str),
}

impl fmt::Display for RightRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.way.iter().map(ToString::to_string).collect();
        match self.rule {
            GrantRule::AdminRole => write!(
                formatter,
                "{} administers Keycloak, and the grants of the connection do not name it",
                names.join(" > ")
            ),
            GrantRule::NotGranted(field) => {
                write!(formatter, "{} is not among {field} of the connection", names.join(" > "))
            }
        }
    }
}

impl RightGrants {
    /// Judges a right by everything that it implies.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, graph: &RightsGraph, start: &RightName, realm: RealmKind) -> Result<(), RightRefusal> {
        self.judge_admin(graph, start, realm)?;
        for way in self.ways(graph, start, realm) {
            // A group above is not given itself, only what it carries.
            let given = way.len() == 1 || !matches!(way.last(), Some(RightName::Group(_)));
            if let Some(name) = way.last().filter(|_| given)
                && let Some(field) = self.lacks(name)
            {
                return Err(RightRefusal { way, rule: GrantRule::NotGranted(field) });
            }
        }
        Ok(())
    }

    /// Judges what nobody declares, and everybody is given: whether it makes an administrator of who is not granted to be
    /// one.
    ///
    /// # Errors
    /// The way to a role that administers Keycloak.
    pub fn judge_admin(&self, graph: &RightsGraph, start: &RightName, realm: RealmKind) -> Result<(), RightRefusal> {
        let is_refused = |role: &RightName| realm.is_admin_role(role) && !self.names(role);
        let mut ways = self.ways(graph, start, realm).into_iter();
        match ways.find(|way| way.last().is_some_and(is_refused)) {
            Some(way) => Err(RightRefusal { way, rule: GrantRule::AdminRole }),
            None => Ok(()),
        }
    }

    /// Whoever names an admin role in words means all that it is made of.
    fn ways(&self, graph: &RightsGraph, start: &RightName, realm: RealmKind) -> Vec<Vec<RightName>> {
        graph.effective_up_to(start, |role| realm.is_admin_role(role) && self.names(role))
    }

    /// Whether a role is named in words.
    fn names(&self, role: &RightName) -> bool {
        match role {
            RightName::RealmRole(name) => self.realm_roles.iter().any(|pattern| pattern == name),
            RightName::ClientRole { client, role } => {
                let of_client = self.client_roles.iter().filter(|(pattern, _)| pattern == client);
                of_client.flat_map(|(_, roles)| roles).any(|pattern| pattern == role)
            }
            RightName::Group(_) => false,
        }
    }

    /// The field that would have to have it, if it does not.
    fn lacks(&self, name: &RightName) -> Option<&'static str> {
        let (field, granted) = match name {
            RightName::RealmRole(name) => ("grants.realmRoles", any(&self.realm_roles, name)),
            RightName::ClientRole { client, role } => {
                let mut of_client = self.client_roles.iter().filter(|(pattern, _)| matches(pattern, client));
                let granted = self.client_roles.is_empty() || of_client.any(|(_, roles)| any(roles, role));
                ("grants.clientRoles", granted)
            }
            RightName::Group(path) => {
                let granted = self.groups.is_empty() || self.groups.iter().any(|pattern| path_matches(pattern, path));
                ("grants.groups", granted)
            }
        };
        (!granted).then_some(field)
    }
}

fn any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name))
}

/// Matches name by name; `**` stands for one name or more.
fn path_matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    names_match(&pattern, &path)
}

fn names_match(pattern: &[&str], path: &[&str]) -> bool {
    // Whether the pattern up to here matches so many names: a row of a table, so that no pattern takes long.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        for (index, name) in path.iter().enumerate() {
            next[index + 1] = match *part {
                "**" => reached[index] || next[index],
                part => reached[index] && matches(part, name),
            };
        }
        reached = next;
    }
    reached[path.len()]
}

#[cfg(test)]
#[path = "effective_tests.rs"]
mod tests;
