//! Stands before a server: notes which replica asks for what, and holds requests back while it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, header};
use axum::response::Response;
use futures::stream;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::{Chart, ChildOperator, bed};

/// A request, and the process that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub process: Option<u32>,
    pub method: Method,
    pub path: String,
}

impl Call {
    pub(super) fn is_by(&self, operator: &ChildOperator) -> bool {
        self.process == Some(operator.id())
    }

    /// Whether it changes something; a login does not.
    pub(super) fn is_change(&self) -> bool {
        self.method != Method::GET && !self.path.ends_with("/token")
    }
}

type IsHeld = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

/// Passes on what it does not hold back.
pub(super) struct Gate {
    pub(super) url: String,
    server: String,
    calls: Arc<Mutex<Vec<Call>>>,
    held: watch::Sender<IsHeld>,
}

impl Gate {
    /// Before the bed's Keycloak.
    pub(super) async fn before_keycloak() -> Self {
        Self::start(bed().keycloak_url(), reqwest::Client::new()).await
    }

    /// Before the API server.
    pub(super) async fn before_kubernetes() -> Self {
        let certificate = std::fs::read(bed().kube_ca()).expect("the certificate");
        let authorities = [reqwest::Certificate::from_pem(&certificate).expect("a certificate")];
        let http = reqwest::Client::builder().tls_certs_only(authorities).build().expect("a client");
        Self::start(bed().kube_url(), http).await
    }

    async fn start(server: &str, http: reqwest::Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (calls, (held, holds)) = (Arc::default(), watch::channel::<IsHeld>(Arc::new(|_| false)));
        let gate =
            Self { url: format!("http://{address}"), server: server.to_owned(), calls: Arc::clone(&calls), held };
        let server = server.to_owned();
        let pass = move |ConnectInfo(client): ConnectInfo<SocketAddr>, request: Request| {
            let (http, server, calls, holds) = (http.clone(), server.clone(), Arc::clone(&calls), holds.clone());
            async move {
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                let call = Call { process: owner(client, address), method, path };
                calls.lock().unwrap().push(call.clone());
                wait(holds, &call).await;
                pass_on(&http, &server, request).await
            }
        };
        let router = Router::new().fallback(pass).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        gate
    }

    /// The chart for one replica, whose way to the server leads through here.
    pub(super) fn lead_through(&self, chart: &Chart, name: &str) -> Chart {
        let kubeconfig = std::fs::read_to_string(&chart.kubeconfig).expect("our kubeconfig");
        let copy = chart.kubeconfig.with_extension(name);
        std::fs::write(&copy, kubeconfig.replace(&self.server, &self.url)).expect("the bed's directory");
        Chart { arguments: chart.arguments.clone(), kubeconfig: copy }
    }

    /// From now on such requests wait here.
    pub(super) fn hold(&self, is_held: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        self.held.send_replace(Arc::new(is_held));
    }

    /// Lets them go on; those whose sender has given up have gone already.
    pub(super) fn open(&self) {
        self.hold(|_| false);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn wait(mut holds: watch::Receiver<IsHeld>, call: &Call) {
    let _ = holds.wait_for(|is_held| !is_held(call)).await;
}

async fn pass_on(http: &reqwest::Client, server: &str, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    head.headers.remove(header::HOST);
    let request = http.request(head.method, format!("{server}{}", head.uri)).headers(head.headers).body(body);
    let answer = request.send().await.expect("the server answers");
    let mut response = Response::builder().status(answer.status());
    let kept = answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING);
    response.headers_mut().expect("a response").extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let chunks = stream::unfold(answer, async |mut answer| Some((answer.chunk().await.transpose()?, answer)));
    response.body(Body::from_stream(chunks)).expect("a response")
}

/// The child of this process at the other end of a connection, by what the kernel says of its sockets.
fn owner(client: SocketAddr, gate: SocketAddr) -> Option<u32> {
    let connections = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's list of connections");
    let (local, remote) = (format!(":{:04X}", client.port()), format!(":{:04X}", gate.port()));
    let inode = connections.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[1].ends_with(&local) && fields[2].ends_with(&remote)).then(|| fields[9].to_owned())
    })?;
    let socket = format!("socket:[{inode}]");
    children().into_iter().find(|process| {
        let files = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| target.to_string_lossy() == socket)
    })
}

fn children() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("this process").flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}
