//! What was asked of the API server, by one who stands between.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::Response;
use futures::stream;

use super::{Rights, right};
use crate::support::{Chart, bed};

/// Stands between an operator and the API server, and notes which rights the requests needed, and which were denied.
pub(super) struct Witness(Seen);

/// What each request needed, and what the answer was.
type Seen = Arc<Mutex<Vec<([String; 4], StatusCode)>>>;

impl Witness {
    /// Starts it and puts it into the chart's kubeconfig.
    pub(super) async fn start(chart: &mut Chart) -> Self {
        let seen = Seen::default();
        let certificate = std::fs::read(bed().kube_ca()).expect("the certificate");
        let authorities = [reqwest::Certificate::from_pem(&certificate).expect("a certificate")];
        let http = reqwest::Client::builder().tls_certs_only(authorities).build().expect("a client");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let kubeconfig = std::fs::read_to_string(&chart.kubeconfig).expect("our kubeconfig");
        std::fs::write(&chart.kubeconfig, kubeconfig.replace(bed().kube_url(), &url)).expect("our kubeconfig");
        let witness = Self(Arc::clone(&seen));
        let router = Router::new().fallback(move |request| pass_on(http.clone(), Arc::clone(&seen), request));
        tokio::spawn(axum::serve(listener, router).into_future());
        witness
    }

    /// The rights that were needed, and those of them that were denied.
    pub(super) fn rights(&self) -> (Rights, Rights) {
        let seen = self.0.lock().unwrap();
        let denied =
            seen.iter().filter(|(_, status)| matches!(*status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
        (seen.iter().map(|(right, _)| right.clone()).collect(), denied.map(|(right, _)| right.clone()).collect())
    }
}

async fn pass_on(http: reqwest::Client, seen: Seen, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    head.headers.remove(header::HOST);
    let url = format!("{}{}", bed().kube_url(), head.uri);
    let request = http.request(head.method.clone(), url).headers(head.headers).body(body);
    let answer = request.send().await.expect("the API server answers");
    seen.lock().unwrap().push((right_for(&head.method, &head.uri), answer.status()));
    let mut response = Response::builder().status(answer.status());
    let kept = answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING);
    response.headers_mut().expect("a response").extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let chunks = stream::unfold(answer, async |mut answer| Some((answer.chunk().await.transpose()?, answer)));
    response.body(Body::from_stream(chunks)).expect("a response")
}

/// The right that a request needs; of one whose path is not that of a namespaced object, the path itself.
fn right_for(method: &Method, uri: &Uri) -> [String; 4] {
    let segments: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
    let (group, namespace, rest) = match &segments[..] {
        ["api", _, "namespaces", namespace, rest @ ..] => ("", *namespace, rest),
        ["apis", group, _, "namespaces", namespace, rest @ ..] => (*group, *namespace, rest),
        _ => ("", "", &[][..]),
    };
    let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
    let verb = match (method.as_str(), rest.len()) {
        ("GET", 1) if watches => "watch",
        ("GET", 1) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        (other, _) => other,
    };
    match rest {
        [resource] | [resource, _] => right(namespace, verb, group, resource),
        [resource, _, subresource] => right(namespace, verb, group, &format!("{resource}/{subresource}")),
        _ => right("", verb, "", uri.path()),
    }
}
