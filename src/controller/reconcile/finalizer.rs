//! The finalizer: set before an account can exist, by us or at admission, and taken off when it is gone.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::status::Draft;
use crate::api::{FINALIZER, KeycloakUser, KeycloakUserStatus};
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;

/// Whether the resource is held back.
pub(super) fn is_set(user: &KeycloakUser) -> bool {
    user.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Whether nothing was ever reported of the resource: its status is the one that it was made with.
pub(super) fn is_blank(user: &KeycloakUser) -> bool {
    let written = user.status.clone().unwrap_or_default();
    let observed_generation = written.observed_generation.filter(|generation| *generation == -1);
    written == KeycloakUserStatus { observed_generation, ..KeycloakUserStatus::default() }
}

/// What an earlier pass, of whatever process, may have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    /// No account: none has asked for one.
    Nothing,
    /// An account with the mark, by a pass that ended without a word: the status is blank.
    Unreported,
    /// An account, by a pass that has reported.
    Reported,
}

/// Sets the finalizer if it is not there, and goes on with the object that the write returned. Says what there may be.
pub(super) async fn ensure(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Earlier, Error> {
    if !is_set(user) {
        let finalizers = user.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
        draft.continue_from(&context.write(replace(context, user, finalizers)).await?);
        if is_blank(user) {
            return Ok(Earlier::Nothing);
        }
    }
    Ok(earlier(context, user))
}

/// A finalizer that was there before, or was taken off by others, does not say who worked on the resource since.
fn earlier(context: &Context, user: &KeycloakUser) -> Earlier {
    if !is_blank(user) {
        Earlier::Reported
    } else if context.shared.claims.is_untried(&user.uid().unwrap_or_default()) {
        Earlier::Nothing
    } else {
        Earlier::Unreported
    }
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
