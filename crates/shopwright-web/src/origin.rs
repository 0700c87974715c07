//! Where a request comes from and where it goes: the client's address, whether it came over TLS, and
//! which names this server answers to.
//!
//! Headers of a proxy count only when the connection comes from an address that is configured to be
//! one: anybody else could write them.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// The address of the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The shop's address as its visitors write it: `https://shop.example`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Whether visitors come over TLS.
    pub is_secure: bool,
    /// Host and, where it is not the scheme's own, port.
    pub authority: String,
}

impl PublicUrl {
    /// Reads `http://…` or `https://…` with a host and nothing behind it but one slash.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_secure, rest) = match text.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        let plain =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
        (!host.is_empty() && authority.bytes().all(plain)).then_some(Self { is_secure, authority })
    }

    /// The address without a slash at its end.
    pub fn text(&self) -> String {
        format!("{}://{}", if self.is_secure { "https" } else { "http" }, self.authority)
    }
}

/// Whom a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's address, behind the trusted proxies.
    pub address: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub is_secure: bool,
}

impl Caller {
    /// Reads it off a request.
    pub fn of(
        peer: IpAddr,
        headers: &HeaderMap,
        public_url: Option<&PublicUrl>,
        proxies: &[IpNet],
    ) -> Self {
        let trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
        let peer = peer.to_canonical();
        let told_secure = trusted(peer)
            && headers
                .get("x-forwarded-proto")
                .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        let is_secure = told_secure || public_url.is_some_and(|url| url.is_secure);
        if !trusted(peer) {
            return Self { address: peer, is_secure };
        }
        // Each proxy appends whom it saw; the last one that is no proxy of ours is the client.
        let hops: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let mut address = peer;
        for hop in hops.into_iter().rev() {
            let Some(hop) = read_hop(hop) else { break };
            address = hop.to_canonical();
            if !trusted(address) {
                break;
            }
        }
        Self { address, is_secure }
    }

    /// What tries to sign in are counted under: the address; of IPv6 the network of one customer.
    pub fn counted_address(&self) -> String {
        self.network(32, 64)
    }

    /// The address as it is kept: truncated, so that it points at no household.
    pub fn kept_address(&self) -> String {
        self.network(24, 48)
    }

    fn network(&self, v4_bits: u8, v6_bits: u8) -> String {
        let bits = if self.address.is_ipv4() { v4_bits } else { v6_bits };
        IpNet::new(self.address, bits).map_or_else(|_| String::new(), |net| net.trunc().to_string())
    }
}

/// An address, with or without a port.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse().ok().map(|full: SocketAddr| full.ip()))
}

/// Whether a form was sent from one of our own pages, as far as the browser says: a browser that
/// says nothing is held to the form's token alone.
pub fn is_own_origin(headers: &HeaderMap, public_url: Option<&PublicUrl>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site_fits =
        text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_fits = text("origin").is_none_or(|origin| {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        text(header::HOST.as_str()).is_some_and(|host| host.eq_ignore_ascii_case(authority))
            || public_url.is_some_and(|url| url.authority.eq_ignore_ascii_case(authority))
    });
    site_fits && origin_fits
}

/// Whether a request names this server by a name it answers to. A page of another site must not
/// reach it under a name of its own (DNS rebinding).
pub fn answers_to(
    headers: &HeaderMap,
    loopback_only: bool,
    public_url: Option<&PublicUrl>,
) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let is_public = public_url.is_some_and(|url| url.authority.eq_ignore_ascii_case(host));
    if loopback_only {
        is_public || names_loopback(host)
    } else {
        public_url.is_none() || is_public
    }
}

