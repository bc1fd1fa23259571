//! What is no answer at all, and certificates.

use super::*;

/// A server that answers each connection with the next of these bytes, and hangs up.
fn raw_server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 8192]).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_says_why() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client_of(server(&format!("http://{nobody}"))).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetToken);
    let ErrorKind::Unreachable(reason) = &error.kind else { panic!("{error:?}") };
    assert!(reason.to_lowercase().contains("connection refused"), "{reason}");
}

#[tokio::test]
async fn what_is_not_http_is_unreachable_and_is_not_repeated() {
    for scheme in ["http", "https"] {
        let url = raw_server(vec![format!("SSH-2.0-{FOREIGN}\r\n")]).replace("http", scheme);
        let error = client_of(server(&url)).user(&id()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unreachable(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(FOREIGN), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let login = json!({ "access_token": TOKEN, "expires_in": 60 }).to_string();
    let login = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{login}", login.len());
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_owned();
    let error = client_of(server(&raw_server(vec![login, broken]))).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetUser);
    assert!(matches!(error.kind, ErrorKind::Unreachable(_)), "{error:?}");
}

#[test]
fn certificates_that_cannot_be_read_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        assert_eq!(CertificateAuthorities::from_pem(pem.as_bytes()).unwrap_err(), InvalidCertificates, "{pem}");
    }
}

// What must not be repeated

#[test]
fn what_a_certificate_says_is_not_repeated() {
    let expected = rustls::pki_types::ServerName::try_from("sso.example.com").unwrap();
    let presented = vec![format!("DnsName({FOREIGN:?})")];
    for (problem, ours) in [
        (
            CertificateError::NotValidForNameContext { expected, presented },
            "its certificate is for another name than that of the URL",
        ),
        (CertificateError::UnknownIssuer, "its certificate comes from an authority that is not trusted"),
        (CertificateError::Expired, "its certificate has expired"),
        (CertificateError::BadEncoding, "its certificate is not accepted"),
    ] {
        let error = rustls::Error::InvalidCertificate(problem);
        assert_eq!(reason(&error), ours);
        // As it arrives: wrapped by the TLS stream, and again by the connector.
        let wrapped = std::io::Error::other(std::io::Error::other(error));
        assert_eq!(reason(&wrapped), ours);
    }
}
