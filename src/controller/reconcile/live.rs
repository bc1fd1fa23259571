//! The last look at a resource before its account is made, finished or goes: the cache may be behind. A pass that has just
//! written to the resource needs none.

use kube::ResourceExt;

use crate::api::KeycloakUser;
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;

/// Reads the resource from the API server. One that is another by now, or was changed, or whose account another pass has
/// noted meanwhile, ends the pass as outdated: a resource that was deleted and made again under the same name must not
/// lose the new account, and no account is asked for twice.
pub(super) async fn check(context: &Context, user: &KeycloakUser) -> Result<(), Error> {
    let (namespace, name) = key_of(user);
    let live = context.users_api(&namespace).get(&name).await?;
    let account = |user: &KeycloakUser| user.status.as_ref().and_then(|status| status.user_id.clone());
    let is_same = live.uid() == user.uid()
        && live.metadata.generation == user.metadata.generation
        && account(&live) == account(user);
    if is_same { Ok(()) } else { Err(Error::Outdated) }
}

/// Reads a resource whose status does not know of the account that it made. If it is another version by now, the pass
/// that made the account has noted it meanwhile, and nothing of it is unfinished.
pub(super) async fn check_unfinished(context: &Context, user: &KeycloakUser) -> Result<(), Error> {
    let (namespace, name) = key_of(user);
    let live = context.users_api(&namespace).get(&name).await?;
    let noted = live.status.and_then(|status| status.user_id).is_some();
    if live.metadata.uid == user.metadata.uid && !noted { Ok(()) } else { Err(Error::Outdated) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::status::Draft;
    use crate::api::KeycloakUser;

    #[test]
    fn a_resource_is_live_only_after_a_write_of_the_pass() {
        let user: KeycloakUser = serde_json::from_value(json!({ "apiVersion": "keycloakuser.dev/v1alpha1",
            "kind": "KeycloakUser", "metadata": { "name": "u" }, "spec": { "username": "u" } }))
        .unwrap();
        let mut draft = Draft::of(&user);
        assert!(!draft.is_live(), "it comes from a cache");
        draft.continue_from(&user);
        assert!(draft.is_live());
    }
}
