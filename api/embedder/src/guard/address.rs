//! Which addresses are open to the public. What is not plainly so is refused. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks that are not: IANA's special-purpose registry, and one that clouds use for their own.
const CLOSED_V4: [([u8; 4], u32); 18] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local: cloud metadata is at 169.254.169.254.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    // IETF protocols: Oracle's metadata is at 192.0.0.192.
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
    // Azure's own services, on an address that looks public.
    ([168, 63, 129, 16], 32),
];

/// Inside 2000::/3, what is not open to the public; everything outside of it is closed: loopback, mapped and
/// compatible IPv4, NAT64, unique-local, link-local, site-local, multicast.
const CLOSED_V6: [(u128, u32); 4] = [
    // IETF protocols: Teredo, ORCHID, benchmarking.
    (0x2001_0000 << 96, 23),
    // Documentation.
    (0x2001_0db8 << 96, 32),
    (0x3fff_0000 << 96, 20),
    // 6to4: carries an IPv4 address that routers unpack.
    (0x2002_0000 << 96, 16),
];

/// Whether a connection to the address leaves for the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !CLOSED_V4.iter().any(|(network, length)| {
        let shift = 32 - length;
        bits >> shift == Ipv4Addr::from(*network).to_bits() >> shift
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let is_global_unicast = bits >> 125 == 1;
    is_global_unicast && !CLOSED_V6.iter().any(|(network, length)| bits >> (128 - length) == network >> (128 - length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plainly_public_is_open() {
        let open =
            ["8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "198.17.0.1"]
                .into_iter()
                .chain(["2606:4700::1111", "2a00:1450:4001:800::200e", "2001:4860:4860::8888", "2003::1"]);
        for address in open {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        let closed =
            ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1"]
                .into_iter()
                .chain([
                    "127.255.255.254",
                    "169.254.169.254",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.0.0.192",
                    "192.0.2.1",
                ])
                .chain(["192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"])
                .chain(["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"])
                .chain([
                    "::",
                    "::1",
                    "::ffff:127.0.0.1",
                    "::ffff:8.8.8.8",
                    "::127.0.0.1",
                    "64:ff9b::7f00:1",
                    "64:ff9b:1::1",
                ])
                .chain(["100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:10::1"])
                .chain([
                    "2001:20::1",
                    "2001:db8::1",
                    "2002:7f00:1::",
                    "2002:a9fe:a9fe::1",
                    "3fff::1",
                    "4000::1",
                    "5f00::1",
                ]);
        for address in closed {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
    }
}
