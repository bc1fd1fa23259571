//! Stands between an operator and a server: notes every request, and makes trouble when it is told to.

mod certificates;
mod door;
mod fault;
mod ledger;

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{Request, header};
use axum::response::Response;
use futures::stream;
use tokio::sync::watch;

pub use certificates::{Authority, Flaw};
pub use door::Door;
pub use fault::{Answer, Fault, Kill, Moment};
pub use ledger::{Call, Ledger, Record, Server, is_uuid};

use door::Wish;
use fault::Rule;

use super::{Chart, bed};

/// So long after it is there an answer has arrived on the same machine.
const ARRIVAL: Duration = Duration::from_millis(20);

/// A proxy with an address of its own. It lives as long as the runtime of the test.
pub struct FaultProxy {
    inner: Arc<Inner>,
    address: SocketAddr,
}

struct Inner {
    who: String,
    server: Server,
    upstream: String,
    http: reqwest::Client,
    ledger: Ledger,
    rules: Mutex<Vec<Rule>>,
    /// So many answers later the door moves.
    appointment: Mutex<Option<(usize, Door)>>,
    wishes: watch::Sender<Wish>,
    fulfilled: watch::Receiver<usize>,
    at_once: Crowd,
    writes_at_once: Crowd,
}

/// How many are under way, and how many there were at most.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// A request was broken off: hyper ends its connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("broken off")]
struct BrokenOff;

impl FaultProxy {
    /// One before the bed's Keycloak, over plain HTTP at first.
    pub fn before_keycloak(who: &str, ledger: &Ledger) -> Self {
        Self::start(who, Server::Keycloak, bed().keycloak_url(), reqwest::Client::new(), ledger)
    }

    /// One before the bed's API server; the chart's kubeconfig leads to it from now on.
    pub fn before_kubernetes(who: &str, ledger: &Ledger, chart: &mut Chart) -> Self {
        let certificate = std::fs::read(bed().kube_ca()).expect("the certificate");
        let authorities = [reqwest::Certificate::from_pem(&certificate).expect("a certificate")];
        let http = reqwest::Client::builder().tls_certs_only(authorities).build().expect("a client");
        let proxy = Self::start(who, Server::Kubernetes, bed().kube_url(), http, ledger);
        let kubeconfig = std::fs::read_to_string(&chart.kubeconfig).expect("our kubeconfig");
        std::fs::write(&chart.kubeconfig, kubeconfig.replace(bed().kube_url(), &proxy.url())).expect("our kubeconfig");
        proxy
    }

    fn start(who: &str, server: Server, upstream: &str, http: reqwest::Client, ledger: &Ledger) -> Self {
        let socket = door::reserve((Ipv4Addr::LOCALHOST, 0).into());
        let address = socket.local_addr().expect("an address");
        let (wishes, wished) = watch::channel(Wish { door: Door::Open, abrupt: false, number: 0 });
        let (fulfil, fulfilled) = watch::channel(0);
        let inner = Arc::new(Inner {
            who: who.to_owned(),
            server,
            upstream: upstream.to_owned(),
            http,
            ledger: ledger.clone(),
            rules: Mutex::default(),
            appointment: Mutex::default(),
            wishes,
            fulfilled,
            at_once: Crowd::default(),
            writes_at_once: Crowd::default(),
        });
        tokio::spawn(door::keep(socket, Arc::clone(&inner), wished, fulfil));
        Self { inner, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn secure_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on the fault befalls every request that `concerns` picks.
    pub fn inject(&self, fault: Fault, concerns: impl Fn(&Call) -> bool + Send + 'static) {
        self.inject_times(usize::MAX, fault, concerns);
    }

    /// The same for the next so many.
    pub fn inject_times(&self, times: usize, fault: Fault, concerns: impl Fn(&Call) -> bool + Send + 'static) {
        self.inner.rules.lock().unwrap().push(Rule { concerns: Box::new(concerns), fault, left: times });
    }

    /// No faults any more.
    pub fn heal(&self) {
        self.inner.rules.lock().unwrap().clear();
    }

    /// Moves the door. Answers under way are finished.
    pub async fn set_door(&self, door: Door) {
        self.inner.move_door(door, false).await;
    }

    /// Moves the door when so many more requests have been answered: the last answer still arrives.
    pub async fn set_door_after(&self, answers: usize, door: Door) {
        if answers == 0 {
            return self.set_door(door).await;
        }
        *self.inner.appointment.lock().unwrap() = Some((answers, door));
    }

    /// Breaks off everything that is under way.
    pub async fn interrupt(&self) {
        let door = self.inner.wishes.borrow().door.clone();
        self.inner.move_door(door, true).await;
    }

    /// The largest number of requests that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.inner.at_once.most.load(Ordering::SeqCst)
    }

    /// The same of requests that change something.
    pub fn most_writes_at_once(&self) -> usize {
        self.inner.writes_at_once.most.load(Ordering::SeqCst)
    }
}

/// A fault may hold the operator that it is to kill, which else would outlive its test.
impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.heal();
    }
}

