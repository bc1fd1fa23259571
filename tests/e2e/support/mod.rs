//! What the tests stand on: the bed, a world of their own in it, and witnesses that do not ask the operator.

mod bed;
mod chart;
mod fault_proxy;
mod keycloak;
mod keycloak_rights;
mod operator;
mod second_keycloak;
mod second_kubernetes;
mod wait;
mod world;

pub use bed::{Bed, bed};
pub use chart::Chart;
pub use fault_proxy::{
    Answer, Authority, Call, Door, Fault, FaultProxy, Flaw, Kill, Ledger, Moment, Record, Server, is_uuid,
};
pub use keycloak::{Admin, OPERATOR_CLIENT, OPERATOR_SECRET, Session, adoptable, with_events};
pub use operator::{CONCURRENCY, ChildOperator, Operator, free_port, settings};
pub use second_keycloak::SecondKeycloak;
pub use second_kubernetes::SecondKubernetes;
pub use wait::{eventually, eventually_within};
pub use world::{World, condition, e2e, e2e_with, in_world, ready_reason};

use serde_json::{Value, json};

/// A reference to the key `password` of a Secret, as `spec.credentials` has it.
pub fn password_from(secret: &str) -> Value {
    json!([{ "type": "password", "valueFrom": { "secretKeyRef": { "name": secret, "key": "password" } } }])
}
