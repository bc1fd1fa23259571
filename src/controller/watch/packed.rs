//! Users as the cache keeps them: packed, since all are kept and few are looked at at one time.

use std::sync::LazyLock;

use kube::Resource;
use kube::core::ObjectMeta;
use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Error;

use crate::api::{KeycloakUser, KeycloakUserSpec, KeycloakUserStatus};

/// What is written as in this one takes no room: names of fields, and what most of them hold.
static TYPICAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("typical_user.json")).map(|typical| json(&typical)).unwrap_or_default()
});

/// Its metadata; spec and status compressed.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "KeycloakUser")]
pub(in crate::controller) struct PackedUser {
    metadata: ObjectMeta,
    rest: Box<[u8]>,
}

impl PackedUser {
    /// The user as it was.
    pub(in crate::controller) fn unpack(&self) -> Result<KeycloakUser, Error> {
        let json = decompress_size_prepended_with_dict(&self.rest, &TYPICAL).map_err(Error::custom)?;
        let (spec, status): (KeycloakUserSpec, Option<KeycloakUserStatus>) = serde_json::from_slice(&json)?;
        Ok(KeycloakUser { metadata: self.metadata.clone(), spec, status })
    }
}

impl From<KeycloakUser> for PackedUser {
    fn from(user: KeycloakUser) -> Self {
        let rest = compress_prepend_size_with_dict(&json(&user), &TYPICAL).into();
        Self { metadata: user.metadata, rest }
    }
}

/// Spec and status. Nothing in a resource is what JSON has no words for.
fn json(user: &KeycloakUser) -> Vec<u8> {
    serde_json::to_vec(&(&user.spec, &user.status)).unwrap_or_default()
}

impl Resource for PackedUser {
    type DynamicType = ();
    type Scope = <KeycloakUser as Resource>::Scope;

    fn kind(of: &()) -> std::borrow::Cow<'_, str> {
        KeycloakUser::kind(of)
    }

    fn group(of: &()) -> std::borrow::Cow<'_, str> {
        KeycloakUser::group(of)
    }

    fn version(of: &()) -> std::borrow::Cow<'_, str> {
        KeycloakUser::version(of)
    }

    fn plural(of: &()) -> std::borrow::Cow<'_, str> {
        KeycloakUser::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "8c7d2f3e-0000-4000-8000-";

    /// As the operator leaves one behind.
    fn settled(number: u32) -> KeycloakUser {
        let name = format!("person-{number}");
        let mut user: serde_json::Value = serde_json::from_str(include_str!("typical_user.json")).unwrap();
        user["metadata"] = json!({ "name": name, "namespace": "people", "uid": format!("{ID}{number:012}") });
        user["spec"]["username"] = json!(name);
        user["spec"]["firstName"] = json!("Ada");
        user["spec"]["attributes"] = json!([{ "name": "department", "values": ["engineering", "Zürich"] }]);
        user["status"]["userId"] = json!(format!("{ID}{:012}", number + 1));
        user["status"]["owned"]["realmRoles"] = json!([{ "name": "staff", "id": format!("{ID}{:012}", number + 2) }]);
        user["status"]["credentials"][0]["digest"] = json!("ab".repeat(32));
        serde_json::from_value(user).unwrap()
    }

    #[test]
    fn a_user_comes_out_as_it_went_in() {
        for user in [settled(1), KeycloakUser::new("blank", KeycloakUserSpec::default())] {
            assert_eq!(PackedUser::from(user.clone()).unpack().unwrap(), user);
        }
    }

    #[test]
    fn what_most_users_have_in_common_takes_no_room() {
        let user = settled(7);
        let (packed, plain) = (PackedUser::from(user.clone()).rest.len(), json(&user).len());
        assert!(plain > 1500 && packed < plain / 3, "{packed} of {plain} bytes");
    }

    #[test]
    fn what_was_damaged_is_an_error() {
        let packed = PackedUser::from(settled(1));
        for end in 0..packed.rest.len() {
            let cut = PackedUser { rest: packed.rest[..end].into(), ..packed.clone() };
            assert!(cut.unpack().is_err(), "the first {end} bytes");
        }
    }
}
