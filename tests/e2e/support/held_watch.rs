//! Stands between an operator and the API server, and can hold back what the watch of users tells: a stale cache.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use futures::stream;
use tokio::sync::watch;

use super::{Chart, bed};

/// Passes everything on to the bed's API server, but for the watch of users while it is held.
pub struct HeldWatch {
    held: watch::Sender<bool>,
    reads: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Way {
    http: reqwest::Client,
    held: watch::Receiver<bool>,
    reads: Arc<Mutex<Vec<String>>>,
}

impl HeldWatch {
    /// Starts it and puts it into the chart's kubeconfig.
    pub async fn start(chart: &Chart) -> Self {
        let certificate = std::fs::read(bed().kube_ca()).expect("the certificate");
        let authorities = [reqwest::Certificate::from_pem(&certificate).expect("a certificate")];
        let http = reqwest::Client::builder().tls_certs_only(authorities).build().expect("a client");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let kubeconfig = std::fs::read_to_string(&chart.kubeconfig).expect("our kubeconfig");
        std::fs::write(&chart.kubeconfig, kubeconfig.replace(bed().kube_url(), &url)).expect("our kubeconfig");
        let (held, holding) = watch::channel(false);
        let reads = Arc::default();
        let way = Way { http, held: holding, reads: Arc::clone(&reads) };
        let router = Router::new().fallback(move |request| pass_on(way.clone(), request));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { held, reads }
    }

    /// From now on the operator hears nothing of users, or all that it missed.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How often that user was read by itself.
    pub fn reads_of(&self, user: &str) -> usize {
        let end = format!("/keycloakusers/{user}");
        self.reads.lock().unwrap().iter().filter(|path| path.ends_with(&end)).count()
    }
}

async fn pass_on(way: Way, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    head.headers.remove(header::HOST);
    let path = head.uri.path().to_owned();
    let is_watch = path.ends_with("/keycloakusers") && head.uri.query().is_some_and(|query| query.contains("watch="));
    if head.method == reqwest::Method::GET {
        way.reads.lock().unwrap().push(path);
    }
    let request = way.http.request(head.method, format!("{}{}", bed().kube_url(), head.uri)).headers(head.headers);
    let answer = request.body(body).send().await.expect("the API server answers");
    let mut response = Response::builder().status(answer.status());
    let kept = answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING);
    response.headers_mut().expect("a response").extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let chunks = stream::unfold((answer, way.held), move |(mut answer, mut held)| async move {
        let chunk = answer.chunk().await.transpose()?;
        if is_watch {
            held.wait_for(|held| !held).await.expect("the test runs");
        }
        Some((chunk, (answer, held)))
    });
    response.body(Body::from_stream(chunks)).expect("a response")
}
