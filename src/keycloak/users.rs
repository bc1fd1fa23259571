//! The calls for accounts.

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use super::wire::{
    CreateUserRequest, CredentialRepresentation, PasswordRepresentation, PublicRealmRepresentation,
    RealmRepresentation, UpdateUserRequest, UserProfileRepresentation, UserRepresentation,
};
use super::{Client, ErrorKind, KeycloakError, Operation, secret_body};
use crate::domain::{BirthMark, NewUser, ObservedUser, PasswordPolicy, ProfileUpdate, UserId, UserProfile};

impl Client {
    /// The account with that id; `None` if the server says that there is none.
    pub async fn user(&self, id: &UserId) -> Result<Option<ObservedUser>, KeycloakError> {
        let request = self.admin(Method::GET, &["users", id.as_str()]);
        let answer = match self.send(Operation::GetUser, request).await {
            Err(KeycloakError { kind: ErrorKind::NotFound, .. }) => return Ok(None),
            other => other?,
        };
        let user = answer.json::<UserRepresentation>(Operation::GetUser)?.observed();
        let odd_id = || ErrorKind::Unexpected("an id of another form".to_owned());
        Ok(Some(user.ok_or_else(|| KeycloakError { operation: Operation::GetUser, kind: odd_id() })?))
    }

    /// Accounts that were born at that millisecond, whatever they are called by now.
    ///
    /// A server that does not know the filter (before 26.6) answers with others, which are left out here.
    pub async fn users_born_at(&self, mark: BirthMark) -> Result<Vec<ObservedUser>, KeycloakError> {
        let moment = mark.milliseconds().to_string();
        let query = [("createdAfter", moment.as_str()), ("createdBefore", moment.as_str())];
        let found = self.find(&query).await?;
        Ok(found.into_iter().filter(|user| mark.is_on(user)).collect())
    }

    /// The account with exactly that username, without regard to case.
    pub async fn user_named(&self, username: &str) -> Result<Option<ObservedUser>, KeycloakError> {
        let found = self.find(&[("username", username), ("exact", "true")]).await?;
        let name = username.to_lowercase();
        Ok(found.into_iter().find(|user| user.username.to_lowercase() == name))
    }

    /// Accounts with exactly that value of an attribute. The server does not tell upper case from lower.
    pub async fn users_with(&self, attribute: &str, value: &str) -> Result<Vec<ObservedUser>, KeycloakError> {
        let found = self.find(&[("q", &format!("\"{attribute}\":\"{value}\""))]).await?;
        let has = |user: &ObservedUser| user.attributes.get(attribute).is_some_and(|values| *values == [value]);
        Ok(found.into_iter().filter(has).collect())
    }

    /// Those of the accounts with these ids that there are. All of it must fit into a URL.
    pub async fn users_with_ids(&self, ids: &[UserId]) -> Result<Vec<ObservedUser>, KeycloakError> {
        let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
        self.find(&[("search", &format!("id:{}", ids.join(" "))), ("max", &ids.len().to_string())]).await
    }

    async fn find(&self, query: &[(&str, &str)]) -> Result<Vec<ObservedUser>, KeycloakError> {
        let request = self.admin(Method::GET, &["users"]).query(query);
        let answer = self.send(Operation::FindUsers, request).await?;
        let users: Vec<UserRepresentation> = answer.json(Operation::FindUsers)?;
        Ok(users.into_iter().filter_map(UserRepresentation::observed).collect())
    }

    /// Creates an account, with its password if there is one. Not idempotent: after a lost answer, look first.
    pub async fn create_user(
        &self,
        user: &NewUser,
        password: Option<(&SecretString, bool)>,
    ) -> Result<UserId, KeycloakError> {
        let password = password.map(|(value, temporary)| representation(value, temporary));
        let request = self.admin(Method::POST, &["users"]);
        let request = secret_body::json(request, &CreateUserRequest::new(user, password));
        let answer = self.send(Operation::CreateUser, request).await?;
        let id = answer.location.as_deref().and_then(|location| location.rsplit('/').next());
        id.and_then(UserId::parse).ok_or_else(|| KeycloakError {
            operation: Operation::CreateUser,
            kind: ErrorKind::Unexpected("no id in the Location header".to_owned()),
        })
    }

    /// Changes the fields that the update names and leaves the others.
    pub async fn update_user(&self, id: &UserId, update: &ProfileUpdate) -> Result<(), KeycloakError> {
        debug_assert!(update.complete(), "attributes never travel alone");
        let request = self.admin(Method::PUT, &["users", id.as_str()]).json(&UpdateUserRequest::from(update));
        self.send(Operation::UpdateUser, request).await.map(drop)
    }

    /// Deletes the account; an account that is gone already is no error.
    pub async fn delete_user(&self, id: &UserId) -> Result<(), KeycloakError> {
        let request = self.admin(Method::DELETE, &["users", id.as_str()]);
        match self.send(Operation::DeleteUser, request).await {
            Ok(_) | Err(KeycloakError { kind: ErrorKind::NotFound, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Creation date in milliseconds of the account's password; `None` if it has none.
    pub async fn password_created_date(&self, id: &UserId) -> Result<Option<i64>, KeycloakError> {
        let request = self.admin(Method::GET, &["users", id.as_str(), "credentials"]);
        let answer = self.send(Operation::GetCredentials, request).await?;
        let credentials: Vec<CredentialRepresentation> = answer.json(Operation::GetCredentials)?;
        let password = credentials.into_iter().find(|credential| credential.type_.as_deref() == Some("password"));
        Ok(password.map(|credential| credential.created_date.unwrap_or_default()))
    }

    /// Sets the password.
    pub async fn reset_password(
        &self,
        id: &UserId,
        value: &SecretString,
        temporary: bool,
    ) -> Result<(), KeycloakError> {
        let request = self.admin(Method::PUT, &["users", id.as_str(), "reset-password"]);
        let request = secret_body::json(request, &representation(value, temporary));
        self.send(Operation::ResetPassword, request).await.map(drop)
    }

    /// The realm's user profile.
    pub async fn user_profile(&self) -> Result<UserProfile, KeycloakError> {
        let request = self.admin(Method::GET, &["users", "profile"]);
        let answer = self.send(Operation::GetUserProfile, request).await?;
        Ok(answer.json::<UserProfileRepresentation>(Operation::GetUserProfile)?.into())
    }

    /// The realm's name and public key.
    pub async fn realm_identity(&self) -> Result<String, KeycloakError> {
        let answer = self.send(Operation::GetRealmKey, self.public()).await?;
        let realm: PublicRealmRepresentation = answer.json(Operation::GetRealmKey)?;
        Ok(format!("{} {}", realm.realm, realm.public_key))
    }

    /// The realm's password policy; `None` where the connection's account may not read it (role `view-realm`).
    pub async fn password_policy(&self) -> Result<Option<PasswordPolicy>, KeycloakError> {
        let answer = match self.send(Operation::GetRealm, self.admin(Method::GET, &[])).await {
            Err(KeycloakError { kind: ErrorKind::Forbidden(_), .. }) => return Ok(None),
            other => other?,
        };
        Ok(answer.json::<RealmRepresentation>(Operation::GetRealm)?.password_policy())
    }
}

fn representation(value: &SecretString, temporary: bool) -> PasswordRepresentation<'_> {
    PasswordRepresentation { type_: "password", value: value.expose_secret(), temporary }
}
