//! Outbound adapter: the part of Keycloak's Admin REST API that the operator uses, in terms of the domain.
//!
//! May use `domain`; knows nothing of Kubernetes. Written against 26.7.3; every call tolerates fields it does not know.

mod address;
mod answer;
mod answer_body;
mod auth;
mod budget;
mod error;
mod events;
mod fence;
mod kept;
mod metrics;
mod operation;
mod own_writes;
mod privileges;
mod rights;
mod secret_body;
mod sessions;
mod transport;
mod users;
mod wire;
mod wire_rights;

pub use address::ForbiddenAddress;
pub use auth::Login;
pub use budget::in_lane;
pub use error::{ConflictWith, ErrorKind, FieldError, KeycloakError};
pub use events::{Feed, RecordedFeeds};
pub use fence::Fence;
pub use kept::Kept;
pub use metrics::KeycloakMetrics;
pub use operation::Operation;
pub use rights::{FoundGroup, FoundRole, RealmDefaults, RoleMappings};
pub use transport::{CertificateAuthorities, Client, ClientError, InvalidCertificates, Server};
