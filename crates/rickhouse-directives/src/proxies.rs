//! `WSGITrustedProxyHeaders` and `WSGITrustedProxies` as they are written (DD §2.5). `trusted_proxy` applies them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::rejected::Rejected;
use crate::trusted_proxy::{self, Category};
use crate::words::Words;

/// A header of `WSGITrustedProxyHeaders` that has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its name in the environ.
    pub variable: &'static str,
    /// What it speaks of.
    pub category: Category,
}

/// Reads the headers of one directive. Names that mean nothing (DD §5.8) are left out.
///
/// # Errors
/// For a name that no request header can have, which would never match (DD §14, row 46).
pub fn parse_headers(line: &[u8]) -> Result<Vec<ProxyHeader>, Rejected> {
    let mut headers = Vec::new();
    for name in Words::new(line) {
        let is_clean = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        if name.is_empty() || !name.iter().all(is_clean) {
            return Err(
                format!("Invalid name \"{name}\" of trusted proxy header, only letters, digits and '-' are allowed.").into(),
            );
        }
        headers.extend(trusted_proxy::header_of(&name));
    }
    Ok(headers)
}

/// The networks of `WSGITrustedProxies`. Where there are none, nobody is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedNetworks(Vec<IpNet>);

impl TrustedNetworks {
    /// Reads the networks of one directive.
    ///
    /// # Errors
    /// For the first that is none.
    pub fn parse(line: &[u8]) -> Result<Self, Rejected> {
        let networks = Words::new(line).map(|token| {
            parse_network(&token).ok_or_else(|| {
                let reason = what_is_wrong(&token);
                format!("Unable to parse trusted proxy IP address/subnet of \"{token}\".{reason}")
            })
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }

    /// Adds those of a directive further down in the same scope.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether a peer is trusted. An IPv4-mapped IPv6 address is the IPv4 address it holds.
    pub fn contain(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

/// What is behind the complaint about something that is at least written like an address.
fn what_is_wrong(token: &[u8]) -> &'static str {
    let has_colons = token.contains(&b':');
    let may_be_there = |byte: &u8| match byte {
        b'0'..=b'9' | b'.' | b'/' => true,
        b':' | b'a'..=b'f' | b'A'..=b'F' => has_colons,
        _ => false,
    };
    if token.is_empty() || !token.iter().all(may_be_there) {
        return "";
    }
    let address = token.split(|byte| *byte == b'/').next();
    if address.and_then(parse_network).is_some() {
        " The specified network mask is invalid."
    } else {
        " The specified IP address is invalid."
    }
}

/// An address, an address with a prefix length or netmask, or the first numbers of an IPv4 address, which stand for all that begin so.
fn parse_network(token: &[u8]) -> Option<IpNet> {
    let text = std::str::from_utf8(token).ok()?;
    let Some((address, mask)) = text.split_once('/') else {
        return match text.parse::<IpAddr>() {
            Ok(address) => Some(address.to_canonical().into()),
            Err(_) => partial_ipv4(text).map(IpNet::V4),
        };
    };
    let address = match address.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => partial_ipv4(address)?.addr().into(),
    };
    let length = match mask.parse::<Ipv4Addr>() {
        Ok(mask) if address.is_ipv4() => ipnet::ip_mask_to_prefix(mask.into()).ok()?,
        Ok(_) => return None,
        Err(_) if mask.starts_with('+') => return None,
        Err(_) => mask.parse().ok()?,
    };
    let network = IpNet::new(address, length).ok()?.trunc();
    Some(canonical(network))
}

/// `::ffff:10.0.0.0/104` as `10.0.0.0/8`: peers are compared in that form.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(v4), Some(length)) => Ipv4Net::new(v4, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// `10`, `10.1`, `10.1.2`, with or without a dot at the end.
fn partial_ipv4(text: &str) -> Option<Ipv4Net> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut bytes = [0; 4];
    let mut count = 0;
    for number in text.split('.') {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        *bytes[..3].get_mut(count)? = is_number.then(|| number.parse().ok())??;
        count += 1;
    }
    let length = u8::try_from(count * 8).ok()?;
    Ipv4Net::new(bytes.into(), length).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(line: &str) -> Result<TrustedNetworks, String> {
        TrustedNetworks::parse(line.as_bytes()).map_err(String::from)
    }

    #[test]
    fn who_is_in_a_network() {
        let check = |line: &str, inside: &[&str], outside: &[&str]| {
            let networks = networks(line).unwrap();
            for peer in inside {
                assert!(networks.contain(peer.parse().unwrap()), "{line} {peer}");
            }
            for peer in outside {
                assert!(!networks.contain(peer.parse().unwrap()), "{line} {peer}");
            }
        };
        check("", &[], &["127.0.0.1", "::1"]);
        check("10.0.0.1", &["10.0.0.1", "::ffff:10.0.0.1"], &["10.0.0.2"]);
        check("10.1", &["10.1.2.3"], &["10.2.0.0"]);
        check("10.", &["10.1.2.3"], &["11.2.0.0"]);
        check("10.0.0.0/8", &["10.255.0.1"], &["11.0.0.1"]);
        check("10.0.0.0/255.0.0.0", &["10.255.0.1"], &["11.0.0.1"]);
        check("10.1/16", &["10.1.9.9"], &["10.2.0.0"]);
        check("10.1.2.3/8", &["10.255.0.1"], &["11.0.0.1"]);
        check(
            "2001:db8::/32",
            &["2001:db8:1::1"],
            &["2001:db9::1", "10.0.0.1"],
        );
        // What mod_wsgi does not take (DD §14, row 45).
        check("2001:DB8::1", &["2001:db8::1"], &["2001:db8::2"]);
        check(
            "::ffff:10.0.0.1",
            &["10.0.0.1", "::ffff:10.0.0.1"],
            &["10.0.0.2"],
        );
        check("::ffff:10.0.0.0/104", &["10.9.9.9"], &["11.0.0.0"]);
        check(
            "10.0.0.1 192.168/16 ::1",
            &["10.0.0.1", "192.168.9.9", "::1"],
            &["::2"],
        );
    }

    #[test]
    fn what_is_no_network() {
        const ADDRESS: &str = " The specified IP address is invalid.";
        const MASK: &str = " The specified network mask is invalid.";
        for (token, reason) in [
            ("localhost", ""),
            ("dead", ""),
            ("10.0.0.0/x", ""),
            ("300.1.1.1", ADDRESS),
            ("10..1", ADDRESS),
            ("1.2.3.4.5", ADDRESS),
            ("/8", ADDRESS),
            (":", ADDRESS),
            ("1::2::3", ADDRESS),
            ("10.0.0.1:80", ADDRESS),
            ("10.0.0.0/33", MASK),
            ("10.0.0.0/", MASK),
            ("10.0.0.0/8/8", MASK),
            ("10.0.0.0/255.0.255.0", MASK),
            ("::1/129", MASK),
            ("fe80::/ffff::", MASK),
        ] {
            let text =
                format!("Unable to parse trusted proxy IP address/subnet of \"{token}\".{reason}");
            assert_eq!(networks(&format!("10.0.0.1 {token}")), Err(text), "{token}");
        }
        let text = "Unable to parse trusted proxy IP address/subnet of \"\".";
        assert_eq!(networks("\"\""), Err(text.into()));
    }

    #[test]
    fn headers() {
        let variables = |line: &str| -> Vec<&str> {
            let headers = parse_headers(line.as_bytes()).unwrap();
            headers.iter().map(|header| header.variable).collect()
        };
        assert_eq!(
            variables("X-Forwarded-For x-real-ip X-Mine"),
            ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP"]
        );
        assert!(variables("").is_empty());
        for name in ["X_Forwarded_For", "a.b", "\"a b\"", "\"\"", "\u{e4}"] {
            let text = parse_headers(name.as_bytes()).unwrap_err().to_string();
            assert!(text.starts_with("Invalid name \""), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line(line: Vec<u8>) {
            let _ = TrustedNetworks::parse(&line);
            let _ = parse_headers(&line);
        }

        #[test]
        fn any_address_is_a_network_of_itself(address: std::net::IpAddr) {
            prop_assert!(networks(&address.to_string()).unwrap().contain(address));
        }

        #[test]
        fn any_prefix_length(address: std::net::Ipv4Addr, length in 0_u8..=32) {
            let network = networks(&format!("{address}/{length}")).unwrap();
            prop_assert!(network.contain(address.into()));
            let other = std::net::Ipv4Addr::from(u32::from(address) ^ 0x8000_0000);
            prop_assert_eq!(network.contain(other.into()), length == 0);
        }
    }
}
