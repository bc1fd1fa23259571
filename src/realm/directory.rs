//! The roles, groups and clients of a realm by name: what they are called by, and what they imply.
//!
//! Each is read by one caller for all, and how old an answer may be is the caller's to say.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::collections::BTreeSet;
use tokio::time::Instant;

use crate::domain::{ObjectId, RealmKind, Right, RightGrants, RightName, RightRefusal, RightVerdict, RightsGraph};
use crate::keycloak::{Client, ErrorKind, FoundGroup, FoundRole, Kept, KeycloakError, Operation, RealmDefaults};

/// What is about to be given was judged no earlier than this before, where the server is quick. Long enough that many
/// accounts which are made at one time share the reads, too short for a person to change a role in between and give it.
const BEFORE_A_WRITE: Duration = Duration::from_millis(250);
/// And where it is not: a tenth of the time at most is spent with reading what to judge by.
const BEFORE_A_WRITE_AT_MOST: Duration = Duration::from_secs(1);
/// What is there already is judged by what was read no earlier than this before.
const OTHERWISE: Duration = Duration::from_mins(1);
/// How long the defaults of a realm are taken for current.
const DEFAULTS_LIFETIME: Duration = Duration::from_secs(15);
/// How long the required actions of a realm are taken for current.
const ACTIONS_LIFETIME: Duration = Duration::from_secs(1);
/// How long a failure answers all who ask.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);
/// Most rights that one may imply: more than any realm has, so that no answers keep us busy for ever.
const MOST_IMPLIED: usize = 4096;
/// Most names that are kept: beyond that all are forgotten.
const MOST_KEPT: usize = 16384;

/// For what an answer is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To judge what the caller shares with others for a time.
    Share,
    /// To give a right.
    Write,
    /// To say something of a right that the account has.
    Report,
}

impl Use {
    /// How old an answer may be that took so long to read.
    fn oldest(self, took: Duration) -> Duration {
        match self {
            Self::Share => Duration::ZERO,
            Self::Write => before_a_write(took),
            Self::Report => OTHERWISE,
        }
    }
}

fn before_a_write(took: Duration) -> Duration {
    (10 * took).clamp(BEFORE_A_WRITE, BEFORE_A_WRITE_AT_MOST)
}

/// A right that exists.
#[derive(Clone, Debug)]
struct Node {
    id: ObjectId,
    /// Of a group: the name and id of the one above.
    parent: Option<(RightName, ObjectId)>,
    /// Of a group: its name has a `/`.
    ambiguous: bool,
    implied: BTreeSet<RightName>,
    /// Those of `implied` that imply nothing, as far as the answer says so: they need not be read.
    leaves: BTreeSet<RightName>,
}

/// What was found of a right and everything that it implies.
enum Explored {
    /// There is no such right.
    Nothing,
    /// A group on the way has a `/` in its name.
    Ambiguous,
    /// All of it; the right has this id.
    All(ObjectId),
}

type Answer<T> = Result<T, KeycloakError>;
type Slot = Arc<tokio::sync::Mutex<Option<Read>>>;

/// What was read of a right.
#[derive(Debug)]
struct Read {
    began: Instant,
    took: Duration,
    answer: Answer<Option<Node>>,
}

/// What is known of the names of a realm.
#[derive(Debug, Default)]
pub struct Directory {
    rights: Mutex<HashMap<RightName, Slot>>,
    clients: tokio::sync::Mutex<Clients>,
    defaults: Kept<Arc<RealmDefaults>, KeycloakError>,
    implied_defaults: Kept<Arc<(Vec<RightName>, RightsGraph)>, KeycloakError>,
    required_actions: Kept<Arc<BTreeSet<String>>, KeycloakError>,
}

#[derive(Debug, Default)]
struct Clients {
    by_name: HashMap<String, (Instant, ObjectId)>,
    by_id: HashMap<ObjectId, (Instant, String)>,
}

impl Directory {
    /// Looks a right up and judges it by everything that it implies.
    pub async fn verdict(
        &self,
        client: &Client,
        name: &RightName,
        grants: &RightGrants,
        use_: Use,
    ) -> Answer<RightVerdict> {
        let mut graph = RightsGraph::default();
        Ok(match self.explore(client, name, use_, &mut graph).await? {
            Explored::Nothing => RightVerdict::Unknown,
            Explored::Ambiguous => RightVerdict::Ambiguous,
            Explored::All(id) => match grants.judge(&graph, name, RealmKind::of(client.realm())) {
                Ok(()) => RightVerdict::Granted(Right { name: name.clone(), id }),
                Err(refusal) => RightVerdict::Refused(refusal),
            },
        })
    }

    /// Whether there is a right of that name, and no other one could be meant.
    pub(super) async fn is_there(&self, client: &Client, name: &RightName) -> Answer<bool> {
        let explored = self.explore(client, name, Use::Write, &mut RightsGraph::default()).await?;
        Ok(matches!(explored, Explored::All(_)))
    }

