//! The elements that mean something to the converter.

macro_rules! tags {
    ($($(#[$meaning:meta])* $tag:ident = $name:literal,)*) => {
        /// An element, by its local name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum Tag {
            $($(#[$meaning])* $tag,)*
            /// Any other name.
            Other(String),
            /// Any name in a namespace other than that of the root element.
            Foreign(String),
        }

        impl Tag {
            /// The tag of a local name; upper and lower case are different names.
            pub(super) fn of(local: &str) -> Self {
                match local {
                    $($name => Self::$tag,)*
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The local name.
            pub(super) fn name(&self) -> &str {
                match self {
                    Self::Other(name) | Self::Foreign(name) => name,
                    known => known.known_name(),
                }
            }

            /// The name of an element that is known; empty for any other.
            pub(super) fn known_name(&self) -> &'static str {
                match self {
                    $(Self::$tag => $name,)*
                    Self::Other(_) | Self::Foreign(_) => "",
                }
            }
        }
    };
}

tags! {
    Users = "Users",
    User = "User",
    Username = "Username",
    FirstName = "FirstName",
    LastName = "LastName",
    Email = "Email",
    EmailVerified = "EmailVerified",
    Enabled = "Enabled",
    Attributes = "Attributes",
    Attribute = "Attribute",
    Name = "Name",
    Values = "Values",
    Value = "Value",
    Credentials = "Credentials",
    Credential = "Credential",
    Type = "Type",
    Temporary = "Temporary",
    /// Keycloak's id of the account: of an export, and at most an annotation of the resource.
    Id = "Id",
    /// Without documented children, so that nothing is known to be in it.
    RequiredActions = "RequiredActions",
    /// As `Id`.
    CreatedTimestamp = "CreatedTimestamp",
    /// As `Id`: whether one-time passwords are set up.
    Totp = "Totp",
    /// As `Id`: since when tokens are accepted.
    NotBefore = "NotBefore",
    /// As `Id`: what the exporting account was allowed to do.
    Access = "access",
}

impl Tag {
    /// The name of the one of `candidates` that `name` differs from in upper and lower case only.
    pub(super) fn meant_by(name: &str, candidates: &[Self]) -> Option<&'static str> {
        candidates.iter().map(Self::known_name).find(|known| known.eq_ignore_ascii_case(name))
    }
}
