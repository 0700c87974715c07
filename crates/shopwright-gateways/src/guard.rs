//! The one way out to addresses that somebody else names: webhooks, competitor pages, shop APIs.
//!
//! A URL is parsed as browsers do (so `0x7f.1` is 127.0.0.1), its name resolved, every address
//! judged, and the connection made to exactly the address that was judged: a name that changes its
//! mind in between changes nothing. Redirects are answers like any other. No proxy is used. Each call
//! begins anew, so a retry is judged anew.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
pub use hyper::Method;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use url::{Host, Url};

use crate::address::inside;
use crate::allowed::Allowed;
use crate::resolver::Resolver;

/// Characters of a URL.
pub const URL_CHARS_MAX: usize = 2_000;
/// Addresses of one name that are tried.
const ADDRESSES_TRIED_MAX: usize = 3;
const AGENT: &str = concat!("Shopwright/", env!("CARGO_PKG_VERSION"));

/// Why a call was not made or has no answer. Messages name no secret: they end in logs and lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL cannot be used.
    #[error("{0}")]
    BadUrl(String),
    /// It leads inside.
    #[error(
        "{host} is {address}, which is a {class} address; add it to outbound_allow if it is meant"
    )]
    Refused {
        /// The host of the URL.
        host: String,
        /// Where it leads.
        address: IpAddr,
        /// What kind of address that is.
        class: &'static str,
    },
    /// The name has no address.
    #[error("{host} cannot be resolved: {reason}")]
    Unresolved {
        /// The host of the URL.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody answers there, or not over TLS.
    #[error("cannot connect to {host}: {reason}")]
    Unreachable {
        /// The host of the URL.
        host: String,
        /// What failed.
        reason: String,
    },
    /// It took too long.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    /// The connection broke, or what came back is not HTTP.
    #[error("the exchange broke off: {0}")]
    Broken(String),
}

impl FetchError {
    /// Whether the URL itself is at fault, so that trying again is in vain until somebody changes it
    /// or what it resolves to.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::BadUrl(_) | Self::Refused { .. })
    }
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: &'a str,
    /// Headers beside `Host`, `User-Agent` and `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// From resolving to the last byte of the answer.
    pub time_max: Duration,
    /// Bytes of the answer that are read; the rest is cut.
    pub answer_bytes_max: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or its first bytes.
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub cut: bool,
    /// The address that was reached.
    pub address: SocketAddr,
}

