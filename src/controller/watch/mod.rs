//! Streams from the Kubernetes API: who is to be looked at, and the caches that a pass looks into.
//!
//! The only place that builds on kube's unstable stream control, which is what lets the caches be stripped.

mod changes;
pub(super) mod packed;
pub(super) mod references;
pub(super) mod retries;
pub(super) mod versions;
pub(super) mod wake;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{Store, store};
use kube::runtime::watcher::{Config, Error, Event};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::api::{ALLOW_DELETIONS, KeycloakUser, WISHES};
use crate::controller::claims::Claims;
use crate::controller::connection::kind::ConnectionKind;
use crate::controller::metrics::ControllerMetrics;
use crate::controller::namespaced_name::NamespacedName;
use crate::realm::ConnectionName;
use changes::{Change, Changes};
use packed::PackedUser;
use references::{Referent, ReferentKind};
use retries::Retries;
use wake::{WakeConnections, WakeUsers, connection_referents, user_referents};

/// A watch is asked for anew so often: a connection that has died without a word is noticed that soon, and no load
/// balancer takes a quiet one for idle.
const WATCH_SECONDS: u32 = 45;
/// So long nothing comes on a connection that is alive: a quiet watch ends before.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 5);

/// The namespaces that one set of streams covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One namespace.
    Namespace(String),
    /// All of them.
    Cluster,
}

impl Scope {
    pub(super) fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match self {
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
            Self::Cluster => Api::all(client.clone()),
        }
    }
}

/// Users to look at: new ones, and those whose spec, finalizers or annotations changed. `seen` is
/// told each that exists, `gone` the UID of each that is no more.
pub(super) fn users(
    api: Api<DeserializeGuard<KeycloakUser>>,
    wake: Arc<WakeUsers>,
    claims: impl AsRef<Claims> + Send + 'static,
    seen: impl Fn(&KeycloakUser) + Send + 'static,
    gone: impl Fn(&str) + Send + 'static,
    metrics: &ControllerMetrics,
) -> (Store<PackedUser>, impl Stream<Item = Result<PackedUser, Error>> + Send + 'static) {
    let (reader, writer) = store();
    let (mut changes, mut listed, counted) = (Changes::default(), false, metrics.clone());
    let remember = move |event: &Event<KeycloakUser>| {
        if let Event::Apply(user) | Event::InitApply(user) = event {
            counted.appeared(user.metadata.uid.as_deref().unwrap_or_default());
            wake.references.set(&NamespacedName::of(user), user_referents(user));
            claims.as_ref().set(user);
            seen(user);
        }
        for change in changes.of(event, version) {
            if let Change::Gone { key, .. } = &change {
                wake.gone(key);
            }
            if let Some(uid) = change.gone() {
                claims.as_ref().remove(uid);
                gone(uid);
            }
        }
        if matches!(event, Event::InitDone) && !std::mem::replace(&mut listed, true) {
            claims.as_ref().listed();
        }
    };
    let stream = decoded(api, metrics)
        .modify(strip)
        .inspect(successes(remember))
        .filter_map(|event| ready(each(event, |user| Some(PackedUser::from(user)))))
        .reflect(writer)
        .applied_objects()
        .predicate_filter(changed_by_people(), PredicateConfig::default());
    (reader, stream)
}

/// Connections to look at; each change of their spec also wakes the users of the connection. `gone` is told of each
/// that is no more.
pub(super) fn connections<K: ConnectionKind>(
    api: Api<DeserializeGuard<K>>,
    wake: Arc<WakeConnections<K>>,
    objects_in: impl Fn(&K) -> String + Send + 'static,
    gone: impl Fn(&ConnectionName, &str) + Send + 'static,
    metrics: &ControllerMetrics,
) -> (Store<K>, impl Stream<Item = Result<K, Error>> + Send + 'static) {
    let (reader, writer) = store();
    let (mut changes, mut allowances) = (Changes::default(), Changes::default());
    let remember = {
        let wake = Arc::clone(&wake);
        move |event: &Event<K>| {
            if let Event::Apply(connection) | Event::InitApply(connection) = event {
                let referents = connection_referents(connection.spec(), &objects_in(connection));
                wake.references.set(&NamespacedName::of(connection), referents);
            }
        }
    };
    let tell = move |event: &Event<K>| {
        for change in changes.of(event, spec_version) {
            let key = change.key();
            if let Change::Gone { key, .. } = &change {
                wake.references.remove(key);
            }
            if let Some(uid) = change.gone() {
                gone(&K::name_of(key.namespace().to_owned(), key.name().to_owned()), uid);
            }
            wake.users_of(key.clone());
        }
        for change in allowances.of(event, allowance) {
            wake.waiting_users_of(change.key().clone());
        }
    };
    let stream = decoded(api, metrics)
        .modify(strip)
        .inspect(successes(remember))
        .reflect(writer)
        .inspect(successes(tell))
        .applied_objects()
        .predicate_filter(changed_by_people(), PredicateConfig::default());
    (reader, stream)
}

