//! Networks by their addresses: `10.0.0.0/8`, `::1`. Not for who is in one, which the edge asks.

use std::{net::IpAddr, str::FromStr};

use super::keys::Form;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its first address; never one of IPv4 in the clothes of IPv6.
    address: IpAddr,
    /// How many bits they have in common.
    bits: u8,
}

impl Network {
    /// Whether an address is one of these.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    /// An address, or one with the number of bits that count. Bits beyond those must not be set: who writes `10.1.2.3/8` means
    /// something else than it says.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(drop)?;
        if address != address.to_canonical() {
            return Err(());
        }
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_plain = |bits: &&str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => Some(bits).filter(is_plain).and_then(|bits| bits.parse().ok()).ok_or(())?,
        };
        let network = Network { address, bits };
        let beyond = match address {
            IpAddr::V4(address) => u128::from(address.to_bits().checked_shl(u32::from(bits)).unwrap_or(0)),
            IpAddr::V6(address) => address.to_bits().checked_shl(u32::from(bits)).unwrap_or(0),
        };
        if bits > most || beyond != 0 { Err(()) } else { Ok(network) }
    }
}

pub(super) const NETWORK: Form = Form {
    expected: "an address or a network such as `10.0.0.0/8` or `fd00::/8`",
    pattern: "[0-9A-Fa-f:.]+(/[0-9]{1,3})?",
    integers: None,
    holds: |text| text.parse::<Network>().is_ok(),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "::2"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            let known: Network = network.parse().expect("a network");
            assert!(known.has(inside.parse().expect("an address")), "{inside} in {network}");
            assert!(!known.has(outside.parse().expect("an address")), "{outside} in {network}");
        }
    }

    #[test]
    fn what_says_two_things_is_no_network() {
        for text in [
            "",
            "10",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.1.0.0/8",
            "::1/64",
            "::ffff:10.0.0.1",
            "a",
        ] {
            assert_eq!(text.parse::<Network>(), Err(()), "{text}");
        }
    }
}
