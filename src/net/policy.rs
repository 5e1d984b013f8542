//! Which addresses may be reached. Pure rules on addresses: no names, no sockets.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Who chose the address of a request, and so how far it may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A reader or a document chose it: only addresses of the public internet, at every hop.
    Public,
    /// The same, and the ranges that the administrator allows. Redirects are not followed but told, so that whoever asked
    /// knows where it has come.
    Visiting(Arc<[IpNet]>),
    /// The administrator named the endpoint in the settings: loopback and private addresses are allowed, but a
    /// redirect to another origin is not followed.
    Configured,
}

impl Policy {
    /// Whether a connection to `address` may be opened.
    pub fn allows(&self, address: IpAddr) -> bool {
        match self {
            Policy::Configured => true,
            Policy::Public => is_public(address),
            Policy::Visiting(ranges) => is_public(address) || is_within(address, ranges),
        }
    }
}

/// Whether one of `ranges` holds `address`, or the IPv4 address that it leads to.
fn is_within(address: IpAddr, ranges: &[IpNet]) -> bool {
    let inner = match address {
        IpAddr::V6(v6) => embedded_v4(v6).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    // Where there is an inner address it alone counts: a range of IPv6 is not meant to open what lies behind.
    ranges.iter().any(|range| range.contains(&inner.unwrap_or(address)))
}

/// Whether `address` belongs to the public internet, by the special-purpose registries of IANA (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127, ..) => true,                  // this network, private, loopback
        (100, 64..=127, _) => true,                  // shared by carriers (CGNAT), where clouds keep metadata too
        (169, 254, _) => true,                       // link-local, and the metadata service of most clouds
        (172, 16..=31, _) => true,                   // private
        (192, 0, 0 | 2) => true,                     // protocol assignments, documentation
        (192, 88, 99) => true,                       // 6to4 relays
        (192, 168, _) => true,                       // private
        (198, 18 | 19, _) => true,                   // benchmarks
        (198, 51, 100) => true,                      // documentation
        (203, 0, 113) => true,                       // documentation
        (224.., ..) => true,                         // multicast, reserved, broadcast
        (168, 63, 129) => address.octets()[3] == 16, // Azure's host
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = embedded_v4(address) {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    // Only 2000::/3 is given out as global unicast; what is special inside it stands below.
    let global = segments[0] & 0xe000 == 0x2000;
    let special = match (segments[0], segments[1]) {
        (0x2001, second) if second < 0x0200 => true, // protocol assignments, Teredo among them
        (0x2001, 0x0db8) => true,                    // documentation
        (0x3fff, second) if second < 0x1000 => true, // documentation
        _ => false,
    };
    global && !special
}

/// The IPv4 address that a mapped, compatible, translated (NAT64) or 6to4 address leads to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => Some(join(high, low)),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;
    use std::net::IpAddr;

    fn check(address: &str, public: bool) {
        let parsed: IpAddr = address.parse().expect("a test address parses");
        assert_eq!(Policy::Public.allows(parsed), public, "{address}");
        assert!(Policy::Configured.allows(parsed), "{address}");
    }

    #[test]
    fn a_public_request_reaches_only_public_addresses() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            check(address, false);
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "168.63.129.17",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "2606:4700::1111",
            "2a01:e0a::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860::8888",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn allowed_ranges_open_what_they_hold_and_nothing_else() {
        let ranges =
            ["127.0.0.0/8", "10.1.0.0/16", "fd12::/16"].map(|range| range.parse().expect("a test range parses"));
        let policy = Policy::Visiting(ranges.into());
        let cases = [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("64:ff9b::a01:203", true),
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("169.254.169.254", false),
            ("::ffff:10.2.0.1", false),
            ("::1", false),
            ("fd12::1", true),
            ("fd13::1", false),
            ("8.8.8.8", true),
        ];
        for (address, allowed) in cases {
            let parsed: IpAddr = address.parse().expect("a test address parses");
            assert_eq!(policy.allows(parsed), allowed, "{address}");
        }
        let wide = Policy::Visiting(["::/0".parse().expect("a test range parses")].into());
        assert!(!wide.allows("::ffff:169.254.169.254".parse().expect("a test address parses")));
    }
}