fn successes<K>(mut see: impl FnMut(&Event<K>)) -> impl FnMut(&Result<Event<K>, Error>) {
    move |event| {
        if let Ok(event) = event {
            see(event);
        }
    }
}

fn version<K: Resource>(object: &K) -> String {
    object.meta().resource_version.clone().unwrap_or_default()
}

/// Leaves out our own writes to the status.
fn spec_version(connection: &impl Resource) -> String {
    connection.meta().generation.unwrap_or_default().to_string()
}

fn allowance(connection: &impl Resource) -> String {
    let annotations = connection.meta().annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(ALLOW_DELETIONS)).cloned().unwrap_or_default()
}

/// Caches the labels of the scope's namespaces, and tells of each that has others than before.
pub(super) fn spawn_namespaces(
    scope: &Scope,
    client: &Client,
    tell: impl Fn(&Referent) + Send + 'static,
    tasks: &mut JoinSet<()>,
) -> Store<PartialObjectMeta<Namespace>> {
    let config = match scope {
        // The right to it is bound to the name.
        Scope::Namespace(name) => config().fields(&format!("metadata.name={name}")),
        Scope::Cluster => config(),
    };
    let (reader, writer) = store();
    let mut changes = Changes::default();
    let stream = watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), config)
        .backoff(Retries::of_stream())
        .modify(|namespace| {
            namespace.metadata.managed_fields = None;
            namespace.metadata.annotations = None;
        })
        .reflect(writer)
        .for_each(move |event| {
            log_failure(&event, "Namespace");
            for change in event.iter().flat_map(|event| changes.of(event, labels)) {
                tell(&Referent { kind: ReferentKind::Namespace, name: change.key().clone() });
            }
            ready(())
        });
    tasks.spawn(stream);
    reader
}

/// Of a namespace nothing else matters.
fn labels(namespace: &PartialObjectMeta<Namespace>) -> String {
    format!("{:?}", namespace.labels())
}

fn log_failure<K>(event: &Result<Event<K>, Error>, kind: &str) {
    if let Err(failure) = event {
        warn!(kind, error = %failure, "a watch failed; it is tried again");
    }
}

/// A watch that one object which this version cannot read does not stop: it is named in the log, counted and left out.
fn decoded<K>(
    api: Api<DeserializeGuard<K>>,
    metrics: &ControllerMetrics,
) -> impl Stream<Item = Result<Event<K>, Error>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let metrics = metrics.clone();
    watcher(api, config()).backoff(Retries::of_stream()).filter_map(move |event| {
        log_failure(&event, &K::kind(&()));
        ready(readable(event, &metrics))
    })
}

fn readable<K: Resource<DynamicType = ()>>(
    event: Result<Event<DeserializeGuard<K>>, Error>,
    metrics: &ControllerMetrics,
) -> Option<Result<Event<K>, Error>> {
    let open = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            metrics.count_undecodable();
            let metadata = &invalid.metadata;
            error!(kind = %K::kind(&()), namespace = ?metadata.namespace, name = ?metadata.name, error = %invalid, "an object cannot be read");
            None
        }
    };
    each(event, open)
}

