//! One pass over one user: a script of phases.

mod act;
mod cleanup;
pub(super) mod dereference;
mod disable;
mod finalizer;
pub(super) mod lane;
mod live;
mod notice;
pub(super) mod observe;
pub(super) mod outcome;
pub(super) mod owner;
mod password;
mod recorded_rights;
pub(super) mod report;
mod required_actions;
mod rights;
mod rivals;
mod routine;
mod status;
mod takeover;
mod wish;

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;

use crate::api::{KeycloakUser, Reason, desired_user};
use crate::controller::backoff::jittered;
use crate::controller::context::{Context, key_of};
use crate::controller::error::{ActError, DereferenceError, Error, ObserveError, within};
use crate::controller::{PASS_LIMIT, REPORT_LIMIT};
use crate::domain::{
    ActionsPlan, DesiredUser, DiffInput, Expiry, Field, NewUser, NotGranted, ObservedUser, Owned, OwnerAttribute, Plan,
    ProfileUpdate, RightsPlan, Step, Unmet, diff, differs_in_attributes, update_of,
};
use crate::realm::AwaitedName;
use dereference::{Connection, Password};
use disable::{SwitchOff, settle_expiry};
pub(super) use lane::reconcile;
use notice::{attributes_accepted, describe};
use observe::{Account, Origin, Search, mark_of};
use outcome::Outcome;
use password::Synchronization;
use status::{Adopted, Draft};
use wish::Wish;

/// Brings one account in line with its resource, reports what came of it and says in what time the next pass is due, if it
/// is. Beside that it says which version of the resource it wrote last, or else found.
async fn pass(user: KeycloakUser, context: &Context) -> (Result<Option<Duration>, Error>, String) {
    let mut draft = Draft::of(&user);
    let needless = within(PASS_LIMIT, async { Ok(Box::pin(routine::run(context, &user, &draft)).await) }).await;
    // One that took too long has told nothing.
    if let Ok(Some(wait)) = needless {
        return (Ok(Some(wait)), draft.resource_version);
    }
    let result = within(PASS_LIMIT, Box::pin(script(context, &user, &mut draft))).await;
    rivals::settle(context, &user, &draft, &result);
    let reported = within(REPORT_LIMIT, report::report(context, &user, &mut draft, result)).await;
    (reported, draft.resource_version)
}

/// The phases. Each line says what it touches.
async fn script(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Outcome, Error> {
    let (namespace, _) = key_of(user);
    let spec = &user.spec;
    let deleted = user.metadata.deletion_timestamp.is_some();
    if deleted && cleanup::is_released(user) {
        return cleanup::release(context, user, draft).await;
    }
    if spec.suspend == Some(true) {
        return Ok(Outcome::Suspended);
    }
    if deleted {
        return cleanup::cleanup(context, user, draft).await;
    }
    // Writes the resource, once in its life, or never where it was born with the finalizer.
    let earlier = finalizer::ensure(context, user, draft).await?;
    // Reads the connection and Secrets whose version has changed.
    let connection = dereference::connection(context, &namespace, &spec.connection_ref).await?;
    connection.realm.client().check().map_err(ObserveError::from)?;
    let asked = draft.set_credentials.is_asked();
    let password = dereference::password(context, user, draft.password.as_ref(), asked).await;
    let mut desired = desired_user(spec)?;
    desired.enabled = draft.expiry.enabled(desired.enabled, draft.off.expired);
    // Reads Keycloak.
    let owner = owner::attribute(&context.shared, &connection, user).await?;
    let owner = owner.as_ref();
    let pass = Pass { context, user, connection: &connection, desired: &desired, declared: &desired, owner };
    pass.check_owner()?;
    pass.search().claim_name().await?;
    let account = pass.search().account(draft, earlier).await?;
    let with_owner = pass.with_owner(&account);
    let pass = Pass { desired: with_owner.as_ref().unwrap_or(&desired), ..pass };
    // Decides, then changes Keycloak; the status too where a crash in between would lose something.
    match account {
        Account::Absent => pass.create(draft, password?).await,
        Account::Ours { user: observed, origin } => pass.update(draft, observed, password, origin).await,
    }
}

/// What the changing phases share.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) user: &'a KeycloakUser,
    pub(super) connection: &'a Connection,
    pub(super) desired: &'a DesiredUser,
    /// The same, without the attribute that names the owner.
    declared: &'a DesiredUser,
    owner: Option<&'a OwnerAttribute>,
}

