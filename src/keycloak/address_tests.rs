use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::keycloak::{Client, ClientError, ErrorKind, Fence, KeycloakMetrics, Login, Server};

fn server(url: &str) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
    Server { url: url.parse().unwrap(), realm: "staff".to_owned(), login, certificate_authorities: None }
}

fn made(url: &str) -> Result<Client, ClientError> {
    Client::new(server(url), KeycloakMetrics::default(), Fence::new(|_| true))
}

/// Answers each question with the next of its answers, the last one for ever.
struct Script(Mutex<Vec<Vec<IpAddr>>>);

impl Lookup for Script {
    fn addresses(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        let mut left = self.0.lock().unwrap();
        let answer = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
        Box::pin(async move { Ok(answer.into_iter().map(|address| SocketAddr::new(address, 0)).collect()) })
    }
}

fn client(url: &str, answers: &[&[&str]]) -> Client {
    let answers = answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect()).collect();
    let lookup = Arc::new(Script(Mutex::new(answers)));
    Client::with_lookup(server(url), KeycloakMetrics::default(), Fence::new(|_| true), lookup).unwrap()
}

async fn outcome(client: &Client) -> ErrorKind {
    client.user_profile().await.unwrap_err().kind
}

#[tokio::test]
async fn no_client_is_made_for_a_link_local_or_metadata_address_in_whatever_form() {
    for host in [
        "169.254.169.254",
        "169.254.0.1",
        "169.254.170.2",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.43518",
        "①⑥⑨.254.169.254",
        "169.254.169.254.",
        "[fe80::1]",
        "[febf::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ] {
        let refusal = made(&format!("http://{host}/auth"));
        assert!(matches!(refusal, Err(ClientError::ForbiddenAddress(_))), "{host}");
    }
}

#[tokio::test]
async fn loopback_private_and_public_addresses_are_no_matter() {
    for host in [
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "8.8.8.8",
        "[fd00::1]",
        "[2001:db8::1]",
    ] {
        assert!(made(&format!("http://{host}")).is_ok(), "{host}");
    }
}

#[tokio::test]
async fn a_name_that_means_such_an_address_is_not_connected_to() {
    for addresses in [&["169.254.169.254"][..], &["fe80::1"], &["::ffff:169.254.169.254"], &["169.254.0.1", "fe80::2"]]
    {
        let client = client("http://metadata.example", &[addresses]);
        assert_eq!(outcome(&client).await, ErrorKind::ForbiddenAddress, "{addresses:?}");
    }
}

#[test]
fn of_several_addresses_those_that_are_permitted_are_left() {
    let found = |list: &[&str]| list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>();
    assert_eq!(permitted(found(&["fe80::1", "10.0.0.1"])), Ok(found(&["10.0.0.1"])));
    assert_eq!(permitted(found(&[])), Ok(found(&[])), "a name without an address is another matter");
}

/// Gives a token to whoever asks and closes; counts the connections.
async fn one_answer_per_connection() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let token = r#"{"access_token":"t","expires_in":60}"#;
            let length = token.len();
            let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{token}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, count)
}

#[tokio::test]
async fn a_name_that_means_another_address_a_moment_later_leads_nowhere_else() {
    let (port, connections) = one_answer_per_connection().await;
    let client = client(&format!("http://rebinding.example:{port}"), &[&["127.0.0.1"], &["169.254.169.254"]]);
    assert_eq!(outcome(&client).await, ErrorKind::ForbiddenAddress);
    assert_eq!(connections.load(Ordering::SeqCst), 1, "that of the login, before the name meant another address");
}
