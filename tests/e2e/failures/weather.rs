//! What can happen to a call, and the reason that the documentation has for it.

use keycloak_user_operator::api::Reason;
use keycloak_user_operator::keycloak::Operation;

use crate::support::{Answer, Fault};

/// What happens to a call, until the weather is fair again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nobody listens.
    Refused,
    /// The name of the server is unknown.
    UnknownHost,
    /// The server's certificate is for another name,
    WrongName,
    /// has expired,
    Expired,
    /// or comes from an authority that is not the connection's.
    UnknownAuthority,
    /// The call is taken and never answered.
    Silence,
    /// The server does it, and the connection is reset in the middle of its answer.
    CutAnswer,
    /// The server does it, and the connection is reset before its answer.
    LostAnswer,
    /// A status and nothing more, as a gateway may answer.
    Status(u16),
    /// A 400 that names a field and what is wrong with its value.
    Rejection,
    /// The server says that there is no such realm.
    NoRealm,
    /// 429, with a time to wait.
    TooManyRequests,
    /// 503, with a time to wait.
    Busy,
    /// A page for people, with status 200.
    Html,
    /// Status 200 and half a JSON text.
    TruncatedJson,
}

const REJECTION: &str = r#"{"field":"firstName","errorMessage":"error-invalid-length","params":["firstName",0,255]}"#;
const STATUSES: [u16; 12] = [302, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504];

impl Weather {
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::Refused,
            Self::UnknownHost,
            Self::WrongName,
            Self::Expired,
            Self::UnknownAuthority,
            Self::Silence,
            Self::CutAnswer,
            Self::LostAnswer,
            Self::Rejection,
            Self::NoRealm,
            Self::TooManyRequests,
            Self::Busy,
            Self::Html,
            Self::TruncatedJson,
        ];
        others.into_iter().chain(STATUSES.into_iter().map(Self::Status))
    }

    /// A name is looked up where a connection is made, and the first call of a new connection is the login. The right to
    /// read the realm is one that the operator does without.
    pub fn can_befall(self, operation: Operation) -> bool {
        match self {
            Self::UnknownHost => operation == Operation::GetToken,
            Self::Status(403) => operation != Operation::GetRealm,
            _ => true,
        }
    }

    /// The documented reason.
    pub fn reason(self, operation: Operation) -> Reason {
        match self {
            Self::Refused | Self::UnknownHost | Self::WrongName | Self::Expired | Self::UnknownAuthority => {
                Reason::KeycloakUnreachable
            }
            Self::CutAnswer | Self::LostAnswer => Reason::KeycloakUnreachable,
            Self::Silence => Reason::KeycloakTimeout,
            Self::Status(400 | 401) | Self::Rejection if operation == Operation::GetToken => Reason::CredentialsRefused,
            Self::Rejection if carries_values(operation) => Reason::ValueRejected,
            Self::Status(401) => Reason::CredentialsRefused,
            Self::Status(403) => Reason::Forbidden,
            Self::Status(429) | Self::TooManyRequests | Self::Busy => Reason::TooManyRequests,
            Self::NoRealm => Reason::RealmNotFound,
            Self::Status(_) | Self::Rejection | Self::Html | Self::TruncatedJson => Reason::KeycloakError,
        }
    }

    /// What the message must say, where the reason alone could come from something else.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::UnknownHost => "lookup",
            Self::WrongName => "another name",
            Self::Expired => "expired",
            Self::UnknownAuthority => "not trusted",
            _ => "",
        }
    }

    /// What a proxy does for it; `None` where the weather is at the door.
    pub fn fault(self) -> Option<Fault> {
        let json = "application/json";
        Some(match self {
            Self::Refused | Self::UnknownHost | Self::WrongName | Self::Expired | Self::UnknownAuthority => {
                return None;
            }
            Self::Silence => Fault::Silence,
            Self::CutAnswer => Fault::CutAnswer,
            Self::LostAnswer => Fault::LoseAnswer,
            Self::Status(status) => Fault::Answer(Answer::bare(status)),
            Self::Rejection => Fault::Answer(Answer::bare(400).with_body(json, REJECTION)),
            Self::NoRealm => Fault::Answer(Answer::bare(404).with_body(json, r#"{"error":"Realm not found."}"#)),
            Self::TooManyRequests => Fault::Answer(Answer::bare(429).with_header("retry-after", "2")),
            Self::Busy => Fault::Answer(Answer::bare(503).with_header("retry-after", "2")),
            Self::Html => Fault::Answer(Answer::bare(200).with_body("text/html", "<html><body>Sign in</body></html>")),
            Self::TruncatedJson => Fault::Answer(Answer::bare(200).with_body(json, r#"[{"id":"8c7d2f3e-00"#)),
        })
    }

    pub fn needs_tls(self) -> bool {
        matches!(self, Self::WrongName | Self::Expired | Self::UnknownAuthority)
    }

    pub fn name(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// Of which calls Keycloak can refuse a value.
fn carries_values(operation: Operation) -> bool {
    matches!(operation, Operation::CreateUser | Operation::UpdateUser | Operation::ResetPassword)
}
