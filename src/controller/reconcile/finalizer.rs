//! The finalizer: set before an account can exist, taken off when it is gone.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::status::Draft;
use crate::api::{FINALIZER, KeycloakUser};
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;

/// Whether the resource is held back.
pub(super) fn is_set(user: &KeycloakUser) -> bool {
    user.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Sets the finalizer if it is not there, and goes on with the object that the write returned.
///
/// True: it was set just now, so that no account of this resource can exist yet.
pub(super) async fn ensure(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<bool, Error> {
    if is_set(user) {
        return Ok(false);
    }
    let finalizers = user.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
    draft.continue_from(&context.write(replace(context, user, finalizers)).await?);
    Ok(true)
}

/// Takes the finalizer off, so that the resource goes.
pub(super) async fn remove(context: &Context, user: &KeycloakUser) -> Result<(), Error> {
    let finalizers = user.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
    let removed = async {
        match replace(context, user, finalizers).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    };
    context.write(removed).await
}

/// Writes the list on the condition that the object is the one that was read: finalizers of others are never lost.
async fn replace(context: &Context, user: &KeycloakUser, finalizers: Vec<String>) -> Result<KeycloakUser, kube::Error> {
    let (namespace, name) = key_of(user);
    let patch = json!({ "metadata": { "resourceVersion": user.resource_version(), "finalizers": finalizers } });
    context.users_api(&namespace).patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await
}
