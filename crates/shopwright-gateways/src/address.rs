//! Which addresses belong to the public internet. Everything else is somebody's inside, and a URL
//! from outside must not reach it.
//!
//! The ranges are those of the IANA special-purpose address registries (RFC 6890 and its updates).
//! IPv6 forms that carry an IPv4 address are judged by that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// `0.0.0.0/8`, `::`.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918, and `fec0::/10`.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`: cloud metadata lives here.
    LinkLocal,
    /// `fc00::/7`.
    UniqueLocal,
    /// `100.64.0.0/10`: carrier-grade NAT.
    CarrierNat,
    /// `224.0.0.0/4`, `ff00::/8`, and broadcast.
    Multicast,
    /// Examples in documents.
    Documentation,
    /// Reserved, benchmarking, or a tunnel whose far end cannot be judged.
    Reserved,
}

impl Inside {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::UniqueLocal => "unique-local",
            Self::CarrierNat => "carrier NAT",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
        }
    }
}

/// Why `address` is not on the public internet; `None` when it is.
pub fn inside(address: IpAddr) -> Option<Inside> {
    match address {
        IpAddr::V4(v4) => inside_v4(v4),
        IpAddr::V6(v6) => inside_v6(v6),
    }
}

fn inside_v4(address: Ipv4Addr) -> Option<Inside> {
    Some(match address.octets() {
        [0, ..] => Inside::Unspecified,
        [127, ..] => Inside::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Inside::Private,
        [169, 254, ..] => Inside::LinkLocal,
        [100, 64..=127, ..] => Inside::CarrierNat,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Inside::Documentation,
        [224..=239, ..] | [255, 255, 255, 255] => Inside::Multicast,
        // Protocol assignments, the old 6to4 relays, benchmarking, class E.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => {
            Inside::Reserved
        }
        _ => return None,
    })
}

fn inside_v6(address: Ipv6Addr) -> Option<Inside> {
    let parts = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        inside_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Inside::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Inside::Loopback),
        // Mapped (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        [0xfe80..=0xfebf, ..] => Some(Inside::LinkLocal),
        [0xfec0..=0xfeff, ..] => Some(Inside::Private),
        [0xfc00..=0xfdff, ..] => Some(Inside::UniqueLocal),
        [0xff00..=0xffff, ..] => Some(Inside::Multicast),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(Inside::Documentation),
        // Protocol assignments: Teredo, benchmarking, ORCHID.
        [0x2001, 0..=0x1ff, ..] => Some(Inside::Reserved),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Inside::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_special_range_is_inside_and_its_neighbours_are_not() {
        let check = |address: &str, expected: Option<Inside>| {
            assert_eq!(inside(address.parse().unwrap()), expected, "{address}");
        };
        for (address, why) in [
            ("0.0.0.0", Inside::Unspecified),
            ("0.255.255.255", Inside::Unspecified),
            ("127.0.0.1", Inside::Loopback),
            ("127.255.255.254", Inside::Loopback),
            ("10.0.0.0", Inside::Private),
            ("10.255.255.255", Inside::Private),
            ("172.16.0.1", Inside::Private),
            ("172.31.255.255", Inside::Private),
            ("192.168.0.1", Inside::Private),
            ("169.254.169.254", Inside::LinkLocal),
            ("100.64.0.1", Inside::CarrierNat),
            ("100.127.255.255", Inside::CarrierNat),
            ("192.0.2.1", Inside::Documentation),
            ("198.51.100.7", Inside::Documentation),
            ("203.0.113.255", Inside::Documentation),
            ("224.0.0.1", Inside::Multicast),
            ("239.255.255.255", Inside::Multicast),
            ("255.255.255.255", Inside::Multicast),
            ("192.0.0.8", Inside::Reserved),
            ("192.88.99.1", Inside::Reserved),
            ("198.18.0.1", Inside::Reserved),
            ("198.19.255.255", Inside::Reserved),
            ("240.0.0.1", Inside::Reserved),
            ("::", Inside::Unspecified),
            ("::1", Inside::Loopback),
            ("::ffff:127.0.0.1", Inside::Loopback),
            ("::ffff:10.1.2.3", Inside::Private),
            ("64:ff9b::169.254.169.254", Inside::LinkLocal),
            ("64:ff9b:1::1", Inside::Reserved),
            ("2002:7f00:1::1", Inside::Loopback),
            ("2002:c0a8:101::", Inside::Private),
            ("::127.0.0.1", Inside::Reserved),
            ("fe80::1", Inside::LinkLocal),
            ("fec0::1", Inside::Private),
            ("fc00::1", Inside::UniqueLocal),
            ("fdff::1", Inside::UniqueLocal),
            ("ff02::1", Inside::Multicast),
            ("2001:db8::1", Inside::Documentation),
            ("3fff:fff::1", Inside::Documentation),
            ("2001::1", Inside::Reserved),
            ("2001:2::1", Inside::Reserved),
            ("2001:10::1", Inside::Reserved),
            ("100::1", Inside::Reserved),
            ("4000::1", Inside::Reserved),
            ("5f00::1", Inside::Reserved),
        ] {
            check(address, Some(why));
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
            "64:ff9b::8.8.8.8",
            "2002:808:808::",
            "2001:200::1",
        ] {
            check(public, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn a_carried_address_is_judged_like_the_address_itself(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let direct = inside(v4.into());
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for carried in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(inside(carried.into()), direct, "{}", carried);
            }
        }
    }
}