/// What was planned beside the profile.
struct Beside {
    rights: RightsPlan,
    actions: ActionsPlan,
}

impl Pass<'_> {
    fn search(&self) -> Search<'_> {
        let Self { context, user, connection, desired, owner, .. } = *self;
        Search { context, connection, user, username: &desired.username, owner }
    }

    /// Makes the account.
    async fn create(&self, draft: &mut Draft, password: Password) -> Result<Outcome, Error> {
        self.search().check_seniority().await?;
        let vanished = draft.user_id.is_some();
        draft.lost();
        let plan = self.plan(&draft.owned, None).await?;
        let rights = rights::compare_new(self, draft).await?;
        let actions = required_actions::compare_new(self).await?;
        draft.attributes_accepted = Some(attributes_accepted(&plan.notices));
        for step in &plan.steps {
            if let Step::Create(new) = step {
                let new = NewUser {
                    groups: rights::joined_groups(&rights),
                    required_actions: actions.added.clone(),
                    ..new.clone()
                };
                let password = self.read_again(password).await?;
                if !finalizer::is_blank(self.user) && !vanished {
                    // An earlier try may have made it; the spec may change before the next.
                    draft.owned = plan.owned.clone();
                    rights::note(draft, &rights);
                    draft.rights.actions.owned.clone_from(&actions.owned);
                    draft.write_interim(self.context, self.user).await?;
                }
                let made = self.make(draft, &new, password).await;
                if made.is_err() {
                    // A group that has gone fails the whole request, without a word about which.
                    rights::forget(self, self.desired.rights.iter()).await;
                }
                made?;
                rights::note(draft, &rights);
                break;
            }
        }
        if vanished {
            draft.drift.push("the account was missing".to_owned());
        }
        draft.owned = plan.owned.clone();
        draft.off.expired = draft.expiry == Expiry::Expired;
        draft.reenable.answer();
        if let Some(id) = draft.user_id.clone() {
            rights::grant_to_new(self, draft, &id, &rights).await?;
        }
        draft.rights.actions.owned.clone_from(&actions.owned);
        Ok(self.outcome(draft, &plan, &Beside { rights, actions }, None))
    }

    async fn make(&self, draft: &mut Draft, new: &NewUser, password: Password) -> Result<(), Error> {
        self.connection.grants.check_creation(self.declared).map_err(|refusal| self.not_granted(refusal))?;
        if let Some(refusal) = rights::refused_defaults(self).await? {
            return Err(self.not_granted(NotGranted::RealmDefaults(refusal)).into());
        }
        let (client, username) = (self.connection.realm.client(), &self.desired.username);
        let sent = match (&password, self.user.spec.credentials.first()) {
            (Password::Value(value), Some(credential)) => Some((value, credential)),
            _ => None,
        };
        let with = sent.map(|(value, credential)| (&value.value, credential.temporary == Some(true)));
        if !draft.is_live() {
            live::check(self.context, self.user).await?;
        }
        self.context.shared.claims.tried(&self.search().uid());
        let made = match act::create(client, new, with, mark_of(self.user)).await {
            Err(ActError::NameMet(_)) => return Err(self.search().whose(draft).await),
            other => other?,
        };
        draft.user_id = Some(made.id);
        draft.is_ours = true;
        draft.username = Some(username.canonical());
        draft.changes.push("create".to_owned());
        if let Some((value, credential)) = sent {
            password::created(self.connection, draft, credential, value, made.password_refused.as_ref()).await?;
        }
        Ok(())
    }

    /// Reads a password whose record spoke of an account that is gone.
    async fn read_again(&self, password: Password) -> Result<Password, Error> {
        let Password::Settled = password else {
            return Ok(password);
        };
        Ok(dereference::password(self.context, self.user, None, false).await?)
    }

    /// Brings an existing account in line, the profile even if the password has a flaw.
    ///
    /// The password first: a status that is written for the profile makes a creation look finished that is not.
    async fn update(
        &self,
        draft: &mut Draft,
        observed: ObservedUser,
        password: Result<Password, DereferenceError>,
        origin: Origin,
    ) -> Result<Outcome, Error> {
        let settled = draft.is_settled() && !draft.reenable.is_asked() && !self.owner_is_new(draft);
        self.own(draft, &observed, origin).await?;
        let applied = draft.owned.enabled;
        let (context, connection, user) = (self.context, self.connection, self.user);
        let switch_off = SwitchOff { context, connection, user, desired: self.desired, settled, origin };
        let observed = switch_off.run(draft, observed).await?;
        let synchronization = Synchronization { context, connection, user, account: &observed, origin };
        let synchronized = synchronization.run(draft, password).await;
        if matches!(
            synchronized,
            Err(Error::Kubernetes(_) | Error::Outdated | Error::Observe(ObserveError::ForeignAccount { .. }))
        ) {
            return synchronized.map(|()| Outcome::Suspended);
        }
        let mut plan = self.plan(&draft.owned, Some(&observed)).await?;
        plan.owned = draft.preexisting.apart_from(plan.owned);
        let rights = rights::compare(self, draft, &observed.id).await?;
        if !plan.steps.is_empty() || !rights.is_done() {
            takeover::judge_roles(connection, &observed, origin).await?;
        }
        draft.attributes_accepted = Some(attributes_accepted(&plan.notices));
        let put_right = if settled { rights::drift(&rights, &draft.rights.owned) } else { Vec::new() };
        rights::note(draft, &rights);
        let not_kept = self.carry_out(draft, &plan, &observed, settled).await?;
        draft.owned = plan.owned.clone();
        settle_expiry(draft, applied);
        draft.reenable.answer();
        rights::grant(self, draft, &observed.id, &rights).await?;
        let actions = required_actions::synchronize(self, draft, &observed, origin, settled).await?;
        rights::revoke(self, draft, &observed.id, &rights).await?;
        draft.drift.extend(put_right);
        synchronized?;
        Ok(self.outcome(draft, &plan, &Beside { rights, actions }, not_kept))
    }

    /// Notes whose account it is, and what of it was there before us.
    async fn own(&self, draft: &mut Draft, observed: &ObservedUser, origin: Origin) -> Result<(), Error> {
        match origin {
            Origin::Created => draft.created(),
            Origin::Unfinished => {
                live::check_unfinished(self.context, self.user).await?;
                draft.created();
                draft.owned = std::mem::take(&mut draft.owned).found_again();
            }
            Origin::Named { newly, .. } => {
                if newly {
                    takeover::judge_roles(self.connection, observed, origin).await?;
                    // What somebody disabled meanwhile is not switched on behind their back.
                    draft.owned.enabled = self.declared.enabled;
                }
            }
            Origin::TakenOver(_) => {
                if draft.adopted == Adopted::No {
                    takeover::judge_roles(self.connection, observed, origin).await?;
                }
                draft.took_over();
                draft.preexisting.note(self.declared, observed, &draft.owned);
            }
        }
        draft.saw(observed);
        Ok(())
    }

    /// Makes the change and looks at what came of it; says what Keycloak did not keep. A change that it did not keep
    /// before is not made again until somebody asks for a pass, or the spec changes.
    async fn carry_out(
        &self,
        draft: &mut Draft,
        plan: &Plan,
        observed: &ObservedUser,
        settled: bool,
    ) -> Result<Option<String>, Error> {
        let Some(Step::Update { update, fields, .. }) = plan.steps.first() else {
            return Ok(None);
        };
        let known = draft.was_not_kept().filter(|message| message.starts_with(&not_kept(fields)));
        if known.is_some() && !Wish::to_reconcile(self.user).is_asked() {
            return Ok(Some(not_kept(fields)));
        }
        self.change(draft, plan, observed, (update, fields)).await?;
        let left = self.verify(draft, plan, observed).await?;
        let kept: BTreeSet<Field> = fields.difference(&left).cloned().collect();
        if !kept.is_empty() {
            draft.changes.push(update_of(&kept));
            draft.drift.extend(settled.then(|| update_of(&kept)));
        }
        Ok((!left.is_empty()).then(|| not_kept(&left)))
    }

    /// Makes the request; what it gives to the account or takes from it is noted first, so that after a crash it is
    /// neither unowned nor taken for somebody else's doing.
    async fn change(
        &self,
        draft: &mut Draft,
        plan: &Plan,
        observed: &ObservedUser,
        (update, fields): (&ProfileUpdate, &BTreeSet<Field>),
    ) -> Result<(), Error> {
        let granted = self.connection.grants.check_change(self.declared, observed, fields);
        granted.map_err(|refusal| self.not_granted(refusal))?;
        draft.owned.attributes.extend(plan.owned.attributes.iter().cloned());
        if update.enabled == Some(false) {
            draft.owned.enabled = Some(false);
        }
        draft.write_interim(self.context, self.user).await?;
        Ok(act::update(self.connection.realm.client(), &observed.id, update, fields).await?)
    }

    /// Reads the account once more after a change: Keycloak answers 204 for some changes that it does not keep.
    async fn verify(&self, draft: &mut Draft, plan: &Plan, before: &ObservedUser) -> Result<BTreeSet<Field>, Error> {
        let read = self.connection.realm.client().user(&before.id).await.map_err(ObserveError::from)?;
        let Some(after) = read else {
            return Ok(BTreeSet::new());
        };
        draft.saw(&after);
        match self.plan(&plan.owned, Some(&after)).await?.steps.pop() {
            Some(Step::Update { fields, .. }) => Ok(fields),
            Some(Step::Create(_)) | None => Ok(BTreeSet::new()),
        }
    }

    /// Compares; reads the user profile (at most every 15 s) if an attribute would be written.
    async fn plan(&self, owned: &Owned, observed: Option<&ObservedUser>) -> Result<Plan, Error> {
        let profile = if differs_in_attributes(self.desired, observed, owned) {
            Some(self.connection.realm.user_profile().await.map_err(ObserveError::from)?)
        } else {
            None
        };
        Ok(diff(DiffInput {
            desired: self.desired,
            observed,
            owned,
            profile: profile.as_deref(),
            mark: mark_of(self.user),
            reenable: Wish::to_reenable(self.user).is_asked(),
            reenable_always: self.connection.reenable_always,
        }))
    }

    pub(super) fn not_granted(&self, refusal: NotGranted) -> ActError {
        ActError::NotGranted { connection: self.connection.name.clone(), refusal }
    }

    /// What is declared and not there wakes the resource when it appears.
    fn await_names(&self, beside: &Beside) {
        let unmet = beside.rights.unmet.iter();
        let rights = unmet.filter(|(_, unmet)| matches!(unmet, Unmet::Unknown | Unmet::Ambiguous));
        let rights = rights.map(|(name, _)| AwaitedName::Right(name.clone()));
        let actions = beside.actions.unknown.iter().cloned().map(AwaitedName::RequiredAction);
        let wake = self.context.waker(self.user);
        let waiter = self.user.uid().unwrap_or_default();
        self.connection.realm.await_names(&waiter, rights.chain(actions).collect(), &wake);
    }

    fn outcome(&self, draft: &Draft, plan: &Plan, beside: &Beside, not_kept: Option<String>) -> Outcome {
        let credentials = draft.credentials_synced.iter().filter(|verdict| verdict.status == "False");
        let mut flaws: Vec<(Reason, String)> = plan.notices.iter().map(describe).collect();
        flaws.extend(not_kept.map(|message| (Reason::NotKept, message)));
        flaws.extend(rights::flaws(&beside.rights));
        flaws.extend(required_actions::flaw(&beside.actions));
        flaws.extend(credentials.map(|verdict| (verdict.reason, verdict.message.clone())));
        self.await_names(beside);
        let messages: Vec<&str> = flaws.iter().map(|(_, message)| message.as_str()).collect();
        match flaws.first() {
            Some((reason, _)) => {
                Outcome::Blocked(jittered(self.connection.sweep_interval), *reason, messages.join(". "))
            }
            None if draft.changes.is_empty() => Outcome::Unchanged(routine::next_check(self.user, self.connection)),
            None => Outcome::Applied(routine::next_check(self.user, self.connection)),
        }
    }
}

fn not_kept(fields: &BTreeSet<Field>) -> String {
    format!("Keycloak accepted this change but did not keep it: {}", update_of(fields))
}
