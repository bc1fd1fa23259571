//! The attribute in which accounts name their resource: whether it may be relied on, and who writes it.

use super::Pass;
use super::dereference::Connection;
use super::observe::{Account, Origin};
use super::status::Draft;
use crate::api::KeycloakUser;
use crate::controller::context::{Shared, key_of};
use crate::controller::error::{ActError, DereferenceError, Error, ObserveError};
use crate::domain::{DesiredUser, NamedOwner, NotGranted, OwnerAttribute};
use crate::realm::ConnectionName;

/// The attribute on the account of that resource, if the connection names one.
pub(super) async fn attribute(
    shared: &Shared,
    connection: &Connection,
    user: &KeycloakUser,
) -> Result<Option<OwnerAttribute>, Error> {
    let (namespace, name) = key_of(user);
    let Some((attribute, instance)) = trusted(shared, connection).await.map_err(|error| told(connection, error))?
    else {
        return Ok(None);
    };
    let parsed = OwnerAttribute::parse(attribute, instance, &namespace, &name);
    Ok(Some(parsed.map_err(|flaw| invalid(connection, format!("ownerAttribute {flaw}")))?))
}

/// The attribute and the name of the operator's instance. Reads the user profile, at most every 15 s: where others than
/// admins may write the attribute, it proves nothing.
pub(in crate::controller) async fn trusted<'a>(
    shared: &'a Shared,
    connection: &'a Connection,
) -> Result<Option<(&'a str, &'a str)>, Error> {
    let Some(attribute) = connection.owner_attribute.as_deref() else {
        return Ok(None);
    };
    let Some(instance) = shared.instance_name.as_deref() else {
        let problem = "ownerAttribute needs a name for this instance of the operator: start it with --instance-name (chart: instanceName)";
        return Err(invalid(connection, problem.to_owned()).into());
    };
    let profile = connection.realm.user_profile().await.map_err(ObserveError::from)?;
    if profile.is_the_admins_alone(attribute) {
        return Ok(Some((attribute, instance)));
    }
    let (connection, attribute) = (connection.name.clone(), attribute.escape_debug().to_string());
    Err(DereferenceError::OwnerAttributeUnprotected { connection, attribute }.into())
}

/// What is wrong with a shared connection is for the eyes of those who may read it.
fn told(connection: &Connection, error: Error) -> Error {
    match (&connection.name, error) {
        (ConnectionName::Cluster { name }, Error::Dereference(_)) => {
            DereferenceError::ConnectionNotReady(name.clone()).into()
        }
        (_, error) => error,
    }
}

fn invalid(connection: &Connection, problem: String) -> DereferenceError {
    DereferenceError::ConnectionInvalid { connection: connection.name.clone(), problem }
}

impl Pass<'_> {
    /// The attribute that names the owner is not for the resource to write.
    pub(super) fn check_owner(&self) -> Result<(), ActError> {
        match self.owner.filter(|owner| owner.is_declared_by(self.declared)) {
            Some(owner) => Err(self.not_granted(NotGranted::OwnerAttribute(owner.name().to_owned()))),
            None => Ok(()),
        }
    }

    /// What shall be, with the attribute that names the owner. An account that is taken over gets none, so that what
    /// agrees is not written, but one that it has is put right.
    pub(super) fn with_owner(&self, account: &Account) -> Option<DesiredUser> {
        let owner = self.owner?;
        match account {
            Account::Ours { user, origin: Origin::TakenOver(_) } if owner.read(user) == NamedOwner::Nobody => None,
            Account::Absent | Account::Ours { .. } => Some(owner.declare(self.desired)),
        }
    }

    /// Whether the connection names the attribute only since the account was last brought into line.
    pub(super) fn owner_is_new(&self, draft: &Draft) -> bool {
        let declared = self.owner.filter(|owner| owner.is_declared_by(self.desired));
        declared.is_some_and(|owner| !draft.owned.attributes.contains(owner.name()))
    }
}
