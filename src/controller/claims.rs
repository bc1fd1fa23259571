//! Which resource an account belongs to, over all namespaces that are watched.
//!
//! An account belongs to the resource that can prove it: by its mark, as the one that created it. Where none can, it
//! belongs to the oldest of those that hold it by taking over; of those that would create it, to the oldest that may.
//! What a status says counts only when a pass of this process has found it to be so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use futures::channel::mpsc::UnboundedSender;

use super::index::Index;
use super::namespaced_name::NamespacedName;
use super::pool::{Text, shared};
use super::reconcile::observe::mark_of;
use crate::api::KeycloakUser;
use crate::domain::{BirthMark, ObservedUser};

/// What the resources say of their accounts. As large as the resources that exist.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<Maps>);

#[derive(Debug, Default)]
struct Maps {
    /// Lists of resources that are not read yet.
    missing: usize,
    claims: HashMap<Text, Claim>,
    by_user_id: Index<Text, Text>,
    by_mark: Index<BirthMark, Text>,
    by_name: Index<Text, Text>,
    /// Those that wait for a resource to let go of an account.
    waiting: HashMap<String, BTreeMap<String, Waker>>,
}

#[derive(Clone, Debug)]
struct Claim {
    user_id: Option<Text>,
    mark: BirthMark,
    /// The username that it declares, as Keycloak stores it.
    name: Text,
    key: NamespacedName,
    /// Its generation, and whether it is deleted: what a pass found holds for as long as they stay.
    state: (Option<i64>, bool),
    found: Option<Finding>,
    /// The realm in which it may have that name.
    realm: Option<Text>,
    /// It was made while this process watched, so that no other saw it, and its account was not asked for since.
    untried: bool,
}

/// What the last pass over a resource found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// The account that is its own.
    pub(super) holds: Option<Text>,
    /// The account that it would take over if its owner went.
    pub(super) inherits: Option<Text>,
}

/// Wakes a resource.
#[derive(Clone, Debug)]
pub(super) struct Waker {
    pub(super) user: NamespacedName,
    pub(super) queue: UnboundedSender<NamespacedName>,
}

/// Who else has a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rival {
    /// Nobody whose claim comes first.
    None,
    /// Perhaps one that no pass has looked at yet.
    Unknown,
    /// This one.
    Known(Owner),
}

