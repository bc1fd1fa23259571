//! The last look at a resource before its account is made or goes: the cache may be behind.

use kube::ResourceExt;

use crate::api::KeycloakUser;
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;

/// Reads the resource from the API server. One that is another by now, or was changed, ends the pass as outdated: a
/// resource that was deleted and made again under the same name must not lose the new account.
pub(super) async fn check(context: &Context, user: &KeycloakUser) -> Result<(), Error> {
    let (namespace, name) = key_of(user);
    let live = context.users_api(&namespace).get(&name).await?;
    if live.uid() == user.uid() && live.metadata.generation == user.metadata.generation {
        return Ok(());
    }
    Err(Error::Outdated)
}