/// The same event about what becomes of its object; none about an object of which nothing becomes.
fn each<A, B>(event: Result<Event<A>, Error>, become_: impl Fn(A) -> Option<B>) -> Option<Result<Event<B>, Error>> {
    event
        .map(|event| match event {
            Event::Apply(object) => become_(object).map(Event::Apply),
            Event::Delete(object) => become_(object).map(Event::Delete),
            Event::InitApply(object) => become_(object).map(Event::InitApply),
            Event::Init => Some(Event::Init),
            Event::InitDone => Some(Event::InitDone),
        })
        .transpose()
}

/// kube's queue takes at once what is there, and keeps room for as many ever after: at a start for all.
pub(super) fn one_by_one<T: Send + 'static>(
    items: impl Stream<Item = T> + Send + 'static,
) -> impl Stream<Item = T> + Send {
    items.then(|item| async {
        tokio::task::yield_now().await;
        item
    })
}

fn config() -> Config {
    Config::default().timeout(WATCH_SECONDS)
}

/// More than two thirds of an object in the cache are of no use to us.
fn strip<K: Resource>(object: &mut K) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.owner_references = None;
    metadata.labels = None;
    let mut annotations = metadata.annotations.take().unwrap_or_default();
    annotations.retain(|name, _| WISHES.contains(&name.as_str()));
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
}

/// Our own writes, to status and finalizers, are no reason for a pass: the pass that made them went on by itself.
fn changed_by_people<K: Resource + 'static>() -> impl Predicate<K> {
    let generation: fn(&K) -> Option<u64> = predicates::generation;
    generation.combine(predicates::annotations)
}

#[cfg(test)]
mod tests {
    use futures::{poll, stream};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
    use serde_json::{Value, json};
    use wiremock::matchers::{any, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::api::RELEASE;

    pub(super) fn laden(api_version: &str, kind: &str, rest: &Value) -> Value {
        let fields = serde_json::to_value(ManagedFieldsEntry::default()).unwrap();
        let annotations = json!({ RELEASE: "true", "theirs": "value" });
        let mut object = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {
                "name": "laden", "namespace": "ns", "uid": "u", "resourceVersion": "1",
                "managedFields": [fields], "annotations": annotations, "labels": { "theirs": "value" },
            },
        });
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    }

    /// An API server with one object; its watches say nothing.
    pub(super) async fn api_server(object: Value) -> (MockServer, Client) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        let silent = ResponseTemplate::new(200).set_delay(std::time::Duration::from_mins(1));
        Mock::given(query_param("watch", "true")).respond_with(silent).mount(&server).await;
        let list = json!({
            "apiVersion": object["apiVersion"], "kind": "List", "metadata": { "resourceVersion": "1" }, "items": [object],
        });
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
        let client = Client::try_from(kube::Config::new(server.uri().parse().unwrap())).unwrap();
        (server, client)
    }

    fn wake() -> Arc<WakeUsers> {
        let (sender, _) = futures::channel::mpsc::unbounded();
        Arc::new(WakeUsers::new(sender))
    }

    #[tokio::test]
    async fn whoever_takes_what_is_there_gets_one_at_a_time() {
        let mut items = std::pin::pin!(one_by_one(stream::iter(0..3)));
        for expected in 0..3 {
            assert!(poll!(items.next()).is_pending());
            assert_eq!(items.next().await, Some(expected));
        }
        assert_eq!(items.next().await, None);
    }

    #[tokio::test]
    async fn the_cache_of_users_holds_of_the_metadata_what_a_pass_may_ask_for() {
        let user = laden("keycloakuser.dev/v1alpha1", "KeycloakUser", &json!({ "spec": { "username": "laden" } }));
        let (_server, client) = api_server(user).await;
        let claims = Arc::new(Claims::of_lists(1));
        let (reader, stream) = users(Api::all(client), wake(), claims, |_| (), |_| (), &ControllerMetrics::default());
        tokio::select! {
            listed = reader.wait_until_ready() => listed.unwrap(),
            () = stream.for_each(|_| ready(())) => panic!("the watch has ended"),
        }
        let cached = reader.find(|_| true).unwrap();
        assert!(cached.managed_fields().is_empty() && cached.labels().is_empty());
        assert_eq!(cached.annotations().keys().collect::<Vec<_>>(), [RELEASE]);
        assert_eq!(cached.unpack().unwrap().spec.username, "laden");
    }
}
