//! A namespace with many resources, and the realm that they are for.

use std::future::Future;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use keycloak_user_operator::api::KeycloakUser;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::report;
use crate::support::{Chart, World, with_events};

/// So many requests at one time prepare what is measured.
const AT_ONCE: usize = 32;
/// So many accounts are edited while the operator is down; of them every fifth has a password that is enforced.
pub const EDITED: usize = 50;

pub struct Stage {
    pub world: World,
    pub chart: Chart,
    pub users: usize,
    pub passwords: bool,
}

pub fn name_of(index: usize) -> String {
    format!("user-{index:06}")
}

impl Stage {
    /// Makes the realm, and applies the resources, which nobody looks at yet.
    pub async fn set(name: &str, users: usize, passwords: bool) -> Self {
        let world = World::create(name, with_events()).await;
        world.keycloak.create_role("staff").await;
        world.keycloak.create_group("/staff").await;
        world.connect(json!({ "sync": { "events": "Follow" } })).await;
        let chart = world.chart().await;
        let stage = Self { world, chart, users, passwords };
        let progress = report::progress("resources applied", users);
        in_crowds(users, async |index| {
            stage.apply(index).await;
            progress.inc(1);
        })
        .await;
        progress.finish_and_clear();
        stage
    }

    async fn apply(&self, index: usize) {
        let name = name_of(index);
        if self.passwords {
            let secret = json!({ "metadata": { "name": name }, "stringData": { "password": password(index) } });
            let secret: Secret = serde_json::from_value(secret).unwrap();
            self.world.api::<Secret>().create(&PostParams::default(), &secret).await.expect("the Secret");
        }
        let user: KeycloakUser = serde_json::from_value(self.resource(index)).unwrap();
        self.world.api::<KeycloakUser>().create(&PostParams::default(), &user).await.expect("the resource");
    }

    fn resource(&self, index: usize) -> Value {
        let name = name_of(index);
        let mut spec = json!({
            "username": name, "firstName": "First", "lastName": "Last", "email": format!("{name}@example.com"),
            "enabled": true, "attributes": [{ "name": "team", "values": ["blue"] }],
            "realmRoles": ["staff"], "groups": ["/staff"],
        });
        if self.passwords {
            let reference = json!({ "secretKeyRef": { "name": name, "key": "password" } });
            let sync = if self.enforces(index) { "Enforce" } else { "OnChange" };
            spec["credentials"] = json!([{ "type": "password", "sync": sync, "valueFrom": reference }]);
        }
        json!({ "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "KeycloakUser",
            "metadata": { "name": name }, "spec": spec })
    }

    /// The accounts that are edited while the operator is down.
    pub fn edited(&self, edit: usize) -> usize {
        edit * (self.users / EDITED).max(1)
    }

    fn enforces(&self, index: usize) -> bool {
        (0..EDITED).any(|edit| edit % 5 == 3 && self.edited(edit) == index)
    }

    pub async fn resources(&self) -> Vec<KeycloakUser> {
        self.world.api().list(&ListParams::default()).await.expect("the resources").items
    }

    /// How many resources are Ready for their newest spec, as the API server has them.
    pub async fn ready(&self) -> usize {
        self.resources().await.iter().filter(|user| is_ready(user)).count()
    }

    /// Takes everything away.
    pub async fn clear(self) {
        self.world.keycloak.delete_realm().await;
        let resources = self.resources().await;
        let (progress, api) =
            (report::progress("resources removed", resources.len()), self.world.api::<KeycloakUser>());
        in_crowds(resources.len(), async |index| {
            let release = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            let name = resources[index].name_any();
            let _ = api.patch(&name, &PatchParams::default(), &release).await;
            let _ = api.delete(&name, &DeleteParams::default()).await;
            progress.inc(1);
        })
        .await;
        progress.finish_and_clear();
        let secrets: Api<Secret> = self.world.api();
        let _ = secrets.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        Chart::remove(&self.world.client, &self.world.namespace).await;
        let namespaces: Api<Namespace> = Api::all(self.world.client.clone());
        let _ = namespaces.delete(&self.world.namespace, &DeleteParams::default()).await;
    }
}

pub fn password(index: usize) -> String {
    format!("pass-word-{index:06}")
}

pub fn is_ready(user: &KeycloakUser) -> bool {
    let Some(status) = &user.status else {
        return false;
    };
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    status.observed_generation == user.metadata.generation && ready.is_some_and(|ready| ready.status == "True")
}

/// Does something for each index, some of them at one time.
pub async fn in_crowds<F: Future<Output = ()>>(count: usize, act: impl Fn(usize) -> F) {
    stream::iter(0..count).for_each_concurrent(AT_ONCE, act).await;
}
