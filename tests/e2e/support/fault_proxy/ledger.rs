//! What passed the proxies, in one list: a witness that does not ask the operator.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Method;

/// The two servers that an operator talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Keycloak,
    Kubernetes,
}

/// A request as it reached a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose proxy it came to.
    pub who: String,
    pub server: Server,
    pub method: Method,
    pub path: String,
    pub query: String,
}

impl Call {
    /// Whether it changes something where it arrives; a login does not.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && !self.path.ends_with("/token")
    }

    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=true")
    }

    /// Whether it is a request of that form; `{id}` stands for a UUID, `{}` for any one segment.
    pub fn has_form(&self, method: &Method, form: &str) -> bool {
        let (path, form): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), form.split('/').collect());
        let fits = |(segment, form): (&&str, &&str)| match *form {
            "{}" => !segment.is_empty(),
            "{id}" => is_uuid(segment),
            _ => segment == form,
        };
        self.method == *method && path.len() == form.len() && path.iter().zip(&form).all(fits)
    }
}

/// Whether that has the form of Keycloak's ids.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|character| character == '-' || character.is_ascii_hexdigit())
}

/// A request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub call: Call,
    /// What the server answered; `None` if it was never asked, or has not answered.
    pub status: Option<u16>,
}

/// The list, shared by the proxies of a test.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    records: Mutex<Vec<Record>>,
    closed: AtomicBool,
}

impl Ledger {
    pub fn records(&self) -> Vec<Record> {
        self.0.records.lock().unwrap().clone()
    }

    pub(super) fn add(&self, call: Call) -> usize {
        let mut records = self.0.records.lock().unwrap();
        records.push(Record { call, status: None });
        records.len() - 1
    }

    pub(super) fn answered(&self, index: usize, status: u16) {
        self.0.records.lock().unwrap()[index].status = Some(status);
    }

    /// From now on nothing passes: whoever sends it is being killed.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Lets requests pass again.
    pub fn open(&self) {
        self.0.closed.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }
}
