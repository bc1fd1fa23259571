//! From a user as the document has it to the resource that declares it. Pure: what is found is returned.

use secrecy::{ExposeSecret, SecretString};

use super::error::{Notes, UserError, Warning};
use super::grammar;
use super::model::{Text, XmlAttribute, XmlCredential, XmlUser};
use super::name;
use super::options::{Mode, Options};
use super::position::{Located, Position};
use super::profile;
use super::schema;
use crate::api::{
    self, Attribute, Credential, CredentialType, KeycloakUserSpec, SecretKeyReference, ValueSource, Violation,
};
use crate::domain::{AttributeName, AttributeValue, Flaw};

/// The key of the Secret under which the password stands.
pub(super) const PASSWORD_KEY: &str = "password";

/// The usernames of the accounts that Keycloak makes for clients.
const SERVICE_ACCOUNT: &str = "service-account-";

/// What is written for one user. The spec keeps the rules of the schema.
pub(super) struct Account {
    /// Where the user stands.
    pub(super) at: Position,
    /// Name of the `KeycloakUser`.
    pub(super) name: String,
    /// The id that the account had where it comes from, if it is to be kept.
    pub(super) id: Option<String>,
    pub(super) spec: KeycloakUserSpec,
    /// Present exactly if the spec refers to a Secret.
    pub(super) password: Option<SecretString>,
}

type UserResult<T> = Result<T, Located<UserError>>;

/// Interprets a user.
///
/// An empty element means the same as none, since exports write empty elements for what is not set.
///
/// # Errors
/// The first thing that makes the user impossible to declare.
pub(super) fn account(mut user: XmlUser, options: &Options, notes: &mut Notes) -> UserResult<Account> {
    if options.mode == Mode::Strict {
        schema::check(&mut user)?;
    }
    let places = Places::of(&user);
    let at = places.of_user();
    let id = present(user.id).map(|id| id.value);
    let username = present(user.username).ok_or_else(|| Located::new(user.at, UserError::NoUsername))?;
    let start = username.value.get(..SERVICE_ACCOUNT.len());
    if start.is_some_and(|start| start.eq_ignore_ascii_case(SERVICE_ACCOUNT)) {
        return Err(Located::new(username.at, UserError::ServiceAccount(username.value)));
    }
    profile::check_username(&username, notes);
    let (attributes, attribute_places) = attributes(user.attributes, notes)?;
    let mut spec = KeycloakUserSpec {
        connection_ref: options.manifests.connection.clone(),
        username: username.value,
        first_name: person_name(user.first_name, "FirstName", notes),
        last_name: person_name(user.last_name, "LastName", notes),
        email: email(user.email, notes),
        email_verified: boolean(user.email_verified, "EmailVerified", notes)?,
        enabled: Some(enabled(user.enabled, user.at, options, notes)?),
        attributes,
        ..KeycloakUserSpec::default()
    };
    let password = password(user.credentials, notes)?;
    api::desired_user(&spec).map_err(|violation| places.of_violation(&attribute_places, violation))?;
    let name = name::chosen_name(&spec.username, &options.names);
    let password = password.map(|(password, temporary)| {
        spec.credentials.push(credential(&name, temporary));
        password
    });
    Ok(Account { at, name, id, spec, password })
}

