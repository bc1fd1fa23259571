//! The decisions: what an account shall be, what it is, what is ours, and the steps from one to the other.
//!
//! Pure: no client, no clock, no runtime. Everything here is total, so that it can be tested without a server.

mod birth;
mod brake;
mod budget;
mod credential;
mod desired;
mod diff;
mod digest;
mod effective;
mod ending;
mod feed;
mod grants;
mod name;
mod observed;
mod owner;
mod password_policy;
mod plan;
mod profile;
mod required_actions;
mod rights;
mod takeover;

pub use birth::BirthMark;
pub use brake::{Allowance, BrakeDecision, DeletionLimit, DeletionRecord, Deletions, Held, brake};
pub use budget::{Admission, BudgetChange, Lane, RequestBudget, RequestLimits, RequestOutcome, Ticket};
pub use credential::{
    Cause, PasswordDecision, PasswordRecord, PasswordSituation, PasswordSync, Pending, SecretVersion, decide_password,
    is_temporary,
};
pub use desired::{DesiredUser, Exact};
pub use diff::{DiffInput, diff, differs_in_attributes};
pub use digest::{CredentialKey, Digest};
pub use effective::{GrantRule, RealmKind, RightGrants, RightRefusal, RightsGraph};
pub use ending::{Ending, Expiry};
pub use feed::{
    Cursor, FEED_OVERLAP, FEED_PAGE, FeedEvent, FeedRequest, NextPage, Position, Seen, Touched, tells_of_replacement,
};
pub use grants::{Grants, NotGranted, Patterns};
pub use name::{
    AttributeName, AttributeValue, Flaw, MAX_ATTRIBUTES, MAX_PROFILE_LENGTH, MAX_VALUE_LENGTH, MAX_VALUES, ProfileText,
    UserId, Username, check_name, check_path,
};
pub use observed::ObservedUser;
pub use owner::{NamedOwner, OwnerAttribute};
pub use password_policy::PasswordPolicy;
pub use plan::{Field, NewUser, Notice, Owned, Plan, Preexisting, ProfileUpdate, Step, update_of};
pub use profile::{AttributeVerdict, Editors, UnmanagedPolicy, UserProfile};
pub use required_actions::{ActionsInput, ActionsPlan, UPDATE_PASSWORD, diff_actions};
pub use rights::{
    ObjectId, Right, RightKind, RightName, RightVerdict, RightsInput, RightsPlan, RightsStep, Unmet, diff_rights,
};
pub use takeover::{Refusal, RolesMatter, TakeOver};

#[cfg(test)]
mod ownership_tests;