/// A resource that an account belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Claims {
    /// Claims that are complete once so many lists have been read.
    pub(super) fn of_lists(lists: usize) -> Self {
        Self(Mutex::new(Maps { missing: lists, ..Maps::default() }))
    }

    fn maps(&self) -> std::sync::MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more list has been read.
    pub(super) fn listed(&self) {
        let mut maps = self.maps();
        maps.missing = maps.missing.saturating_sub(1);
    }

    /// Replaces what is known of a resource.
    pub(super) fn set(&self, user: &KeycloakUser) {
        let mut maps = self.maps();
        let claim = Claim {
            user_id: user.status.as_ref().and_then(|status| status.user_id.as_deref()).map(shared),
            mark: mark_of(user),
            name: shared(&user.spec.username.to_lowercase()),
            key: NamespacedName::of(user),
            state: (user.metadata.generation, user.metadata.deletion_timestamp.is_some()),
            found: None,
            realm: None,
            untried: maps.missing == 0,
        };
        maps.set(shared(user.metadata.uid.as_deref().unwrap_or_default()), claim);
    }

    /// Forgets a resource that is gone, and wakes those that waited for it.
    pub(super) fn remove(&self, uid: &str) {
        let mut maps = self.maps();
        maps.remove(uid);
        maps.wake(uid);
    }

    /// Whether no process can have asked for an account of that resource.
    pub(super) fn is_untried(&self, uid: &str) -> bool {
        self.maps().claims.get(uid).is_some_and(|claim| claim.untried)
    }

    /// Notes that an account of that resource is about to be asked for.
    pub(super) fn tried(&self, uid: &str) {
        if let Some(claim) = self.maps().claims.get_mut(uid) {
            claim.untried = false;
        }
    }

    /// Notes what a pass has found.
    pub(super) fn found(&self, uid: &str, finding: Finding) {
        if let Some(claim) = self.maps().claims.get_mut(uid) {
            claim.found = Some(finding);
        }
    }

    /// Whether a pass of this process has found out about the resource as it is.
    pub(super) fn is_found(&self, uid: &str) -> bool {
        self.maps().claims.get(uid).is_some_and(|claim| claim.found.is_some())
    }

    /// Notes that a resource may have the name that it declares, in that realm.
    pub(super) fn may_be_named(&self, uid: &str, realm: &str) {
        if let Some(claim) = self.maps().claims.get_mut(uid) {
            claim.realm = Some(shared(realm));
        }
    }

    /// Notes that a resource is to be woken when that one changes or goes.
    pub(super) fn wait(&self, uid: &str, owner: &str, waker: Waker) {
        let mut maps = self.maps();
        if maps.claims.contains_key(owner) {
            maps.waiting.entry(owner.to_owned()).or_default().insert(uid.to_owned(), waker);
        } else {
            waker.wake();
        }
    }

    /// Wakes those that wait for that resource: something of its account has changed.
    pub(super) fn wake(&self, owner: &str) {
        self.maps().wake(owner);
    }

    /// Whether every list has been read.
    pub(super) fn are_complete(&self) -> bool {
        self.maps().missing == 0
    }

    /// Whether another resource declares that name, in whatever realm.
    pub(super) fn has_namesakes(&self, uid: &str, name: &str) -> bool {
        self.maps().namesakes(uid, name).next().is_some()
    }

    /// Who has the older claim to create the account of that name in that realm.
    pub(super) fn senior_namesake(&self, uid: &str, name: &str, realm: &str) -> Rival {
        let maps = self.maps();
        let Some(mine) = maps.claims.get(uid).map(|claim| claim.age(uid)) else {
            return Rival::None;
        };
        let seniors = maps.namesakes(uid, name).filter(|(other, claim)| !claim.state.1 && claim.age(other) < mine);
        first(seniors.filter_map(|(other, claim)| match (&claim.found, &claim.realm) {
            (None, _) => Some(Rival::Unknown),
            (Some(_), Some(theirs)) if **theirs == *realm => Some(claim.owns(other)),
            (Some(_), _) => None,
        }))
    }

    /// Whose the account is rather than that resource's, which can prove that it created it, or cannot.
    pub(super) fn rival_for(&self, uid: &str, account: &ObservedUser, proven: bool) -> Rival {
        let maps = self.maps();
        if !proven && maps.missing > 0 {
            return Rival::Unknown;
        }
        let name = account.username.to_lowercase();
        let mine = maps.claims.get(uid).map(|claim| claim.age(uid));
        first(maps.claimants(uid, account).chain(maps.namesakes(uid, &name)).filter_map(|(other, claim)| {
            let senior = mine.as_ref().is_some_and(|mine| claim.age(other) < *mine);
            let named = claim.user_id.as_deref().map(|id| id == account.id.as_str());
            match (proven, claim.mark.is_on(account)) {
                (false, true) if named != Some(false) => Some(claim.owns(other)),
                // Marks repeat: only a status that names the account as well makes it a rival.
                (true, true) if senior && named == Some(true) => Some(claim.owns(other)),
                (false, _) if senior => claim.rivals_by_holding(other, account),
                (true | false, _) => None,
            }
        }))
    }

    /// The resource of that name, if there is one.
    pub(super) fn named(&self, namespace: &str, name: &str) -> Rival {
        let maps = self.maps();
        if maps.missing > 0 {
            return Rival::Unknown;
        }
        let key = NamespacedName::new(namespace, name);
        let mut of_name = maps.claims.iter().filter(|(_, claim)| claim.key == key);
        of_name.next().map_or(Rival::None, |(uid, claim)| claim.owns(uid))
    }

    /// Who takes over the account of a resource that is deleted.
    pub(super) fn heir(&self, uid: &str, account: &ObservedUser) -> Rival {
        let maps = self.maps();
        if maps.missing > 0 {
            return Rival::Unknown;
        }
        let name = account.username.to_lowercase();
        let namesakes = maps.namesakes(uid, &name);
        first(namesakes.chain(maps.claimants(uid, account)).filter(|(_, claim)| !claim.state.1).filter_map(
            |(other, claim)| match &claim.found {
                None => Some(Rival::Unknown),
                Some(found) if found.inherits.as_deref() == Some(account.id.as_str()) => Some(claim.owns(other)),
                Some(_) => None,
            },
        ))
    }

    /// Whether that account may belong to another resource than that one: one whose status names it, or one with the
    /// account's mark that names none.
    pub(super) fn may_be_of_another(&self, uid: &str, account: &ObservedUser) -> bool {
        self.maps().claimants(uid, account).next().is_some()
    }
}