fn names_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_servers_own_names_pass_the_host_check() {
        let shop = PublicUrl::parse("https://shop.example").unwrap();
        let check = |host: &str, loopback_only: bool, url: Option<&PublicUrl>, passes: bool| {
            assert_eq!(
                answers_to(&headers(&[("host", host)]), loopback_only, url),
                passes,
                "{host}"
            );
        };
        check("localhost:8080", true, None, true);
        check("LOCALHOST", true, None, true);
        check("127.0.0.1:8080", true, None, true);
        check("[::1]:8080", true, None, true);
        check("evil.example:8080", true, None, false);
        check("127.0.0.1.evil.example", true, None, false);
        check("10.0.0.1", true, None, false);
        // A proxy on the same machine passes the public name on.
        check("Shop.example", true, Some(&shop), true);
        check("evil.example", true, Some(&shop), false);
        check("shop.example", false, Some(&shop), true);
        check("evil.example", false, Some(&shop), false);
        check("localhost", false, Some(&shop), false);
        check("anything.example", false, None, true);
        assert!(answers_to(&HeaderMap::new(), true, None));
    }

    #[test]
    fn a_public_url_has_a_scheme_a_host_and_nothing_more() {
        let check = |text: &str, read: Option<(bool, &str)>| {
            let found = PublicUrl::parse(text);
            assert_eq!(
                found.as_ref().map(|url| (url.is_secure, url.authority.as_str())),
                read,
                "{text}"
            );
        };
        check("https://Shop.Example/", Some((true, "shop.example")));
        check("http://10.0.0.1:8080", Some((false, "10.0.0.1:8080")));
        check("https://[2001:db8::1]:8443", Some((true, "[2001:db8::1]:8443")));
        for wrong in [
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://:80",
            "https://a/b",
            "https://a@b",
            "https://a b",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_proxys_headers_count_only_from_a_trusted_proxy() {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let check = |peer: &str, given: &[(&'static str, &str)], address: &str, secure: bool| {
            let caller = Caller::of(peer.parse().unwrap(), &headers(given), None, &proxies);
            let expected = Caller { address: address.parse().unwrap(), is_secure: secure };
            assert_eq!(caller, expected, "{given:?}");
        };
        let told = [("x-forwarded-proto", "https"), ("x-forwarded-for", "1.2.3.4")];
        check("203.0.113.9", &told, "203.0.113.9", false);
        check("10.0.0.1", &told, "1.2.3.4", true);
        check("::ffff:10.0.0.1", &told, "1.2.3.4", true);
        check("10.0.0.1", &[], "10.0.0.1", false);
        // What the client wrote itself stands before what the proxies saw.
        check("10.0.0.1", &[("x-forwarded-for", "9.9.9.9, 1.2.3.4, 10.0.0.7")], "1.2.3.4", false);
        check("10.0.0.1", &[("x-forwarded-for", "1.2.3.4:4711")], "1.2.3.4", false);
        check("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1", false);
        check("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]")], "2001:db8::1", false);
        check("10.0.0.1", &[("x-forwarded-for", "unknown")], "10.0.0.1", false);
        check("10.0.0.1", &[("x-forwarded-for", "10.0.0.2")], "10.0.0.2", false);
    }

    #[test]
    fn addresses_are_kept_as_networks() {
        let check = |address: &str, counted: &str, kept: &str| {
            let caller = Caller { address: address.parse().unwrap(), is_secure: false };
            assert_eq!(
                (caller.counted_address().as_str(), caller.kept_address().as_str()),
                (counted, kept)
            );
        };
        check("203.0.113.77", "203.0.113.77/32", "203.0.113.0/24");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48");
    }

    #[test]
    fn a_form_from_another_origin_is_told_apart() {
        let shop = PublicUrl::parse("https://shop.example").unwrap();
        let check = |given: &[(&'static str, &str)], own: bool| {
            assert_eq!(is_own_origin(&headers(given), Some(&shop)), own, "{given:?}");
        };
        let host = ("host", "127.0.0.1:8080");
        check(&[host], true);
        check(
            &[host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")],
            true,
        );
        check(&[host, ("origin", "https://shop.example")], true);
        check(&[host, ("origin", "https://evil.example")], false);
        check(&[host, ("origin", "http://127.0.0.1:9090")], false);
        check(&[host, ("origin", "null")], false);
        check(&[host, ("sec-fetch-site", "cross-site")], false);
        check(&[host, ("sec-fetch-site", "same-site")], false);
    }
}
