//! Which roles an account holds in effect: directly, by groups and those above them, by composites.

use reqwest::Method;

use super::wire::RoleRepresentation;
use super::{Client, KeycloakError, Operation};
use crate::domain::{ObjectId, UserId};

impl Client {
    /// Names of the roles of the realm that the account holds in effect (seen on 26.7.3: what groups above give counts).
    pub async fn effective_realm_roles(&self, id: &UserId) -> Result<Vec<String>, KeycloakError> {
        self.effective_roles(&["users", id.as_str(), "role-mappings", "realm", "composite"]).await
    }

    /// Names of the roles of that client that the account holds in effect.
    pub async fn effective_client_roles(&self, id: &UserId, client: &ObjectId) -> Result<Vec<String>, KeycloakError> {
        self.effective_roles(&["users", id.as_str(), "role-mappings", "clients", client.as_str(), "composite"]).await
    }

    async fn effective_roles(&self, segments: &[&str]) -> Result<Vec<String>, KeycloakError> {
        let answer = self.send(Operation::GetEffectiveRoles, self.admin(Method::GET, segments)).await?;
        let roles: Vec<RoleRepresentation> = answer.json(Operation::GetEffectiveRoles)?;
        Ok(roles.into_iter().map(|role| role.name).collect())
    }
}
