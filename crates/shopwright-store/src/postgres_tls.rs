//! TLS to PostgreSQL, in the words of libpq: `sslmode` and `sslrootcert` in the database URL.
//!
//! `verify-full` proves who answers, `verify-ca` who signed for it, `require` only that nobody listens;
//! with a root certificate `require` proves as much as `verify-ca`. Without `sslmode` the connection is
//! encrypted where the server offers it, and plain on the own machine. (PostgreSQL manual, 34.19.)

use std::net::IpAddr;
use std::sync::Arc;

use postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

use crate::error::StoreError;

/// What a connection proves of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing.
    None,
    /// That a trusted authority signed its certificate.
    Signed,
    /// That, and that the certificate is for its name.
    Named,
}

/// Where to connect, and over which TLS; `None` is a plain connection.
pub(crate) struct Target {
    pub(crate) config: postgres::Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

fn unusable(problem: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("the database URL cannot be used: {problem}"))
}

/// Reads a database URL. Messages never repeat it, since it may hold a password.
pub(crate) fn target(url: &str) -> Result<Target, StoreError> {
    let (url, asked) = split(url);
    let mut config: postgres::Config = url.parse().map_err(|error: postgres::Error| {
        StoreError::Unavailable(format!("the database URL cannot be read: {error}"))
    })?;
    let verified = asked.root.is_some();
    let (mode, proof) = match asked.mode.as_deref() {
        Some("disable") => (SslMode::Disable, Proof::None),
        None | Some("prefer" | "allow") if is_local(&config) => (SslMode::Disable, Proof::None),
        None | Some("prefer" | "allow") => (SslMode::Prefer, Proof::None),
        Some("require") if verified => (SslMode::Require, Proof::Signed),
        Some("require") => (SslMode::Require, Proof::None),
        Some("verify-ca") => (SslMode::Require, Proof::Signed),
        Some("verify-full") => (SslMode::Require, Proof::Named),
        Some(other) => {
            return Err(unusable(format!(
                "sslmode={other} is none of disable, prefer, require, verify-ca, verify-full"
            )));
        }
    };
    config.ssl_mode(mode);
    let tls = match mode {
        SslMode::Disable => None,
        _ => Some(MakeRustlsConnect::new(client(proof, asked.root.as_deref())?)),
    };
    Ok(Target { config, tls })
}

/// What a URL asks of TLS.
#[derive(Debug, Default)]
struct Asked {
    mode: Option<String>,
    root: Option<String>,
}

/// Takes the parameters out of a URL that the driver does not know.
fn split(url: &str) -> (String, Asked) {
    let mut asked = Asked::default();
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), asked) };
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "sslmode" => asked.mode = Some(value.into_owned()),
            "sslrootcert" => asked.root = Some(value.into_owned()),
            _ => {
                kept.append_pair(&name, &value);
            }
        }
    }
    // The driver reads percent signs only, no plus for a space.
    let kept = kept.finish().replace('+', "%20");
    let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{kept}") };
    (url, asked)
}

/// Whether every host is this machine: what passes there is not seen elsewhere.
fn is_local(config: &postgres::Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn client(proof: Proof, root: Option<&str>) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    if proof == Proof::Named {
        let roots = Arc::unwrap_or_clone(roots(root)?);
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let signed = match proof {
        Proof::None => None,
        _ => Some(
            WebPkiServerVerifier::builder_with_provider(roots(root)?, Arc::clone(&provider))
                .build()
                .map_err(unusable)?,
        ),
    };
    let verifier = Arc::new(AnyName { signed, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The authorities that are trusted: those of the file, or the public ones.
fn roots(file: Option<&str>) -> Result<Arc<RootCertStore>, StoreError> {
    let mut roots = RootCertStore::empty();
    match file.filter(|path| *path != "system") {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unread = |problem: String| {
                unusable(format!(
                    "sslrootcert {path}: {problem}; it must be a file of PEM certificates"
                ))
            };
            let found = CertificateDer::pem_file_iter(path).map_err(|e| unread(e.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|e| unread(e.to_string()))?;
                roots.add(certificate).map_err(|e| unread(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unread("it has no certificate".to_owned()));
            }
        }
    }
    Ok(Arc::new(roots))
}

/// Takes a certificate for any name: one of a trusted authority, or any at all.
#[derive(Debug)]
struct AnyName {
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        let outcome =
            signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match outcome {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use postgres::config::SslMode;

    use super::target;
    use crate::error::StoreError;

    fn check(url: &str, mode: SslMode, is_encrypted: bool) {
        let target = target(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(target.config.get_ssl_mode(), mode, "{url}");
        assert_eq!(target.tls.is_some(), is_encrypted, "{url}");
    }

    #[test]
    fn the_words_of_libpq_are_understood() {
        check("postgres://u@db.example/x", SslMode::Prefer, true);
        check("postgres://u@db.example/x?sslmode=disable", SslMode::Disable, false);
        check("postgres://u@db.example/x?sslmode=require", SslMode::Require, true);
        check("postgres://u@db.example/x?sslmode=verify-ca", SslMode::Require, true);
        check(
            "postgres://u@db.example/x?sslmode=verify-full&sslrootcert=system",
            SslMode::Require,
            true,
        );
        check("postgres://u@127.0.0.1/x", SslMode::Disable, false);
        check("postgres://u@localhost/x?sslmode=prefer", SslMode::Disable, false);
        check("postgres://u@127.0.0.1/x?sslmode=require", SslMode::Require, true);
    }

    #[test]
    fn other_parameters_stay_with_the_url() {
        let target = target(
            "postgres://u@db/x?options=-c%20search_path%3Da&sslmode=disable&connect_timeout=3",
        );
        let config = target.map(|target| target.config).unwrap_or_default();
        assert_eq!(config.get_options(), Some("-c search_path=a"));
        assert_eq!(config.get_connect_timeout().map(std::time::Duration::as_secs), Some(3));
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        let said = |url: &str| match target(url) {
            Err(StoreError::Unavailable(said)) => said,
            _ => panic!("{url} was taken"),
        };
        let wrong = said("postgres://u:secret@db.example/x?sslmode=full");
        assert!(wrong.contains("sslmode=full is none of") && !wrong.contains("secret"), "{wrong}");
        let missing = said("postgres://u:secret@db/x?sslmode=verify-full&sslrootcert=no/such.pem");
        assert!(missing.contains("sslrootcert no/such.pem"), "{missing}");
        assert!(!missing.contains("secret"), "{missing}");
    }
}
