//! When each watch of the Kubernetes API has last been heard of: a process whose watches are dead answers, and does
//! nothing.
//!
//! A watch is heard of when something comes of it, when it ends in order (it is asked for anew all the time), and when
//! it is refused: a right that is missing, or a namespace that is gone, is not mended by a start.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{Request, Response, Uri};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

/// The watches of a process, as a layer for its client.
#[derive(Clone, Debug)]
pub struct Watches {
    longest_silence: Duration,
    heard: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Watches {
    /// Takes a watch for dead that has not been heard of for so long.
    #[must_use]
    pub fn new(longest_silence: Duration) -> Self {
        Self { longest_silence, heard: Arc::default() }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch that has been silent for the longest time, if that is too long.
    #[must_use]
    pub fn dead(&self) -> Option<(String, Duration)> {
        let heard = self.heard();
        let (name, last) = heard.iter().min_by_key(|(_, last)| **last)?;
        let silence = last.elapsed();
        (silence > self.longest_silence).then(|| (name.clone(), silence))
    }
}

impl<S> Layer<S> for Watches {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Listening<S> {
        Listening { inner, watches: self.clone() }
    }
}

/// A service that notes what it hears of watches.
#[derive(Clone, Debug)]
pub struct Listening<S> {
    inner: S,
    watches: Watches,
}

impl<S, Q, B> Service<Request<Q>> for Listening<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<Heard<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let watch = watch_of(request.uri()).map(|name| Watch { name, watches: self.watches.clone() });
        if let Some(watch) = &watch {
            watch.watches.heard().entry(watch.name.clone()).or_insert_with(Instant::now);
        }
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await?;
            if !answer.status().is_success() {
                watch.iter().for_each(Watch::is_heard);
            }
            Ok(answer.map(|body| Heard { body, watch }))
        }
        .boxed()
    }
}

/// Path and field selector, by which a watch is told from others; `None` for other requests.
fn watch_of(uri: &Uri) -> Option<String> {
    let parameters = || uri.query().unwrap_or_default().split('&');
    parameters().any(|parameter| parameter == "watch=true").then(|| {
        let selector = parameters().find(|parameter| parameter.starts_with("fieldSelector="));
        format!("{} {}", uri.path(), selector.unwrap_or_default()).trim_end().to_owned()
    })
}

#[derive(Debug)]
struct Watch {
    name: String,
    watches: Watches,
}

impl Watch {
    fn is_heard(&self) {
        self.watches.heard().insert(self.name.clone(), Instant::now());
    }
}

/// The answer to a request, of which it is noted when something comes.
#[derive(Debug)]
pub struct Heard<B> {
    body: B,
    watch: Option<Watch>,
}

impl<B: HttpBody + Unpin> HttpBody for Heard<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Err(_))) {
            self.watch.iter().for_each(Watch::is_heard);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready as ready_now;

    use axum::body::{Body, Bytes};
    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use tokio::time::advance;
    use tower::service_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(5);
    const USERS: &str = "/apis/keycloakuser.dev/v1alpha1/namespaces/people/keycloakusers?&watch=true&resourceVersion=1";

    fn refused() -> Response<Body> {
        Response::builder().status(403).body(Body::empty()).unwrap()
    }

    fn unanswered() -> Answer {
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }

    type Answer = Result<Response<Body>, std::io::Error>;

    async fn ask(watches: &Watches, uri: &str, answer: Answer) -> Option<Response<Heard<Body>>> {
        let mut answer = Some(answer);
        let mut service = watches.layer(service_fn(move |_: Request<()>| ready_now(answer.take().unwrap())));
        let request = Request::get(uri).body(()).unwrap();
        service.call(request).await.ok()
    }

    /// A watch whose events come from the other end.
    async fn open(watches: &Watches) -> (UnboundedSender<Result<Bytes, std::io::Error>>, Body) {
        let (sender, events) = unbounded();
        let answer = ask(watches, USERS, Ok(Response::new(Body::from_stream(events)))).await.unwrap();
        (sender, Body::new(answer.into_body()))
    }

    async fn next(body: &mut Body) {
        let _ = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_dead_that_says_nothing_for_too_long() {
        let watches = Watches::new(LIMIT);
        let (events, mut body) = open(&watches).await;
        advance(LIMIT).await;
        assert_eq!(watches.dead(), None);
        events.unbounded_send(Ok(Bytes::from_static(b"{}"))).unwrap();
        next(&mut body).await;
        advance(LIMIT).await;
        assert_eq!(watches.dead(), None, "an event was heard");
        advance(Duration::from_secs(1)).await;
        let name = "/apis/keycloakuser.dev/v1alpha1/namespaces/people/keycloakusers".to_owned();
        assert_eq!(watches.dead(), Some((name, LIMIT + Duration::from_secs(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_in_order_is_heard_and_a_break_is_not() {
        let watches = Watches::new(LIMIT);
        for (end, expected) in [(None, true), (Some(std::io::ErrorKind::TimedOut), false)] {
            let (events, mut body) = open(&watches).await;
            advance(LIMIT).await;
            if let Some(kind) = end {
                events.unbounded_send(Err(std::io::Error::from(kind))).unwrap();
            }
            drop(events);
            next(&mut body).await;
            advance(Duration::from_secs(1)).await;
            assert_eq!(watches.dead().is_none(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_heard_and_what_is_not_answered_or_has_only_begun_is_not() {
        let begun = Ok(Response::new(Body::empty()));
        for (answer, expected) in [(Ok(refused()), true), (begun, false), (unanswered(), false)] {
            let watches = Watches::new(LIMIT);
            ask(&watches, USERS, unanswered()).await;
            advance(LIMIT).await;
            ask(&watches, USERS, answer).await;
            advance(Duration::from_secs(1)).await;
            assert_eq!(watches.dead().is_none(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_watch_does_not_speak_for_another_and_other_requests_for_none() {
        let watches = Watches::new(LIMIT);
        let of = |name: &str| format!("/api/v1/namespaces?fieldSelector=metadata.name%3D{name}&watch=true");
        for name in ["a", "b"] {
            ask(&watches, &of(name), Ok(refused())).await;
        }
        ask(&watches, "/api/v1/secrets?limit=500", Ok(refused())).await;
        advance(LIMIT).await;
        ask(&watches, &of("a"), Ok(refused())).await;
        advance(Duration::from_secs(1)).await;
        let (silent, _) = watches.dead().unwrap();
        assert_eq!(silent, "/api/v1/namespaces fieldSelector=metadata.name%3Db");
        assert_eq!(watches.heard().len(), 2);
    }
}