    /// Everything that these rights imply.
    pub async fn graph(&self, client: &Client, names: &BTreeSet<RightName>, use_: Use) -> Answer<RightsGraph> {
        let mut graph = RightsGraph::default();
        for name in names {
            self.explore(client, name, use_, &mut graph).await?;
        }
        Ok(graph)
    }

    /// Keycloak's id of a client, by the ID that people know.
    pub async fn client_id(&self, client: &Client, name: &str) -> Answer<Option<ObjectId>> {
        let mut clients = self.clients.lock().await;
        if let Some((read, id)) = clients.by_name.get(name)
            && read.elapsed() < OTHERWISE
        {
            return Ok(Some(id.clone()));
        }
        let found = client.client_id(name).await?;
        if let Some(id) = &found {
            clients.learn(name, id);
        }
        Ok(found)
    }

    /// Notes ids of clients that came with another answer.
    pub async fn learn_clients(&self, found: &[(String, ObjectId)]) {
        let mut clients = self.clients.lock().await;
        for (name, id) in found {
            clients.learn(name, id);
        }
    }

    /// What the realm gives to every account, at most 15 s old.
    pub async fn defaults(&self, client: &Client) -> Answer<Arc<RealmDefaults>> {
        self.defaults.get(async || Ok((Arc::new(client.realm_defaults().await?), DEFAULTS_LIFETIME))).await
    }

