//! Condition types and reasons: closed lists, printed into the documentation.

use std::fmt;

/// Types of condition on our resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionType {
    /// The account is as declared.
    Ready,
    /// Present while the operator is still trying.
    Reconciling,
    /// Present while only a change by a person can help.
    Stalled,
    /// The passwords are those of their Secrets.
    CredentialsSynced,
    /// Keycloak keeps all declared attributes.
    AttributesAccepted,
    /// Present while what is sent to Keycloak is not encrypted.
    InsecureTransport,
    /// What administrators do is found within seconds.
    AdminEventsFollowed,
    /// What users do to their own accounts is found within seconds.
    UserEventsFollowed,
}

impl ConditionType {
    /// The name in the resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::CredentialsSynced => "CredentialsSynced",
            Self::AttributesAccepted => "AttributesAccepted",
            Self::InsecureTransport => "InsecureTransport",
            Self::AdminEventsFollowed => "AdminEventsFollowed",
            Self::UserEventsFollowed => "UserEventsFollowed",
        }
    }
}

macro_rules! reasons {
    ($($name:ident = $meaning:literal),* $(,)?) => {
        /// Why a condition is as it is. Also the reason of events and the label of metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $meaning] $name,)* }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the resource.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it means and what to do, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

reasons! {
    Synced = "Everything is as declared.",
    Suspended = "`spec.suspend` is true: no request is made, deletion included. Set it to false to go on.",
    Expired = "`spec.expiresAt` has passed: the account is disabled and its sessions are ended. Set a later time to switch it on again.",
    DeletionLimit = "More accounts of the connection were deleted than its `limits.deletions` allow: the deletion waits. Restore what was deleted by mistake, or annotate the connection with `keycloakuser.dev/allow-deletions`.",
    ConnectionNotFound = "The KeycloakConnection named by `connectionRef` does not exist in the namespace. Create it.",
    ConnectionNotAllowed = "The ClusterKeycloakConnection named by `connectionRef` does not exist, or does not allow the namespace; the operator does not say which. Ask whoever is in charge of it.",
    ConnectionNotReady = "The ClusterKeycloakConnection cannot be used; its own status says why. Ask whoever is in charge of it. Retried with backoff.",
    HostNotAllowed = "The operator does not connect to the host of the connection: it is not among its allowed hosts (`allowedHosts` of the chart), or its address is link-local or that of a metadata service. Name another host, or have it allowed.",
    PlainHttp = "The URL of the connection is `http`: passwords and tokens travel in clear text. Use `https`.",
    Following = "The realm's events are read every 2 s, and whatever they concern is looked at. Connections only.",
    EventsOff = "The realm does not record such events, so that changes in Keycloak are found by the periodic check alone. Switch them on in the realm's settings for events. Connections only.",
    ConnectionInvalid = "The connection breaks a rule of its schema. Correct it.",
    ConnectionSecretNotFound = "The Secret that the connection logs in with does not exist. Create it.",
    ConnectionSecretInvalid = "The Secret that the connection logs in with lacks a key, or a value is empty. Add it.",
    CertificateAuthorityNotFound = "The object that holds the connection's certificate authorities does not exist or lacks the key. Create it.",
    CertificateAuthorityInvalid = "The connection's certificate authorities are not PEM certificates. Correct them.",
    OwnerAttributeUnprotected = "Others than admins may write the connection's `ownerAttribute` by the realm's user profile, or nobody may. Declare it there with the permission to edit for `admin` alone.",
    SecretNotFound = "The Secret of a credential does not exist. Create it.",
    SecretKeyNotFound = "The Secret of a credential lacks the key. Add it.",
    SecretValueEmpty = "The value of a credential is empty or blank. Give it a value.",
    SecretValueNotText = "The value of a credential is not UTF-8 text, so that nobody could type it. Give it another.",
    KeycloakUnreachable = "No connection to Keycloak could be made, its certificate was not accepted, or the connection broke before the answer was there. Retried with backoff.",
    KeycloakTimeout = "Keycloak did not answer in time. Retried with backoff.",
    KeycloakError = "Keycloak answered with a server error, or with something that is not its API. Retried with backoff.",
    TooManyRequests = "Keycloak, or a gateway before it, asks for fewer requests. Retried after the time it names.",
    KubernetesError = "The Kubernetes API refused or failed a request of the operator. Retried with backoff.",
    NotLeading = "A pass ended before a change, since another replica may lead by the time the change is done. Logs only: whoever leads goes on.",
    TimedOut = "One pass took longer than the limit. Retried with backoff.",
    CredentialsRefused = "Keycloak refuses the credentials of the connection. Correct the Secret, or the client in Keycloak.",
    Forbidden = "The connection's account lacks a right in Keycloak. Grant it the roles that the documentation names.",
    RealmNotFound = "The realm of the connection does not exist.",
    InvalidSpec = "The spec breaks a rule of the schema. Correct it.",
    NotGranted = "The grants of the connection do not allow a value. The message names the rule and the value. Choose another, or have the grants extended.",
    ForeignAccount = "An account of that name or id exists that this resource did not create; it is left alone. Delete or rename one of the two.",
    Conflict = "Another KeycloakUser declares the same account, and has created it or is older; this one takes over when that one goes. Delete one of the two.",
    UsernameTaken = "Another account of the realm has that username. Choose another, or rename that account.",
    EmailTaken = "Another account of the realm has that e-mail address. Change one of the two.",
    ValueRejected = "Keycloak refuses a value, by the realm's user profile or otherwise. The message names it.",
    PolicyRefused = "The realm's password policy refuses the password. Everything else is applied. Change the Secret, or the policy.",
    EnforceImpossible = "The realm's password policy remembers old passwords, so that a password that somebody else changed cannot be put back. Choose another `sync`, or change the policy.",
    AttributesNotAccepted = "The realm's user profile drops or protects the attributes named. Declare them in the profile, or remove them.",
    RightNotGranted = "The connection's `grants` do not allow a role or group, or something that it implies; the rest is applied. The message names it and the way to it. Remove it, or extend the grants.",
    UnknownName = "A role, group, client or required action that the spec names is not in the realm; the rest is applied. Create it, or correct the name: it is applied within seconds of appearing.",
    DisabledElsewhere = "Somebody else disabled the account; it is not switched on behind their back. Annotate `keycloakuser.dev/reenable`, or change `enabled`.",
    LockedOut = "Brute-force protection locked the account. Annotate `keycloakuser.dev/reenable`, or change `enabled`.",
    NotKept = "Keycloak accepted a change but did not keep it, so that it would be made for ever. The message names the fields.",
    AssumedCurrent = "The password was not set by this operator's record, and is taken to be that of the Secret until the Secret changes.",
    DriftCorrected = "An account differed from its resource without a change of the resource, and was put right. Events only.",
    Released = "The resource was let go without a request to Keycloak, as its annotation asks. Events only.",
    RealmGone = "The resource is gone: the server has said for a minute that the realm does not exist. Events only.",
    Adopted = "An account that the resource did not create was taken over. Events only.",
    HandedOver = "The resource is gone; the account stays for another resource that declares it and may take it over. Events only.",
    AccountKept = "The resource is gone; the account stays, since `deletionPolicy` says so or the resource did not make it. Events only.",
    AccountDisabled = "The resource is gone; the account is disabled and its sessions are ended, as `deletionPolicy` says. Events only.",
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
