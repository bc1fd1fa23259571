//! Stands before Keycloak and counts connections. Of HTTP/1 each carries one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on to the bed's Keycloak.
pub struct CountingProxy {
    pub url: String,
    most: Arc<AtomicUsize>,
}

impl CountingProxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = super::bed().keycloak_url().trim_start_matches("http://").to_owned();
        let seen = Arc::clone(&most);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (open, seen, server) = (Arc::clone(&open), Arc::clone(&seen), server.clone());
                tokio::spawn(async move {
                    seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    if let Ok(mut upstream) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut client, &mut upstream).await;
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, most }
    }

    /// The largest number of connections that were open at one time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
