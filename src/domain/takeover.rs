//! Taking over: when a resource may have an account that it did not create.

use std::fmt;

use super::{Grants, ObservedUser, Username};

/// What decides about taking over, besides the account. Judged in every pass, so that a status that somebody else wrote
/// gains nothing that these rules do not give.
#[derive(Clone, Debug)]
pub struct TakeOver<'a> {
    /// The resource asks for it.
    pub asked: bool,
    /// The name that it declares.
    pub username: &'a Username,
    /// It has taken the account over before, so that the account may have another name by now.
    pub adopted: bool,
    /// What the connection grants.
    pub grants: &'a Grants,
    /// The name by which the operator itself logs in to the realm, if it does so in this one.
    pub own_login: Option<String>,
}

/// Whether the roles of the account have to be looked at, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolesMatter {
    /// It must not hold any that administers the realm.
    Yes,
    /// The grants name this very account.
    No,
}

/// Why an account is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The resource does not ask for it.
    NotAsked,
    /// The resource declares another name.
    AnotherName,
    /// The connection does not allow it.
    NotGranted,
    /// The connection does not grant the username of the account.
    UsernameNotGranted,
    /// The operator logs in with it.
    OwnAccount,
    /// It belongs to a client.
    ServiceAccount,
    /// It names another owner than a resource of this operator.
    OwnedElsewhere,
    /// It holds a role that administers the realm, directly, by a group or by a composite.
    Administrator,
}

impl TakeOver<'_> {
    /// Judges what can be judged by the account alone.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn judge(&self, account: &ObservedUser) -> Result<RolesMatter, Refusal> {
        if !self.asked {
            return Err(Refusal::NotAsked);
        }
        if !self.adopted && account.username.to_lowercase() != self.username.canonical() {
            return Err(Refusal::AnotherName);
        }
        let named = self.judge_named(account);
        match named {
            Err(Refusal::UsernameNotGranted) | Ok(_) if !self.grants.adoption => Err(Refusal::NotGranted),
            judged => judged,
        }
    }

    /// The same for an account that names the resource as its owner, so that nobody has to ask for it: the operator has
    /// created it for a resource of that name, in another life of the cluster.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn judge_named(&self, account: &ObservedUser) -> Result<RolesMatter, Refusal> {
        if self.is_own(account) {
            return Err(Refusal::OwnAccount);
        }
        if account.is_service_account() {
            return Err(Refusal::ServiceAccount);
        }
        if !self.grants.usernames.allow(&account.username) {
            return Err(Refusal::UsernameNotGranted);
        }
        Ok(if self.grants.usernames.name(&account.username) { RolesMatter::No } else { RolesMatter::Yes })
    }

    /// One may log in by the e-mail address, too.
    fn is_own(&self, account: &ObservedUser) -> bool {
        let own = self.own_login.as_ref().map(|login| login.to_lowercase());
        own.is_some_and(|own| own == account.username.to_lowercase() || own == account.email.to_lowercase())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAsked => "set spec.adoption to Adopt to take it over, or delete or rename one of the two",
            Self::AnotherName => "an account is taken over by its exact username alone",
            Self::NotGranted => {
                "spec.adoption asks to take it over, which grants.adoption of the connection does not allow"
            }
            Self::UsernameNotGranted => "grants.usernames of the connection do not allow to take over that username",
            Self::OwnAccount => "the operator logs in with it: such an account is never taken over",
            Self::ServiceAccount => "it is the service account of a client: such an account is never taken over",
            Self::OwnedElsewhere => {
                "its owner attribute names something else than a resource of this operator: such an account is not taken over; empty the attribute if what it names does not exist any more"
            }
            Self::Administrator => {
                "it holds a role that administers the realm, directly, by a group or by a composite role: such an account is taken over only if grants.usernames of the connection name it, without a pattern"
            }
        })
    }
}

#[cfg(test)]
#[path = "takeover_tests.rs"]
mod tests;
