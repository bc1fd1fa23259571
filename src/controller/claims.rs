//! Which resource an account belongs to, over all namespaces that are watched.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt;

use super::observe::mark_of;
use crate::api::KeycloakUser;
use crate::domain::{BirthMark, ObservedUser};

/// What the resources say of their accounts. As large as the resources that exist.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<Maps>);

#[derive(Debug, Default)]
struct Maps {
    /// Lists of resources that are not read yet.
    missing: usize,
    claims: HashMap<String, Claim>,
    by_user_id: HashMap<String, BTreeSet<String>>,
    by_mark: HashMap<BirthMark, BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Claim {
    user_id: Option<String>,
    mark: BirthMark,
}

impl Claims {
    /// Claims that are complete once so many lists have been read.
    pub(super) fn of_lists(lists: usize) -> Self {
        Self(Mutex::new(Maps { missing: lists, ..Maps::default() }))
    }

    /// One more list has been read.
    pub(super) fn listed(&self) {
        let mut maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        maps.missing = maps.missing.saturating_sub(1);
    }

    /// Replaces what is known of a resource.
    pub(super) fn set(&self, user: &KeycloakUser) {
        let user_id = user.status.as_ref().and_then(|status| status.user_id.clone());
        let claim = Claim { user_id, mark: mark_of(user) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set(user.uid().unwrap_or_default(), claim);
    }

    /// Forgets a resource that is gone.
    pub(super) fn remove(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Whether every list has been read.
    pub(super) fn are_complete(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).missing == 0
    }

    /// Whether that account may belong to another resource than that one: one whose status names it, or one with the
    /// account's mark that names none.
    pub(super) fn may_be_of_another(&self, uid: &str, account: &ObservedUser) -> bool {
        let maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = account.created_timestamp.and_then(|created| maps.by_mark.get(&BirthMark::read(created)));
        let idless = |other: &&String| maps.claims.get(*other).is_some_and(|claim| claim.user_id.is_none());
        let by_id = maps.by_user_id.get(account.id.as_str()).into_iter().flatten();
        let mut others = by_id.chain(mark.into_iter().flatten().filter(idless)).filter(|other| *other != uid);
        others.next().is_some()
    }
}

impl Maps {
    fn set(&mut self, uid: String, claim: Claim) {
        self.remove(&uid);
        if let Some(id) = &claim.user_id {
            self.by_user_id.entry(id.clone()).or_default().insert(uid.clone());
        }
        self.by_mark.entry(claim.mark).or_default().insert(uid.clone());
        self.claims.insert(uid, claim);
    }

    fn remove(&mut self, uid: &str) {
        let Some(claim) = self.claims.remove(uid) else {
            return;
        };
        if let Some(id) = claim.user_id {
            leave(&mut self.by_user_id, &id, uid);
        }
        leave(&mut self.by_mark, &claim.mark, uid);
    }
}

fn leave<K: std::hash::Hash + Eq>(map: &mut HashMap<K, BTreeSet<String>>, key: &K, uid: &str) {
    if let Some(set) = map.get_mut(key) {
        set.remove(uid);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "8c7d2f3e-0000-4000-8000-000000000000";

    fn resource(uid: &str, user_id: Option<&str>) -> KeycloakUser {
        let metadata =
            json!({ "name": uid, "namespace": "ns", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z" });
        serde_json::from_value(json!({
            "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "KeycloakUser", "metadata": metadata,
            "spec": { "username": "any" }, "status": { "userId": user_id },
        }))
        .unwrap()
    }

    fn account(born_with: &KeycloakUser) -> ObservedUser {
        ObservedUser {
            id: crate::domain::UserId::parse(ID).unwrap(),
            created_timestamp: Some(mark_of(born_with).milliseconds()),
            username: "any".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            email_verified: false,
            enabled: true,
            attributes: std::collections::BTreeMap::new(),
            required_actions: std::collections::BTreeSet::new(),
        }
    }

    #[test]
    fn an_account_is_of_another_if_its_status_names_it() {
        let claims = Claims::of_lists(0);
        claims.set(&resource("mine", None));
        assert!(!claims.may_be_of_another("mine", &account(&resource("mine", None))));
        claims.set(&resource("theirs", Some(ID)));
        assert!(claims.may_be_of_another("mine", &account(&resource("mine", None))));
        claims.set(&resource("theirs", Some("11111111-0000-4000-8000-000000000000")));
        assert!(!claims.may_be_of_another("mine", &account(&resource("mine", None))));
    }

    #[test]
    fn an_account_is_of_another_with_the_same_mark_that_has_none() {
        let claims = Claims::of_lists(0);
        let theirs = account(&resource("theirs", None));
        claims.set(&resource("theirs", None));
        assert!(claims.may_be_of_another("mine", &theirs));
        claims.remove("theirs");
        assert!(!claims.may_be_of_another("mine", &theirs));
        let maps = claims.0.lock().unwrap();
        assert!(maps.by_mark.is_empty() && maps.claims.is_empty(), "nothing is kept of what is gone");
    }

    #[test]
    fn claims_are_complete_when_every_list_has_been_read() {
        let claims = Claims::of_lists(2);
        claims.listed();
        assert!(!claims.are_complete());
        claims.listed();
        assert!(claims.are_complete());
    }
}
