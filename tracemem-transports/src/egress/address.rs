//! Which addresses lead to the public internet.
//!
//! The ranges are those of the IANA special-purpose registries (RFC 6890 and its successors) that are not globally reachable, with
//! multicast, and with every form of IPv6 that carries an IPv4 address in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

const FORBIDDEN_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),       // "this network"
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // carrier-grade NAT
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link-local, with the metadata services of clouds
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // 6to4 relays
    v4(192, 168, 0, 16),  // private
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, with the broadcast address
];

const FORBIDDEN_V6: [Ipv6Net; 10] = [
    v6(0, 0, 8),       // loopback, unspecified, mapped, compatible, translated, local NAT64
    v6(0x0100, 0, 64), // discard
    v6(0x2001, 0, 23), // protocol assignments, with Teredo
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16), // 6to4
    v6(0x3fff, 0, 20), // documentation
    v6(0x5f00, 0, 16), // segment routing
    v6(0xfc00, 0, 7),  // unique local
    v6(0xfe80, 0, 9),  // link-local and site-local
    v6(0xff00, 0, 8),  // multicast
];

/// The anycast addresses of PCP, TURN and DNS-SD: globally reachable, though in a range that is not.
const ANYCAST: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 3),
];

/// The well-known prefix of NAT64 (RFC 6052).
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

const METADATA_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The address to judge in the place of this one: what NAT64 carries is reached as IPv4.
pub(super) fn reached(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if NAT64.contains(&address) => low(address).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// Whether this leads to the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match reached(address) {
        IpAddr::V4(address) => !FORBIDDEN_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => {
            let forbidden = FORBIDDEN_V6.iter().any(|range| range.contains(&address));
            ANYCAST.contains(&address) || !forbidden
        }
    }
}

/// Whether this is where clouds hand out the credentials of a machine: `169.254.169.254`, in whatever form IPv6 carries it, and
/// `fd00:ec2::254`.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == METADATA_V4,
        IpAddr::V6(address) => {
            address == METADATA_V6
                || low(address) == METADATA_V4
                || six_to_four(address) == METADATA_V4
        }
    }
}

/// The last 32 bits, where mapped, compatible, translated and ISATAP addresses have an IPv4 address.
fn low(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// Where 6to4 has it.
fn six_to_four(address: Ipv6Addr) -> Ipv4Addr {
    let [_, _, a, b, c, d, ..] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}