/// The guarded way out.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<[Allowed]>,
    resolver: Arc<Resolver>,
    tls: TlsConnector,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Guard {
    /// Lets out to the public internet, and to what is allowed by name. TLS certificates must lead to
    /// a root of the Mozilla programme.
    pub fn new(allowed: Vec<Allowed>, resolver: Resolver) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self::with_roots(allowed, resolver, roots)
    }

    /// The same with certificates of one's own.
    pub fn with_roots(allowed: Vec<Allowed>, resolver: Resolver, roots: RootCertStore) -> Self {
        let provider = Arc::new(crypto::ring::default_provider());
        let versions =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let Ok(versions) = versions else { unreachable!("ring speaks the default versions") };
        let config = versions.with_root_certificates(roots).with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Self { allowed: allowed.into(), resolver: Arc::new(resolver), tls }
    }

    /// Reads a URL as [`Guard::fetch`] will and judges it as far as that goes without resolving a
    /// name: for the moment somebody enters it.
    pub fn check_url(&self, text: &str) -> Result<Url, FetchError> {
        let url = read_url(text)?;
        if let Some(address) = literal(&url) {
            self.judge(url.host_str().unwrap_or_default(), address)?;
        }
        Ok(url)
    }

    /// Makes the call. Any status is an answer.
    pub async fn fetch(&self, call: Call<'_>) -> Result<Answer, FetchError> {
        let time_max = call.time_max;
        tokio::time::timeout(time_max, self.fetch_in_time(call))
            .await
            .unwrap_or(Err(FetchError::TimedOut(time_max)))
    }

    async fn fetch_in_time(&self, call: Call<'_>) -> Result<Answer, FetchError> {
        let url = read_url(call.url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let addresses = self.addresses(&url, &host).await?;
        let (stream, address) = connect(&host, &addresses).await?;
        let request = request_of(&url, &call)?;
        if url.scheme() == "http" {
            return exchange(stream, request, call.answer_bytes_max, address).await;
        }
        let unreachable = |reason: String| FetchError::Unreachable { host: host.clone(), reason };
        // The name of the certificate is the name of the URL, whatever address it has.
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| unreachable(error.to_string()))?;
        let stream =
            self.tls.connect(name, stream).await.map_err(|error| unreachable(error.to_string()))?;
        exchange(stream, request, call.answer_bytes_max, address).await
    }

    /// Every address of the host, all of them judged: one that leads inside spoils the others.
    async fn addresses(&self, url: &Url, host: &str) -> Result<Vec<SocketAddr>, FetchError> {
        let found = match literal(url) {
            Some(address) => vec![address],
            None => self.resolver.resolve(host).await.map_err(|error| FetchError::Unresolved {
                host: host.to_owned(),
                reason: error.to_string(),
            })?,
        };
        if found.is_empty() {
            let reason = "it has no address".to_owned();
            return Err(FetchError::Unresolved { host: host.to_owned(), reason });
        }
        let port = url.port_or_known_default().unwrap_or(443);
        found
            .into_iter()
            .map(|address| self.judge(host, address).map(|()| SocketAddr::new(address, port)))
            .collect()
    }

    fn judge(&self, host: &str, address: IpAddr) -> Result<(), FetchError> {
        match inside(address) {
            Some(class) if !self.allowed.iter().any(|entry| entry.lets(host, address)) => {
                Err(FetchError::Refused { host: host.to_owned(), address, class: class.as_str() })
            }
            _ => Ok(()),
        }
    }
}

fn read_url(text: &str) -> Result<Url, FetchError> {
    let bad = |why: &str| FetchError::BadUrl(why.to_owned());
    if text.chars().count() > URL_CHARS_MAX {
        return Err(bad("the URL has more than 2000 characters"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(bad("the URL has blanks or control characters in it"));
    }
    let url = Url::parse(text)
        .map_err(|error| FetchError::BadUrl(format!("the URL cannot be read: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(bad("the URL must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("the URL must not carry a user name or password"));
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return Err(bad("the URL must name a host, and a port other than 0 if it names one"));
    }
    Ok(url)
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

async fn connect(
    host: &str,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), FetchError> {
    let mut reason = String::new();
    for address in addresses.iter().take(ADDRESSES_TRIED_MAX) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, *address)),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(FetchError::Unreachable { host: host.to_owned(), reason })
}

fn request_of(url: &Url, call: &Call<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let bad =
        |error: &dyn std::fmt::Display| FetchError::BadUrl(format!("the call is no HTTP: {error}"));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(target)
        .header(USER_AGENT, AGENT)
        .header(HOST, HeaderValue::from_str(host).map_err(|error| bad(&error))?);
    for (name, value) in &call.headers {
        let value = HeaderValue::from_str(value).map_err(|error| bad(&error))?;
        request = request.header(HeaderName::from_static(name), value);
    }
    request.body(Full::new(Bytes::from(call.body.clone()))).map_err(|error| bad(&error))
}

/// Ends the connection's task with the exchange, whatever becomes of that.
struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
    address: SocketAddr,
) -> Result<Answer, FetchError> {
    let broken = |error: hyper::Error| FetchError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let _ended = Ended(tokio::spawn(async move {
        // How it ends shows in the exchange.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(broken)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, cut) = read_body(response, bytes_max).await?;
    Ok(Answer { status, headers, body, cut, address })
}

async fn read_body(
    mut response: Response<Incoming>,
    bytes_max: usize,
) -> Result<(Vec<u8>, bool), FetchError> {
    let mut body = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| FetchError::Broken(error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        let room = bytes_max - body.len();
        if data.len() > room {
            body.extend_from_slice(&data[..room]);
            return Ok((body, true));
        }
        body.extend_from_slice(data);
    }
    Ok((body, false))
}
