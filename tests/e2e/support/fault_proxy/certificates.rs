//! Certificates for a proxy, made by openssl as those of the bed are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Door;
use crate::support::bed;

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    WrongName,
    Expired,
}

/// An authority of a test's own.
pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let name = format!("authority-{:08x}", fastrand::u32(..));
        let directory = bed().kubeconfig().with_file_name(&name);
        std::fs::create_dir_all(&directory).expect("the bed's directory");
        let authority = Self { directory };
        let make = format!("req -x509 -nodes -days 2 -subj /CN={name} -keyout ca.key -out ca.crt");
        authority.openssl(&make, &NEW_KEY);
        authority
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        std::fs::read_to_string(self.path("ca.crt")).expect("the certificate")
    }

    /// A door behind a certificate of this authority for 127.0.0.1, with that flaw if there is one.
    pub fn door(&self, flaw: Option<Flaw>) -> Door {
        let name = if flaw == Some(Flaw::WrongName) { "DNS:elsewhere.example.com" } else { "IP:127.0.0.1" };
        let days = if flaw == Some(Flaw::Expired) { "-1" } else { "2" };
        std::fs::write(self.path("extensions"), format!("subjectAltName={name}")).expect("the bed's directory");
        self.openssl("req -new -nodes -subj /CN=proxy -keyout proxy.key -out proxy.csr", &NEW_KEY);
        let sign =
            "x509 -req -in proxy.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions -out proxy.crt";
        self.openssl(sign, &["-days", days]);
        let certificate = CertificateDer::from_pem_file(self.path("proxy.crt")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.path("proxy.key")).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
        Door::Tls(Arc::new(config.expect("they belong together")))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.directory).join(name)
    }

    fn openssl(&self, arguments: &str, more: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).args(more).current_dir(&self.directory);
        let output = command.output().expect("openssl can be run");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

const NEW_KEY: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
