//! Where the operator connects: open, with a certificate or without, or shut.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::Inner;

/// What meets whoever connects.
#[derive(Clone)]
pub enum Door {
    /// Plain HTTP.
    Open,
    /// TLS with this certificate.
    Tls(Arc<ServerConfig>),
    /// Connections are refused.
    Shut,
}

/// What the door shall be, and the number of this wish, by which its fulfilment is known.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) door: Door,
    /// What is under way is broken off; else it is finished, on connections that carry nothing after it.
    pub(super) abrupt: bool,
    pub(super) number: usize,
}

/// A port of this machine on which nobody listens: whoever connects is refused, and nobody else gets it.
pub(super) fn reserve(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind(address).expect("the port is free");
    socket
}

/// Keeps the door as it is wished; `fulfilled` is told the number of each wish.
pub(super) async fn keep(
    mut socket: TcpSocket,
    proxy: Arc<Inner>,
    mut wishes: watch::Receiver<Wish>,
    fulfilled: watch::Sender<usize>,
) {
    let address = socket.local_addr().expect("an address");
    let mut connections = JoinSet::new();
    loop {
        let wish = wishes.borrow_and_update().clone();
        if wish.abrupt {
            connections.abort_all();
        }
        if matches!(wish.door, Door::Shut) {
            fulfilled.send_replace(wish.number);
            wishes.changed().await.expect("the proxy has the other end");
        } else {
            let listener = socket.listen(1024).expect("the port is ours");
            fulfilled.send_replace(wish.number);
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        connections.spawn(greet(stream, wish.clone(), Arc::clone(&proxy), wishes.clone()));
                    }
                    _ = wishes.changed() => break,
                }
            }
        }
        socket = reserve(address);
    }
}

async fn greet(stream: TcpStream, wish: Wish, proxy: Arc<Inner>, wishes: watch::Receiver<Wish>) {
    let _ = stream.set_nodelay(true);
    let admitted = wish.number;
    match wish.door {
        Door::Tls(certificate) => {
            // A handshake that fails is what some tests are about.
            if let Ok(stream) = TlsAcceptor::from(certificate).accept(stream).await {
                converse(stream, admitted, proxy, wishes, |stream| stream.get_ref().0.set_zero_linger()).await;
            }
        }
        Door::Open | Door::Shut => converse(stream, admitted, proxy, wishes, TcpStream::set_zero_linger).await,
    }
}

/// Serves one connection, until its end or until the door moves; one that was broken off ends in a reset.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    admitted: usize,
    proxy: Arc<Inner>,
    mut wishes: watch::Receiver<Wish>,
    reset: impl Fn(&S) -> std::io::Result<()>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let proxy = Arc::clone(&proxy);
        Box::pin(async move { proxy.handle(admitted, request.map(Body::new)).await })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut leaving = false;
    let outcome = loop {
        tokio::select! {
            outcome = poll_fn(|context| connection.poll_without_shutdown(context)) => break outcome,
            _ = wishes.wait_for(|wish| wish.number > admitted), if !leaving => {
                leaving = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if outcome.is_err() {
        let _ = reset(connection.into_parts().io.inner());
    }
}