impl Claim {
    /// The older resource comes first; of two of one second that with the smaller UID.
    fn age<'a>(&self, uid: &'a str) -> (i64, &'a str) {
        (self.mark.milliseconds() / 1000, uid)
    }

    /// A pass has found the account to be its own, or has not looked yet.
    fn rivals_by_holding(&self, uid: &str, account: &ObservedUser) -> Option<Rival> {
        match &self.found {
            None => Some(Rival::Unknown),
            Some(found) if found.holds.as_deref() == Some(account.id.as_str()) => Some(self.owns(uid)),
            Some(_) => None,
        }
    }

    fn owns(&self, uid: &str) -> Rival {
        let (namespace, name) = (self.key.namespace().to_owned(), self.key.name().to_owned());
        Rival::Known(Owner { uid: uid.to_owned(), namespace, name })
    }
}

impl Waker {
    /// A queue that is gone belongs to a controller that has stopped.
    pub(super) fn wake(&self) {
        let _ = self.queue.unbounded_send(self.user.clone());
    }
}

/// A rival that is known settles the matter; one that may be there keeps it open.
fn first(rivals: impl Iterator<Item = Rival>) -> Rival {
    let mut outcome = Rival::None;
    for rival in rivals {
        match rival {
            Rival::Known(_) => return rival,
            Rival::Unknown => outcome = Rival::Unknown,
            Rival::None => {}
        }
    }
    outcome
}

impl Maps {
    fn set(&mut self, uid: Text, mut claim: Claim) {
        if let Some(before) = self.claims.get(&uid) {
            claim.untried = before.untried;
            if before.state == claim.state {
                claim.found.clone_from(&before.found);
                claim.realm.clone_from(&before.realm);
            } else {
                self.wake(&uid);
            }
        }
        self.remove(&uid);
        if let Some(id) = &claim.user_id {
            self.by_user_id.insert(id.clone(), uid.clone());
        }
        self.by_mark.insert(claim.mark, uid.clone());
        self.by_name.insert(claim.name.clone(), uid.clone());
        self.claims.insert(uid, claim);
    }

    fn remove(&mut self, uid: &str) {
        let Some((uid, claim)) = self.claims.remove_entry(uid) else {
            return;
        };
        if let Some(id) = claim.user_id {
            self.by_user_id.remove(&id, &uid);
        }
        self.by_mark.remove(&claim.mark, &uid);
        self.by_name.remove(&claim.name, &uid);
    }

    fn wake(&mut self, owner: &str) {
        for waker in self.waiting.remove(owner).into_iter().flat_map(BTreeMap::into_values) {
            waker.wake();
        }
    }

    /// Others that declare that name.
    fn namesakes(&self, uid: &str, name: &str) -> impl Iterator<Item = (&str, &Claim)> {
        self.others(uid, self.by_name.get(name))
    }

    /// Others whose status names the account, or that carry its mark and name none.
    fn claimants(&self, uid: &str, account: &ObservedUser) -> impl Iterator<Item = (&str, &Claim)> {
        let by_id = self.by_user_id.get(account.id.as_str());
        let mark = account.created_timestamp.map(BirthMark::read);
        let by_mark = mark.into_iter().flat_map(|mark| self.by_mark.get(&mark));
        let idless = |other: &&Text| self.claims.get(*other).is_some_and(|claim| claim.user_id.is_none());
        self.others(uid, by_id.chain(by_mark.filter(idless)))
    }

    fn others<'a>(
        &'a self,
        uid: &str,
        uids: impl Iterator<Item = &'a Text>,
    ) -> impl Iterator<Item = (&'a str, &'a Claim)> {
        uids.filter(move |other| ***other != *uid).filter_map(|other| Some((&**other, self.claims.get(other)?)))
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