/// Where the parts of a spec stand in the document.
struct Places {
    user: Position,
    fields: [(&'static str, Option<Position>); 4],
}

impl Places {
    fn of(user: &XmlUser) -> Self {
        let at = |text: &Text| text.as_ref().map(|text| text.at);
        let fields = [
            ("spec.username", at(&user.username)),
            ("spec.firstName", at(&user.first_name)),
            ("spec.lastName", at(&user.last_name)),
            ("spec.email", at(&user.email)),
        ];
        Self { user: user.at, fields }
    }

    /// Where a person looks for the user.
    fn of_user(&self) -> Position {
        self.fields[0].1.unwrap_or(self.user)
    }

    fn of_violation(&self, attributes: &[Position], violation: Violation) -> Located<UserError> {
        let field = violation.field.as_str();
        let of_field = self.fields.iter().find(|(name, _)| *name == field).and_then(|(_, at)| *at);
        let index = field.strip_prefix("spec.attributes[").and_then(|rest| rest.split_once(']')?.0.parse().ok());
        let of_attribute = index.and_then(|index: usize| attributes.get(index).copied());
        Located::new(of_field.or(of_attribute).unwrap_or(self.user), UserError::Violation(violation))
    }
}

fn present(text: Text) -> Text {
    text.filter(|text| !text.value.is_empty())
}

fn person_name(text: Text, element: &'static str, notes: &mut Notes) -> Option<String> {
    let text = present(text)?;
    profile::check_person_name(&text, element, notes);
    Some(text.value)
}

fn email(text: Text, notes: &mut Notes) -> Option<String> {
    let text = present(text)?;
    let trimmed = text.value.trim();
    if trimmed.len() < text.value.len() {
        notes.push(Located::new(text.at, Warning::EmailTrimmed));
    }
    if trimmed.is_empty() {
        return None;
    }
    profile::check_visible(text.at, trimmed, "Email", notes);
    if !trimmed.contains('@') || trimmed.contains(char::is_whitespace) {
        notes.push(Located::new(text.at, Warning::EmailForm));
    }
    Some(trimmed.to_owned())
}

fn enabled(text: Text, user: Position, options: &Options, notes: &mut Notes) -> UserResult<bool> {
    if let Some(enabled) = boolean(text, "Enabled", notes)? {
        return Ok(enabled);
    }
    let default = options.default_enabled;
    notes.push(Located::new(user, Warning::NoEnabled { default }));
    Ok(default)
}

/// A truth value of XML Schema; upper case is tolerated, white space around it is of no meaning.
fn boolean(text: Text, element: &'static str, notes: &mut Notes) -> UserResult<Option<bool>> {
    let Some(Located { at, value }) = text else {
        return Ok(None);
    };
    let value = value.trim_matches(grammar::SPACE);
    let lower = value.to_ascii_lowercase();
    let meaning = match lower.as_str() {
        "" => return Ok(None),
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(Located::new(at, UserError::NotBoolean(element))),
    };
    if lower != value {
        notes.push(Located::new(at, Warning::BooleanCase(element)));
    }
    Ok(Some(meaning))
}

/// The attributes, and where each of them stands. Those of one name become one.
fn attributes(found: Vec<XmlAttribute>, notes: &mut Notes) -> UserResult<(Vec<Attribute>, Vec<Position>)> {
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut places = Vec::new();
    for XmlAttribute { at, name, values } in found {
        let Some(attribute) = attribute(at, name, values, notes)? else { continue };
        if let Some(known) = attributes.iter_mut().find(|known| known.name == attribute.name) {
            notes.push(Located::new(at, Warning::Merged(attribute.name)));
            known.values.extend(attribute.values);
        } else {
            attributes.push(attribute);
            places.push(at);
        }
    }
    Ok((attributes, places))
}

fn attribute(
    at: Position,
    name: Text,
    values: Vec<Located<String>>,
    notes: &mut Notes,
) -> UserResult<Option<Attribute>> {
    let (blank, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| is_blank(&value.value));
    let Some(name) = present(name) else {
        if !values.is_empty() {
            return Err(Located::new(at, UserError::UnnamedAttribute));
        }
        notes.push(Located::new(at, Warning::EmptyAttribute));
        return Ok(None);
    };
    if values.is_empty() {
        notes.push(Located::new(at, Warning::NoValues(name.value)));
        return Ok(None);
    }
    if let Err(flaw) = AttributeName::parse(&name.value)
        && !matches!(flaw, Flaw::TooLong { .. })
    {
        notes.push(Located::new(at, Warning::AttributeName { name: name.value, flaw }));
        return Ok(None);
    }
    profile::check_visible(name.at, &name.value, "attribute name", notes);
    for value in &values {
        profile::check_visible(value.at, &value.value, "attribute value", notes);
    }
    notes.extend(blank.iter().map(|value| Located::new(value.at, Warning::BlankValue(name.value.clone()))));
    Ok(Some(Attribute { name: name.value, values: values.into_iter().map(|value| value.value).collect() }))
}

/// What Keycloak would drop without a word.
fn is_blank(value: &str) -> bool {
    AttributeValue::parse(value) == Err(Flaw::Blank)
}

/// The password and whether it is temporary; absent if the user has none.
fn password(found: Vec<XmlCredential>, notes: &mut Notes) -> UserResult<Option<(SecretString, bool)>> {
    let mut passwords = Vec::new();
    for credential in found {
        if is_password(&credential, notes) {
            passwords.push(credential);
        } else {
            notes.push(Located::new(credential.at, Warning::OtherCredential));
        }
    }
    if let Some(second) = passwords.get(1) {
        return Err(Located::new(second.at, UserError::TwoPasswords));
    }
    let Some(XmlCredential { at, value, temporary, .. }) = passwords.pop() else {
        return Ok(None);
    };
    let temporary = boolean(temporary, "Temporary", notes)?;
    let Some(value) = value.filter(|value| !value.value.expose_secret().trim().is_empty()) else {
        notes.push(Located::new(at, Warning::BlankPassword));
        return Ok(None);
    };
    if temporary.is_none() {
        notes.push(Located::new(at, Warning::NoTemporary));
    }
    Ok(Some((value.value, temporary.unwrap_or(false))))
}

fn is_password(credential: &XmlCredential, notes: &mut Notes) -> bool {
    let type_ = credential.type_.as_ref().map_or("", |type_| type_.value.trim_matches(grammar::SPACE));
    let warning = match type_ {
        "password" => return true,
        "" => Warning::NoType,
        other if other.eq_ignore_ascii_case("password") => Warning::TypeCase,
        _ => return false,
    };
    notes.push(Located::new(credential.at, warning));
    true
}

fn credential(object_name: &str, temporary: bool) -> Credential {
    let secret_key_ref = SecretKeyReference { name: name::secret_name(object_name), key: PASSWORD_KEY.to_owned() };
    Credential {
        type_: CredentialType::Password,
        temporary: Some(temporary),
        sync: None,
        revoke_sessions: None,
        value_from: ValueSource { secret_key_ref },
    }
}