    /// Why no account is made: each one would administer Keycloak, by what the realm gives to all of them. Nothing is said
    /// where the connection's account may not read that.
    pub async fn refused_defaults(&self, client: &Client, grants: &RightGrants) -> Answer<Option<RightRefusal>> {
        let read = async || {
            let began = Instant::now();
            let read = self.read_defaults(client).await?;
            Ok((Arc::new(read), before_a_write(began.elapsed())))
        };
        match self.implied_defaults.get(read).await {
            Ok(defaults) => {
                let (names, graph) = defaults.as_ref();
                let realm = RealmKind::of(client.realm());
                Ok(names.iter().find_map(|name| grants.judge_admin(graph, name, realm).err()))
            }
            Err(KeycloakError { kind: ErrorKind::Forbidden(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The defaults of the realm as they are now, with everything that they imply.
    async fn read_defaults(&self, client: &Client) -> Answer<(Vec<RightName>, RightsGraph)> {
        let defaults = client.realm_defaults().await?;
        let mut graph = RightsGraph::default();
        if let Some(role) = &defaults.role {
            self.explore(client, &role.name, Use::Share, &mut graph).await?;
        }
        for group in &defaults.groups {
            self.climb(client, &group.id, &mut graph).await?;
        }
        Ok((defaults.role.into_iter().chain(defaults.groups).map(|right| right.name).collect(), graph))
    }

    /// Adds a group and those above it, by their ids: whatever their names are, they are the ones that are meant.
    async fn climb(&self, client: &Client, start: &ObjectId, graph: &mut RightsGraph) -> Answer<()> {
        let mut next = Some(start.clone());
        while let Some(group) = match &next {
            Some(id) => client.group_with_id(id).await?,
            None => None,
        } {
            for role in &group.roles {
                self.explore(client, role, Use::Share, graph).await?;
            }
            let above = group.parent.as_ref().map(|_| RightName::Group(above(&group).to_owned()));
            next.clone_from(&group.parent);
            graph.insert(RightName::Group(group.path), group.roles.into_iter().chain(above));
        }
        Ok(())
    }

    /// The required actions that the realm knows, at most 1 s old.
    pub async fn required_actions(&self, client: &Client) -> Answer<Arc<BTreeSet<String>>> {
        self.required_actions.get(async || Ok((Arc::new(client.required_actions().await?), ACTIONS_LIFETIME))).await
    }

    /// Forgets rights whose ids have turned out to be stale, and the clients that have them.
    pub async fn forget<'a>(&self, names: impl Iterator<Item = &'a RightName>) {
        let mut clients = self.clients.lock().await;
        let mut rights = self.rights.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            rights.remove(name);
            if let RightName::ClientRole { client, .. } = name {
                clients.by_name.remove(client);
            }
        }
    }

    /// Forgets all rights: somebody has changed one, and whoever is woken for it must not find it as it was.
    pub fn forget_rights(&self) {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Adds a right and everything that it implies to the graph.
    async fn explore(
        &self,
        client: &Client,
        start: &RightName,
        use_: Use,
        graph: &mut RightsGraph,
    ) -> Answer<Explored> {
        let mut waiting = VecDeque::from([(start.clone(), None)]);
        let (mut explored, mut outcome) = (0, Explored::Nothing);
        while let Some((name, expected)) = waiting.pop_front() {
            if graph.knows(&name) && expected.is_none() {
                continue;
            }
            explored += 1;
            if explored > MOST_IMPLIED {
                return Err(too_many());
            }
            let node = self.node(client, &name, use_).await?;
            let is_the_one = |node: &Node| expected.as_ref().is_none_or(|expected| *expected == node.id);
            let Some(node) = node.filter(is_the_one) else {
                match expected {
                    Some(_) => return Ok(Explored::Ambiguous),
                    None => continue,
                }
            };
            if node.ambiguous {
                return Ok(Explored::Ambiguous);
            }
            if explored == 1 {
                outcome = Explored::All(node.id.clone());
            }
            waiting.extend(node.implied.iter().map(|implied| (implied.clone(), None)));
            for leaf in node.leaves {
                graph.insert(leaf, []);
            }
            graph.insert(name, node.implied.into_iter().chain(node.parent.iter().map(|(parent, _)| parent.clone())));
            waiting.extend(node.parent.map(|(parent, id)| (parent, Some(id))));
        }
        Ok(outcome)
    }

    async fn node(&self, client: &Client, name: &RightName, use_: Use) -> Answer<Option<Node>> {
        let (slot, asked) = (self.slot(name), Instant::now());
        let mut kept = slot.lock().await;
        if let Some(Read { began, took, answer }) = kept.as_ref() {
            let oldest = if answer.is_ok() { use_.oldest(*took) } else { FAILURE_LIFETIME };
            if asked.saturating_duration_since(*began) <= oldest {
                return answer.clone();
            }
        }
        let began = Instant::now();
        let answer = self.read(client, name).await;
        *kept = Some(Read { began, took: began.elapsed(), answer: answer.clone() });
        answer
    }

    fn slot(&self, name: &RightName) -> Slot {
        let mut rights = self.rights.lock().unwrap_or_else(PoisonError::into_inner);
        if rights.len() >= MOST_KEPT {
            rights.clear();
        }
        Arc::clone(rights.entry(name.clone()).or_default())
    }

    async fn read(&self, client: &Client, name: &RightName) -> Answer<Option<Node>> {
        match name {
            RightName::RealmRole(name) => match client.realm_role(name).await? {
                Some(role) => self.role(client, role).await.map(Some),
                None => Ok(None),
            },
            RightName::ClientRole { client: of, role } => match self.client_role(client, of, role).await? {
                Some(role) => self.role(client, role).await.map(Some),
                None => Ok(None),
            },
            RightName::Group(path) => Ok(client.group_at(path).await?.map(|group| group_node(group, path))),
        }
    }

    /// A client that was made anew has another id: one that is known is tried once, and looked up if there is no role.
    async fn client_role(&self, client: &Client, of: &str, role: &str) -> Answer<Option<FoundRole>> {
        for _ in 0..2 {
            let Some(id) = self.client_id(client, of).await? else {
                return Ok(None);
            };
            if let Some(found) = client.client_role(&id, role).await? {
                return Ok(Some(found));
            }
            self.clients.lock().await.by_name.remove(of);
        }
        Ok(None)
    }

    async fn role(&self, client: &Client, role: FoundRole) -> Answer<Node> {
        let (mut implied, mut leaves) = (BTreeSet::new(), BTreeSet::new());
        if role.composite {
            for part in client.composites_of(&role.id).await? {
                let is_leaf = !part.composite;
                let name = self.role_name(client, part).await?;
                leaves.extend(is_leaf.then(|| name.clone()));
                implied.insert(name);
            }
        }
        Ok(Node { id: role.id, parent: None, ambiguous: false, implied, leaves })
    }

    async fn role_name(&self, client: &Client, role: FoundRole) -> Answer<RightName> {
        let Some(id) = role.client else {
            return Ok(RightName::RealmRole(role.name));
        };
        let mut clients = self.clients.lock().await;
        let known = clients.by_id.get(&id).filter(|(read, _)| read.elapsed() < OTHERWISE);
        let name = if let Some((_, name)) = known {
            name.clone()
        } else {
            let name = client.client_name(&id).await?;
            clients.learn(&name, &id);
            name
        };
        Ok(RightName::ClientRole { client: name, role: role.name })
    }
}

impl Clients {
    fn learn(&mut self, name: &str, id: &ObjectId) {
        if self.by_id.len() >= MOST_KEPT {
            *self = Self::default();
        }
        self.by_name.insert(name.to_owned(), (Instant::now(), id.clone()));
        self.by_id.insert(id.clone(), (Instant::now(), name.to_owned()));
    }
}

/// The path of the group above; empty if there is none.
fn above(group: &FoundGroup) -> &str {
    group.path.strip_suffix(&group.name).and_then(|above| above.strip_suffix('/')).unwrap_or_default()
}

fn group_node(group: FoundGroup, path: &str) -> Node {
    let above = above(&group).to_owned();
    let ambiguous = group.name.contains('/') || group.path != path || (above.is_empty() != group.parent.is_none());
    let parent = group.parent.map(|id| (RightName::Group(above), id));
    Node { id: group.id, parent, ambiguous, implied: group.roles, leaves: BTreeSet::new() }
}

fn too_many() -> KeycloakError {
    let problem = format!("a role or group that implies more than {MOST_IMPLIED} others");
    KeycloakError { operation: Operation::GetComposites, kind: ErrorKind::Unexpected(problem) }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
