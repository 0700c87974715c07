//! HTTPS: the certificate must be for the name of the URL, whatever address that has.

use std::sync::Arc;

use shopwright_gateways::allowed::parse_list;
use shopwright_gateways::guard::{FetchError, Guard};
use shopwright_gateways::resolver::{Resolver, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use crate::fetch;

/// Made for `hooks.example` alone.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
const KEY: &[u8] = include_bytes!("key.der");

async fn serve() -> u16 {
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivateKeyDer::try_from(KEY).unwrap(),
        )
        .unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let name = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_name_of_the_url_is_taken() {
    let port = serve().await;
    let local = || vec!["127.0.0.1".parse().unwrap()];
    let names = || {
        Resolver::Script(Script::new([
            ("hooks.example", vec![local()]),
            ("other.example", vec![local()]),
        ]))
    };
    let allowed = || parse_list("127.0.0.1").unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    let trusting = Guard::with_roots(allowed(), names(), roots);
    let answer = fetch(&trusting, &format!("https://hooks.example:{port}/")).await.unwrap();
    assert_eq!(answer.body, b"hooks.example", "the server was asked for by its name");
    for (guard, host) in [
        (&trusting, "other.example"),
        (&trusting, "127.0.0.1"),
        (&Guard::new(allowed(), names()), "hooks.example"),
    ] {
        let refused = fetch(guard, &format!("https://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unreachable { .. }), "{host}: {refused:?}");
    }
}
