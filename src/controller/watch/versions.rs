//! Which Secrets and ConfigMaps there are, in which version. Their contents are not asked for.

use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Error, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::changes::{Change, Changes};
use super::references::{Referent, ReferentKind};
use super::retries::Retries;
use super::{Scope, config, log_failure, strip, version};
use crate::controller::namespaced_name::NamespacedName;

/// The Secrets and ConfigMaps of one scope.
#[derive(Clone)]
pub(in crate::controller) struct Versions {
    secrets: Known,
    config_maps: Known,
}

/// The objects of one kind. As large as those that exist: UID and resourceVersion of each.
#[derive(Clone)]
struct Known {
    changes: Arc<Mutex<Changes>>,
    listed: watch::Receiver<bool>,
}

impl Versions {
    /// Watches them, and tells of each that has changed.
    pub(in crate::controller) fn watch(
        scope: &Scope,
        client: &Client,
        tell: impl Fn(&Referent) + Clone + Send + 'static,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let secrets = Known::watch::<Secret>(scope.api(client), ReferentKind::Secret, tell.clone(), tasks);
        let config_maps = Known::watch::<ConfigMap>(scope.api(client), ReferentKind::ConfigMap, tell, tasks);
        Self { secrets, config_maps }
    }

    /// Waits until both kinds have been listed; false if they never will be.
    pub(in crate::controller) async fn listed(&self) -> bool {
        self.secrets.listed().await && self.config_maps.listed().await
    }

    /// UID and resourceVersion of a Secret.
    pub(in crate::controller) fn secret(&self, namespace: &str, name: &str) -> Option<(String, String)> {
        self.secrets.version(namespace, name)
    }

    /// UID and resourceVersion of a ConfigMap.
    pub(in crate::controller) fn config_map(&self, namespace: &str, name: &str) -> Option<(String, String)> {
        self.config_maps.version(namespace, name)
    }
}

impl Known {
    fn watch<K>(
        api: Api<PartialObjectMeta<K>>,
        kind: ReferentKind,
        tell: impl Fn(&Referent) + Send + 'static,
        tasks: &mut JoinSet<()>,
    ) -> Self
    where
        K: Resource<DynamicType = ()> + Send + Sync + 'static,
        PartialObjectMeta<K>: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync,
    {
        let (listing, listed) = watch::channel(false);
        let changes = Arc::<Mutex<Changes>>::default();
        let known = Self { changes: Arc::clone(&changes), listed };
        let stream = watcher(api, config()).backoff(Retries::of_stream()).modify(strip);
        tasks.spawn(stream.for_each(move |event| {
            log_failure(&event, &format!("{kind:?}"));
            for change in take(&changes, &event) {
                tell(&Referent { kind, name: change.key().clone() });
            }
            if matches!(event, Ok(Event::InitDone)) {
                listing.send_replace(true);
            }
            ready(())
        }));
        known
    }

    async fn listed(&self) -> bool {
        // Whoever asks without waiting must not be told no because its task has used up its budget (tokio's `coop`).
        *self.listed.borrow() || self.listed.clone().wait_for(|listed| *listed).await.is_ok()
    }

    fn version(&self, namespace: &str, name: &str) -> Option<(String, String)> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let (uid, version) = changes.known(&NamespacedName::new(namespace, name))?;
        Some((uid.to_owned(), version.to_owned()))
    }
}

fn take<K: Resource>(changes: &Mutex<Changes>, event: &Result<Event<K>, Error>) -> Vec<Change> {
    let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
    event.as_ref().map(|event| changes.of(event, version)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::super::tests::{api_server, laden};
    use super::*;

    #[tokio::test]
    async fn a_secret_is_known_by_uid_and_version_once_it_was_told_of() {
        let (_server, client) = api_server(laden("v1", "PartialObjectMetadata", &json!({}))).await;
        let (told, mut tasks) = (Arc::new(Mutex::new(Vec::new())), JoinSet::new());
        let tell = {
            let told = Arc::clone(&told);
            move |referent: &Referent| told.lock().unwrap().push(referent.clone())
        };
        let versions = Versions::watch(&Scope::Namespace("ns".to_owned()), &client, tell, &mut tasks);
        assert_eq!(versions.secret("ns", "laden"), None);
        assert!(versions.listed().await);
        assert_eq!(versions.secret("ns", "laden"), Some(("u".to_owned(), "1".to_owned())));
        assert_eq!(versions.secret("ns", "another"), None);
        let asked_often = (0..1000).all(|_| versions.listed().now_or_never() == Some(true));
        assert!(asked_often, "and without waiting");
        let expected = [ReferentKind::Secret, ReferentKind::ConfigMap].map(|kind| Referent::new(kind, "ns", "laden"));
        assert!(expected.iter().all(|referent| told.lock().unwrap().contains(referent)));
    }

    #[tokio::test]
    async fn a_watch_that_has_ended_is_not_waited_for() {
        let (_server, client) = api_server(laden("v1", "PartialObjectMetadata", &json!({}))).await;
        let mut tasks = JoinSet::new();
        let versions = Versions::watch(&Scope::Namespace("ns".to_owned()), &client, |_| (), &mut tasks);
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        assert!(!versions.listed().await);
    }
}
