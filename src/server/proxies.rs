//! Who a request comes from: the other end of its connection or, where that is a proxy of `trusted_proxies`, who the proxies say
//! it is. What a client writes into these headers itself counts for nothing: they are read from the end that the nearest proxy
//! wrote, and only as long as whoever wrote an entry is trusted.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header::FORWARDED};

use crate::config::Network;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are believed.
#[derive(Debug)]
pub(super) struct Proxies(Vec<Network>);

impl Proxies {
    /// Those of `trusted_proxies`.
    pub(super) fn new(networks: &[Network]) -> Self {
        Proxies(networks.to_vec())
    }

    /// The address of the client of a request that came over a connection from `peer`.
    ///
    /// Where something on the way cannot be read, or two headers tell two stories, it is that of the last one who is known: a client
    /// that confuses its proxy counts as the proxy, and not as somebody else.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let (forwarded, plain) = (lines(headers, FORWARDED.as_str()), lines(headers, X_FORWARDED_FOR));
        let behind = |entries: Vec<Option<IpAddr>>| self.first_stranger(peer, entries);
        match (forwarded, plain) {
            (None, None) => peer,
            (Some(forwarded), None) => behind(of_forwarded(&forwarded)),
            (None, Some(plain)) => behind(of_list(&plain)),
            // A proxy that writes one of them passes the other on as the client sent it.
            (Some(forwarded), Some(plain)) => {
                let told = behind(of_forwarded(&forwarded));
                if told == behind(of_list(&plain)) { told } else { peer }
            }
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }

    /// From the last entry on, the first address that is no trusted proxy's; each entry was written by the one after it.
    fn first_stranger(&self, peer: IpAddr, entries: Vec<Option<IpAddr>>) -> IpAddr {
        let mut known = peer;
        for entry in entries.into_iter().rev() {
            let Some(address) = entry else { return known };
            known = address;
            if !self.trusts(known) {
                break;
            }
        }
        known
    }
}

/// All lines of a header as one; none where there is none. A line that is no text is an entry that cannot be read.
fn lines(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("unreadable")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The entries of `X-Forwarded-For`; none for what is no address.
fn of_list(text: &str) -> Vec<Option<IpAddr>> {
    text.split(',').map(|entry| address(entry.trim())).collect()
}

/// The `for` of each element of `Forwarded` (RFC 7239); none where an element has none that is an address.
fn of_forwarded(text: &str) -> Vec<Option<IpAddr>> {
    split(text, ',')
        .into_iter()
        .map(|element| {
            let pairs = split(element, ';');
            let mut of = pairs.iter().filter_map(|pair| pair.split_once('='));
            let (_, node) = of.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
            let node = node.trim();
            address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
        })
        .collect()
}

/// What stands between separators that are not in quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |letter: char| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && letter == '\\' && !was_escaped;
        if letter == '"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        letter == separator && !is_quoted
    });
    parts.collect()
}

/// An address, with a port or without: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        Proxies::new(&trusted).client(peer.parse().expect("an address"), &map).to_string()
    }

    #[test]
    fn a_trusted_proxy_says_who_the_client_is() {
        for (headers, expected) in [
            (vec![("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            (vec![("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
            (vec![("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (vec![("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1"),
            (vec![("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1"),
            (vec![("forwarded", "for=192.0.2.1")], "192.0.2.1"),
            (vec![("forwarded", "proto=https; FOR=\"192.0.2.1:80\";by=10.0.0.1")], "192.0.2.1"),
            (vec![("forwarded", "for=\"[2001:db8:cafe::17]:4711\"")], "2001:db8:cafe::17"),
            (vec![("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")], "192.0.2.1"),
            // Several proxies, on one line or several.
            (vec![("x-forwarded-for", "192.0.2.1, 10.0.0.7,10.0.0.8")], "192.0.2.1"),
            (vec![("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.7")], "192.0.2.1"),
            (vec![("forwarded", "for=192.0.2.1, for=\"[fd00::7]\"")], "192.0.2.1"),
            // Within the trusted network nobody is a stranger: the farthest is the client.
            (vec![("x-forwarded-for", "10.0.0.7")], "10.0.0.7"),
            (vec![], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_a_client_writes_itself_counts_for_nothing() {
        for (headers, expected) in [
            // The proxy appended who it was from.
            (vec![("x-forwarded-for", "127.0.0.1, 192.0.2.66")], "192.0.2.66"),
            (vec![("x-forwarded-for", "10.0.0.9, 192.0.2.66, 10.0.0.7")], "192.0.2.66"),
            (vec![("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.66")], "192.0.2.66"),
            (vec![("forwarded", "for=127.0.0.1, for=192.0.2.66")], "192.0.2.66"),
            // A quote that is not closed takes the proxy's entry in: then nothing is known.
            (vec![("forwarded", "for=\"127.0.0.1, for=192.0.2.66")], "10.0.0.1"),
            (vec![("forwarded", "for=\"x\\\", for=192.0.2.66")], "10.0.0.1"),
            // One header is the client's, the other the proxy's.
            (vec![("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "192.0.2.66")], "10.0.0.1"),
            (vec![("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=192.0.2.66")], "10.0.0.1"),
            // Beyond what cannot be read there is nothing to be known.
            (vec![("x-forwarded-for", "192.0.2.1, unknown")], "10.0.0.1"),
            (vec![("x-forwarded-for", "192.0.2.1, nonsense, 10.0.0.7")], "10.0.0.7"),
            (vec![("forwarded", "for=_hidden")], "10.0.0.1"),
            (vec![("forwarded", "proto=https")], "10.0.0.1"),
            (vec![("x-forwarded-for", "")], "10.0.0.1"),
            (vec![("x-forwarded-for", "192.0.2.1,")], "10.0.0.1"),
            (vec![("x-forwarded-for", "\u{e9}")], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &headers), expected, "{headers:?}");
        }
        // Nobody else is believed.
        assert_eq!(client("192.0.2.66", &[("x-forwarded-for", "127.0.0.1")]), "192.0.2.66");
        assert_eq!(client("::ffff:192.0.2.66", &[("forwarded", "for=127.0.0.1")]), "192.0.2.66");
    }
}
