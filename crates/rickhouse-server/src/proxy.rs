//! The PROXY protocol header (versions 1 and 2) that a load balancer puts before the first request.

use std::net::SocketAddr;

use ppp::{v1, v2};

/// The longest version 1 line, CRLF included (the specification's number).
const V1_LIMIT: usize = 107;
/// The longest version 2 header we read: far beyond what addresses and the known extensions need.
const V2_LIMIT: usize = 4096;
const V2_FIXED: usize = 16;

/// What the bytes at the start of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    /// More bytes are needed.
    Incomplete,
    /// No PROXY header, or a broken one.
    Malformed,
    /// A header of this length.
    Complete { length: usize, client: Named },
}

/// Whom a PROXY header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The proxy speaks for itself (`LOCAL`).
    Proxy,
    Client(SocketAddr),
    /// A client whose address the proxy does not know (`UNKNOWN`) or that has no IP address.
    Somebody,
}

impl From<Option<SocketAddr>> for Named {
    fn from(address: Option<SocketAddr>) -> Named {
        address.map_or(Named::Somebody, Named::Client)
    }
}

pub(crate) fn parse(input: &[u8]) -> ProxyHeader {
    let known = |prefix: &[u8]| {
        let common = prefix.len().min(input.len());
        input[..common] == prefix[..common]
    };
    if known(v2::PROTOCOL_PREFIX) {
        version_2(input)
    } else if known(v1::PROTOCOL_PREFIX.as_bytes()) {
        version_1(input)
    } else {
        ProxyHeader::Malformed
    }
}

fn version_1(input: &[u8]) -> ProxyHeader {
    let window = &input[..input.len().min(V1_LIMIT)];
    let Some(lf) = memchr::memchr(b'\n', window) else {
        return if input.len() < V1_LIMIT {
            ProxyHeader::Incomplete
        } else {
            ProxyHeader::Malformed
        };
    };
    let client = match v1::Header::try_from(&input[..=lf]) {
        Ok(header) => match header.addresses {
            v1::Addresses::Tcp4(of) => Some(SocketAddr::from((of.source_address, of.source_port))),
            v1::Addresses::Tcp6(of) => Some(SocketAddr::from((of.source_address, of.source_port))),
            v1::Addresses::Unknown => None,
        },
        Err(_) => return ProxyHeader::Malformed,
    };
    ProxyHeader::Complete {
        length: lf + 1,
        client: Named::from(client),
    }
}

fn version_2(input: &[u8]) -> ProxyHeader {
    let Some(fixed) = input.get(..V2_FIXED) else {
        return ProxyHeader::Incomplete;
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > V2_LIMIT {
        return ProxyHeader::Malformed;
    }
    let Some(whole) = input.get(..length) else {
        return ProxyHeader::Incomplete;
    };
    let client = match v2::Header::try_from(whole) {
        Ok(header) if header.command == v2::Command::Local => Named::Proxy,
        Ok(header) => Named::from(match header.addresses {
            v2::Addresses::IPv4(of) => Some(SocketAddr::from((of.source_address, of.source_port))),
            v2::Addresses::IPv6(of) => Some(SocketAddr::from((of.source_address, of.source_port))),
            _ => None,
        }),
        Err(_) => return ProxyHeader::Malformed,
    };
    ProxyHeader::Complete { length, client }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2_header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [
            v2::PROTOCOL_PREFIX,
            &[0x20 | command, family],
            &length,
            body,
        ]
        .concat()
    }

    fn client(address: &str) -> Named {
        Named::Client(address.parse().unwrap())
    }

    fn check(input: &[u8], client: Named) {
        let with_request = [input, b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(
            parse(&with_request),
            ProxyHeader::Complete {
                length: input.len(),
                client
            }
        );
        for end in 0..input.len() {
            assert_eq!(parse(&input[..end]), ProxyHeader::Incomplete, "{end}");
        }
    }

    #[test]
    fn both_versions_name_the_client() {
        check(
            b"PROXY TCP4 1.2.3.4 5.6.7.8 99 80\r\n",
            client("1.2.3.4:99"),
        );
        check(
            b"PROXY TCP6 2001:db8::1 ::1 99 80\r\n",
            client("[2001:db8::1]:99"),
        );
        check(b"PROXY UNKNOWN\r\n", Named::Somebody);
        let inet = [1, 2, 3, 4, 5, 6, 7, 8, 0, 99, 0, 80];
        check(&v2_header(1, 0x11, &inet), client("1.2.3.4:99"));
        check(&v2_header(1, 0x00, &[]), Named::Somebody);
        check(&v2_header(0, 0x00, &[]), Named::Proxy);
        check(&v2_header(0, 0x11, &inet), Named::Proxy);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for input in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 x y 1 2\r\n",
            b"PROXY\n",
            &[b"PROXY ".as_slice(), &[b'x'; 120]].concat(),
        ] {
            assert_eq!(
                parse(input),
                ProxyHeader::Malformed,
                "{:?}",
                String::from_utf8_lossy(input)
            );
        }
        assert_eq!(
            parse(&v2_header(1, 0x11, &[0; 5000])),
            ProxyHeader::Malformed
        );
        assert_eq!(parse(&v2_header(1, 0x11, &[0; 4])), ProxyHeader::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(tail in proptest::collection::vec(any::<u8>(), 0..120), version in 0..3) {
            let prefix: &[u8] = match version { 0 => b"", 1 => b"PROXY ", _ => v2::PROTOCOL_PREFIX };
            let input = [prefix, &tail].concat();
            if let ProxyHeader::Complete { length, .. } = parse(&input) {
                prop_assert!(length <= input.len());
            }
        }
    }
}
