//! Representations as Keycloak sends and takes them (26.7), and their way to and from the domain.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Editors, NewUser, ObservedUser, PasswordPolicy, ProfileUpdate, UnmanagedPolicy, UserId, UserProfile,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRepresentation {
    id: String,
    username: String,
    created_timestamp: Option<i64>,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<bool>,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    attributes: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    required_actions: Option<BTreeSet<String>>,
}

impl UserRepresentation {
    /// `None` if the id is not one of Keycloak's.
    pub(super) fn observed(self) -> Option<ObservedUser> {
        Some(ObservedUser {
            id: UserId::parse(&self.id)?,
            created_timestamp: self.created_timestamp,
            username: self.username,
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
            email: self.email.unwrap_or_default(),
            email_verified: self.email_verified.unwrap_or_default(),
            enabled: self.enabled.unwrap_or_default(),
            attributes: self.attributes.unwrap_or_default(),
            required_actions: self.required_actions.unwrap_or_default(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateUserRequest<'a> {
    created_timestamp: i64,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    enabled: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    required_actions: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credentials: Vec<PasswordRepresentation<'a>>,
}

impl<'a> CreateUserRequest<'a> {
    pub(super) fn new(user: &'a NewUser, password: Option<PasswordRepresentation<'a>>) -> Self {
        Self {
            created_timestamp: user.created_timestamp,
            username: &user.username,
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            email: user.email.as_deref(),
            email_verified: user.email_verified,
            enabled: user.enabled,
            attributes: &user.attributes,
            groups: &user.groups,
            required_actions: &user.required_actions,
            credentials: password.into_iter().collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateUserRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a BTreeMap<String, Vec<String>>>,
}

impl<'a> From<&'a ProfileUpdate> for UpdateUserRequest<'a> {
    fn from(update: &'a ProfileUpdate) -> Self {
        Self {
            username: update.username.as_deref(),
            first_name: update.first_name.as_deref(),
            last_name: update.last_name.as_deref(),
            email: update.email.as_deref(),
            email_verified: update.email_verified,
            enabled: update.enabled,
            attributes: update.attributes.as_ref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct PasswordRepresentation<'a> {
    #[serde(rename = "type")]
    pub(super) type_: &'static str,
    pub(super) value: &'a str,
    pub(super) temporary: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialRepresentation {
    #[serde(rename = "type")]
    pub(super) type_: Option<String>,
    pub(super) created_date: Option<i64>,
}

/// What a user granted to a client; an offline session appears as a grant too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsentRepresentation {
    #[serde(default)]
    pub(super) additional_grants: Vec<AdditionalGrant>,
}

#[derive(Deserialize)]
pub(super) struct AdditionalGrant {
    /// The client's id.
    pub(super) client: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SessionRepresentation {
    pub(super) id: String,
}

/// What the managed realm says of itself; without the role `view-realm` it says next to nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RealmRepresentation {
    id: Option<String>,
    password_policy: Option<String>,
}

impl RealmRepresentation {
    /// The password policy, if the caller may see the realm.
    pub(super) fn password_policy(self) -> Option<PasswordPolicy> {
        self.id.map(|_| PasswordPolicy::parse(&self.password_policy.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserProfileRepresentation {
    #[serde(default)]
    attributes: Vec<ProfileAttribute>,
    unmanaged_attribute_policy: Option<String>,
}

#[derive(Deserialize)]
struct ProfileAttribute {
    name: String,
    #[serde(default)]
    permissions: Permissions,
}

#[derive(Default, Deserialize)]
struct Permissions {
    #[serde(default)]
    edit: Vec<String>,
}

impl From<UserProfileRepresentation> for UserProfile {
    fn from(profile: UserProfileRepresentation) -> Self {
        let declared = profile.attributes.into_iter().map(|attribute| {
            let edits = |role: &str| attribute.permissions.edit.iter().any(|editor| editor == role);
            (attribute.name.clone(), Editors { admin: edits("admin"), user: edits("user") })
        });
        let unmanaged = match profile.unmanaged_attribute_policy.as_deref() {
            Some("ENABLED") => UnmanagedPolicy::Enabled,
            Some("ADMIN_EDIT") => UnmanagedPolicy::AdminEdit,
            Some("ADMIN_VIEW") => UnmanagedPolicy::AdminView,
            _ => UnmanagedPolicy::Disabled,
        };
        Self { declared: declared.collect(), unmanaged }
    }
}

#[derive(Deserialize)]
pub(super) struct RoleRepresentation {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct PublicRealmRepresentation {
    pub(super) realm: String,
    pub(super) public_key: String,
}

#[derive(Deserialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: String,
    pub(super) expires_in: u64,
}

/// The three shapes in which Keycloak reports errors, in one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ErrorRepresentation {
    pub(super) error: Option<String>,
    #[serde(rename = "error_description")]
    pub(super) error_description: Option<String>,
    pub(super) error_message: Option<String>,
    pub(super) field: Option<String>,
    pub(super) errors: Vec<ErrorRepresentation>,
}
