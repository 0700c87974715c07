//! What the operator lets us reach although it is inside: networks and names, from configuration.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Every address of a network, or one address.
    Net(IpNet),
    /// A host name, whatever it resolves to.
    Host(String),
}

/// A text that is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a network like 10.0.0.0/8, an address, nor a host name")]
pub struct AllowedError(pub String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        let label = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        // A last label of digits is an address in another spelling.
        let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let holds = text.split('.').all(label) && !text.rsplit('.').next().is_none_or(numeric);
        holds
            .then(|| Self::Host(text.to_ascii_lowercase()))
            .ok_or_else(|| AllowedError(text.to_owned()))
    }
}

/// Reads a list with commas between its entries; an empty one allows nothing.
pub fn parse_list(text: &str) -> Result<Vec<Allowed>, AllowedError> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
}

impl Allowed {
    /// Whether it lets `host` at `address` through.
    pub fn lets(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Net(net) => net.contains(&address.to_canonical()),
            Self::Host(name) => name.eq_ignore_ascii_case(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_networks_addresses_or_names() {
        let check = |entry: &str, host: &str, address: &str, lets: bool| {
            let allowed: Allowed = entry.parse().unwrap();
            assert_eq!(
                allowed.lets(host, address.parse().unwrap()),
                lets,
                "{entry} {host} {address}"
            );
        };
        check("10.0.0.0/8", "a", "10.1.2.3", true);
        check("10.0.0.0/8", "a", "::ffff:10.1.2.3", true);
        check("10.0.0.0/8", "a", "11.1.2.3", false);
        check("127.0.0.1", "a", "127.0.0.1", true);
        check("127.0.0.1", "a", "127.0.0.2", false);
        check("::1", "a", "::1", true);
        check("fd00::/8", "a", "fd12::1", true);
        check("Hooks.internal", "hooks.INTERNAL", "10.0.0.1", true);
        check("hooks.internal", "a.hooks.internal", "10.0.0.1", false);
        for wrong in ["10.0.0.0/33", "http://a", "a b", "*", "127.1", "-", "a..b", "2130706433"] {
            let is_name = wrong == "-";
            assert_eq!(wrong.parse::<Allowed>().is_ok(), is_name, "{wrong}");
        }
        assert_eq!(parse_list(" , ").unwrap(), []);
        assert_eq!(parse_list("10.0.0.0/8, hooks").unwrap().len(), 2);
        assert!(parse_list("10.0.0.0/8;hooks").is_err());
    }
}