/// Counts a request for as long as it is under way.
struct UnderWay<'a>(&'a Crowd);

impl<'a> UnderWay<'a> {
    fn count(crowd: &'a Crowd) -> Self {
        let now = crowd.now.fetch_add(1, Ordering::SeqCst) + 1;
        crowd.most.fetch_max(now, Ordering::SeqCst);
        Self(crowd)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Inner {
    /// A request on a connection that was admitted when so many wishes for the door had been made.
    async fn handle(&self, admitted: usize, request: Request<Body>) -> Result<Response, BrokenOff> {
        let _under_way = UnderWay::count(&self.at_once);
        let (head, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|_| BrokenOff)?;
        if self.wishes.borrow().number > admitted {
            return Err(BrokenOff);
        }
        if self.ledger.is_closed() {
            pending().await
        }
        let call = Call {
            who: self.who.clone(),
            server: self.server,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
        };
        let _writing = call.is_write().then(|| UnderWay::count(&self.writes_at_once));
        let fault = self.fault_for(&call);
        let index = self.ledger.add(call);
        let response = match fault {
            None => streamed(self.pass_on(index, head, body).await?),
            Some(fault) => self.go_wrong(fault, index, head, body).await?,
        };
        if let Some(door) = self.due() {
            self.move_door(door, false).await;
        }
        Ok(response)
    }

    async fn go_wrong(&self, fault: Fault, index: usize, head: Parts, body: Bytes) -> Result<Response, BrokenOff> {
        match fault {
            Fault::Answer(answer) => Ok(answer.into_response()),
            Fault::CutAnswer => cut(self.pass_on(index, head, body).await?).await,
            Fault::LoseAnswer => {
                self.pass_on(index, head, body).await?;
                Err(BrokenOff)
            }
            Fault::Silence => pending().await,
            Fault::Withhold(held) => Ok(withheld(self.pass_on(index, head, body).await?, held).await),
            Fault::Crash(moment, kill) => {
                self.ledger.close();
                if moment == Moment::Before {
                    kill.now();
                    return Err(BrokenOff);
                }
                let answer = self.pass_on(index, head, body).await?;
                if moment == Moment::Unanswered {
                    kill.now();
                    return Err(BrokenOff);
                }
                tokio::spawn(async move {
                    tokio::time::sleep(ARRIVAL).await;
                    kill.now();
                });
                Ok(streamed(answer))
            }
        }
    }

    fn fault_for(&self, call: &Call) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && (rule.concerns)(call))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    /// The door that was to move after this answer.
    fn due(&self) -> Option<Door> {
        let mut appointment = self.appointment.lock().unwrap();
        let (answers, _) = appointment.as_mut()?;
        *answers -= 1;
        if *answers > 0 { None } else { appointment.take().map(|(_, door)| door) }
    }

    async fn move_door(&self, door: Door, abrupt: bool) {
        let mut wanted = 0;
        self.wishes.send_modify(|wish| {
            wanted = wish.number + 1;
            *wish = Wish { door, abrupt, number: wanted };
        });
        self.fulfilled.clone().wait_for(|number| *number >= wanted).await.expect("the door is kept");
    }

    async fn pass_on(&self, index: usize, mut head: Parts, body: Bytes) -> Result<reqwest::Response, BrokenOff> {
        head.headers.remove(header::HOST);
        let request = self.http.request(head.method, format!("{}{}", self.upstream, head.uri));
        let answer = request.headers(head.headers).body(body).send().await.map_err(|_| BrokenOff)?;
        self.ledger.answered(index, answer.status().as_u16());
        Ok(answer)
    }
}

fn head_of(answer: &reqwest::Response) -> axum::http::response::Builder {
    let mut response = Response::builder().status(answer.status());
    let kept = answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING);
    response.headers_mut().expect("a response").extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    response
}

fn streamed(answer: reqwest::Response) -> Response {
    let head = head_of(&answer);
    let chunks = stream::unfold(answer, async |mut answer| Some((answer.chunk().await.transpose()?, answer)));
    head.body(Body::from_stream(chunks)).expect("a response")
}

async fn withheld(answer: reqwest::Response, mut held: watch::Receiver<bool>) -> Response {
    held.wait_for(|held| !held).await.expect("the test runs");
    let head = head_of(&answer);
    let chunks = stream::unfold((answer, held), async |(mut answer, mut held)| {
        let chunk = answer.chunk().await.transpose()?;
        held.wait_for(|held| !held).await.expect("the test runs");
        Some((chunk, (answer, held)))
    });
    head.body(Body::from_stream(chunks)).expect("a response")
}

/// Half of the answer, then nothing; nothing at all where there is no body to cut.
async fn cut(answer: reqwest::Response) -> Result<Response, BrokenOff> {
    let head = head_of(&answer);
    let body = answer.bytes().await.map_err(|_| BrokenOff)?;
    if body.is_empty() {
        return Err(BrokenOff);
    }
    let half = [Ok(body.slice(..body.len() / 2)), Err(BrokenOff)];
    Ok(head.body(Body::from_stream(stream::iter(half))).expect("a response"))
}
