//! What an annotation asks for once, and whether the status has answered.

use kube::ResourceExt;

use crate::api::{KeycloakUser, KeycloakUserStatus, RECONCILE_REQUESTED_AT, REENABLE, SET_CREDENTIALS};

/// What an annotation asks for by any new value.
#[derive(Debug)]
pub(super) struct Wish {
    asked: Option<String>,
    handled: Option<String>,
    answered: bool,
}

impl Wish {
    /// For a pass over the account.
    pub(super) fn to_reconcile(user: &KeycloakUser) -> Self {
        Self::of(user, RECONCILE_REQUESTED_AT, |status| status.last_handled_reconcile_at.as_ref())
    }

    /// For an account that somebody else has disabled to be switched on again.
    pub(super) fn to_reenable(user: &KeycloakUser) -> Self {
        Self::of(user, REENABLE, |status| status.last_handled_reenable.as_ref())
    }

    /// For the password of the Secret to be set.
    pub(super) fn to_set_credentials(user: &KeycloakUser) -> Self {
        Self::of(user, SET_CREDENTIALS, |status| status.last_handled_set_credentials.as_ref())
    }

    fn of(user: &KeycloakUser, annotation: &str, handled: impl Fn(&KeycloakUserStatus) -> Option<&String>) -> Self {
        Self {
            asked: user.annotations().get(annotation).cloned(),
            handled: user.status.as_ref().and_then(handled).cloned(),
            answered: false,
        }
    }

    /// Whether something is asked for that was not answered yet.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some() && self.has_changed()
    }

    /// Whether the status speaks of another one: one that was taken back is forgotten, so that it can be asked again.
    pub(super) fn has_changed(&self) -> bool {
        !self.answered && self.asked != self.handled
    }

    /// What it asks for is done, or begun.
    pub(super) fn answer(&mut self) {
        self.answered = true;
    }

    /// The value that was answered last.
    pub(super) fn handled(&self) -> Option<String> {
        if self.answered { self.asked.clone() } else { self.handled.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whether it is asked, whether it has changed, and what is handled once it is answered.
    fn told(asked: Option<&str>, handled: Option<&str>) -> (bool, bool, Option<String>) {
        let user = serde_json::from_value(json!({ "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "KeycloakUser",
            "metadata": { "name": "u", "annotations": asked.map(|value| json!({ REENABLE: value })) },
            "spec": { "username": "u" }, "status": { "lastHandledReenable": handled } }));
        let mut wish = Wish::to_reenable(&user.unwrap());
        assert_eq!(wish.handled().as_deref(), handled, "before it is answered");
        let (is_asked, has_changed) = (wish.is_asked(), wish.has_changed());
        wish.answer();
        assert!(!wish.is_asked() && !wish.has_changed(), "it was answered");
        (is_asked, has_changed, wish.handled())
    }

    #[test]
    fn any_new_value_asks_and_one_that_was_taken_back_is_forgotten() {
        assert_eq!(told(None, None), (false, false, None));
        assert_eq!(told(Some("1"), None), (true, true, Some("1".to_owned())));
        assert_eq!(told(Some("1"), Some("1")), (false, false, Some("1".to_owned())));
        assert_eq!(told(Some("2"), Some("1")), (true, true, Some("2".to_owned())));
        assert_eq!(told(None, Some("1")), (false, true, None));
    }
}
