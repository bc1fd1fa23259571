//! A server that means harm: it gets nothing of the operator's memory, and nobody else's account waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{ChildOperator, e2e_with};

/// What it does to whoever has logged in.
#[derive(Clone, Copy, Debug)]
enum Malice {
    /// An answer that never ends, in pieces.
    EndlessBody,
    /// An answer that says that it is a terabyte long, and goes on and on.
    HugeLength,
    /// Headers that never end.
    EndlessHeaders,
}

impl Malice {
    /// Who sends no head that can be read is as good as absent.
    fn reason(self) -> &'static str {
        match self {
            Self::EndlessBody | Self::HugeLength => "KeycloakError",
            Self::EndlessHeaders => "KeycloakUnreachable",
        }
    }
}

const CHUNK: usize = 64 << 10;
/// So much it tries to send in all.
const FLOOD: usize = 1 << 30;
/// So much more memory the operator may take meanwhile, and so much may be sent: buffers of connections, and what is
/// read before an answer is found to be too long.
const BOUND: usize = 48 << 20;

struct Server {
    url: String,
    sent: Arc<AtomicUsize>,
}

impl Server {
    async fn start(malice: Malice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let sent = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(BufStream::new(stream), malice, Arc::clone(&counted)));
            }
        });
        Self { url, sent }
    }
}

/// Answers logins as Keycloak does, and floods the rest.
async fn serve(mut stream: BufStream<TcpStream>, malice: Malice, sent: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    if !head.contains("/token") {
        return flood(&mut stream, malice, &sent).await;
    }
    let token = json!({ "access_token": "token", "expires_in": 300, "token_type": "Bearer" }).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{token}",
        token.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}

async fn flood(stream: &mut BufStream<TcpStream>, malice: Malice, sent: &AtomicUsize) -> std::io::Result<()> {
    let start = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let (rest, piece) = match malice {
        Malice::EndlessBody => {
            ("transfer-encoding: chunked\r\n\r\n", format!("{CHUNK:x}\r\n{}\r\n", " ".repeat(CHUNK)))
        }
        Malice::HugeLength => ("content-length: 1099511627776\r\n\r\n", " ".repeat(CHUNK)),
        Malice::EndlessHeaders => ("", format!("x-flood: {}\r\n", "x".repeat(CHUNK))),
    };
    stream.write_all(format!("{start}{rest}").as_bytes()).await?;
    while sent.load(Ordering::SeqCst) < FLOOD {
        stream.write_all(piece.as_bytes()).await?;
        stream.flush().await?;
        sent.fetch_add(piece.len(), Ordering::SeqCst);
    }
    Ok(())
}

/// The most memory that the process has ever held.
fn peak(operator: &ChildOperator) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.id())).expect("our child");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}

#[test]
fn a_server_without_end_takes_neither_memory_nor_other_accounts_along() {
    e2e_with("hostile", json!({}), async |world| {
        world.connect(json!({})).await;
        let operator = ChildOperator::start(&world.chart().await, &world.namespace).await;
        world.user("before", json!({ "username": "before" })).await;
        world.until("before", "Synced").await;
        let before = peak(&operator);
        for (number, malice) in
            [Malice::EndlessBody, Malice::HugeLength, Malice::EndlessHeaders].into_iter().enumerate()
        {
            let server = Server::start(malice).await;
            let name = format!("hostile-{number}");
            world.connection(&name, json!({ "url": server.url })).await;
            world.user(&name, json!({ "username": name, "connectionRef": { "name": name } })).await;
            world.until(&name, malice.reason()).await;
            world.reconcile_now(&name).await;
            let fine = format!("fine-{number}");
            world.user(&fine, json!({ "username": fine })).await;
            world.until(&fine, "Synced").await;
            let sent = server.sent.load(Ordering::SeqCst);
            assert!(sent < BOUND, "{malice:?}: {sent} bytes were taken");
        }
        let more = peak(&operator) - before;
        assert!(more < BOUND, "{more} bytes of memory");
    });
}
