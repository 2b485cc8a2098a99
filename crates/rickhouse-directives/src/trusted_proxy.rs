//! What headers of trusted proxies do to the environ (DD §5.8).

use std::net::IpAddr;

use crate::environ::Environ;
use crate::proxies::{ProxyHeader, TrustedNetworks};

/// What a header of a proxy speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// The client's address.
    Client,
    /// `HTTP_HOST`.
    Host,
    /// `SERVER_NAME`.
    Server,
    /// `SERVER_PORT`.
    Port,
    /// `SCRIPT_NAME`.
    ScriptName,
    /// Whether the client came over TLS.
    Scheme,
}

/// All headers of proxies that have a meaning.
pub const REGISTRY: &[ProxyHeader] = &[
    header("HTTP_X_FORWARDED_FOR", Category::Client),
    header("HTTP_X_CLIENT_IP", Category::Client),
    header("HTTP_X_REAL_IP", Category::Client),
    header("HTTP_X_FORWARDED_HOST", Category::Host),
    header("HTTP_X_HOST", Category::Host),
    header("HTTP_X_FORWARDED_SERVER", Category::Server),
    header("HTTP_X_FORWARDED_PORT", Category::Port),
    header("HTTP_X_SCRIPT_NAME", Category::ScriptName),
    header("HTTP_X_FORWARDED_SCRIPT_NAME", Category::ScriptName),
    header("HTTP_X_FORWARDED_PROTO", Category::Scheme),
    header("HTTP_X_FORWARDED_SCHEME", Category::Scheme),
    header("HTTP_X_SCHEME", Category::Scheme),
    header("HTTP_X_FORWARDED_HTTPS", Category::Scheme),
    header("HTTP_X_FORWARDED_SSL", Category::Scheme),
    header("HTTP_X_HTTPS", Category::Scheme),
];

const fn header(variable: &'static str, category: Category) -> ProxyHeader {
    ProxyHeader { variable, category }
}

/// The header of this name, if it has a meaning.
pub fn header_of(name: &[u8]) -> Option<ProxyHeader> {
    let mut variable = Vec::with_capacity(name.len() + 5);
    rickhouse_wsgi::environ::write_key(name, &mut variable);
    REGISTRY
        .iter()
        .find(|header| header.variable.as_bytes() == variable)
        .copied()
}

/// Applies the headers to an environ that holds them. Whether a header decided about the scheme, in which case mod_ssl is not asked.
pub fn apply(
    headers: &[ProxyHeader],
    proxies: Option<&TrustedNetworks>,
    environ: &mut Environ,
) -> bool {
    let trusted = proxies.is_none_or(|proxies| peer_is_trusted(proxies, environ));
    // By category: whether it was configured, and the last header that counted.
    let mut winners: [Option<Option<&'static str>>; CATEGORIES] = [None; CATEGORIES];
    for header in headers {
        let winner = winners[header.category as usize].get_or_insert(None);
        let Some(value) = environ.get(header.variable.as_bytes()).filter(|_| trusted) else {
            continue;
        };
        let value = value.to_vec();
        // What counts is what the application sees, also of a header that is there twice.
        environ.set(header.variable.as_bytes(), &value);
        act(header, &value, proxies, environ);
        *winner = Some(header.variable);
    }
    for header in REGISTRY {
        match winners[header.category as usize] {
            Some(winner) if winner != Some(header.variable) => {
                environ.remove(header.variable.as_bytes());
            }
            _ => {}
        }
    }
    winners[Category::Scheme as usize].flatten().is_some()
}

const CATEGORIES: usize = Category::Scheme as usize + 1;

fn peer_is_trusted(proxies: &TrustedNetworks, environ: &Environ) -> bool {
    let peer = environ.get(b"REMOTE_ADDR").and_then(parse_address);
    peer.is_some_and(|peer| proxies.contain(peer))
}

fn act(
    header: &ProxyHeader,
    value: &[u8],
    proxies: Option<&TrustedNetworks>,
    environ: &mut Environ,
) {
    match header.category {
        Category::Client if header.variable == FORWARDED_FOR => {
            forwarded_for(value, proxies, environ);
        }
        Category::Client => environ.set(b"REMOTE_ADDR", value),
        Category::Host => environ.set(b"HTTP_HOST", value),
        Category::Server => environ.set(b"SERVER_NAME", value),
        Category::Port => environ.set(b"SERVER_PORT", value),
        Category::ScriptName => {
            environ.set(b"SCRIPT_NAME", value);
            environ.set(b"mod_wsgi.mount_point", value);
        }
        Category::Scheme => match says_https(header.variable, value) {
            Some(true) => environ.set(b"HTTPS", b"1"),
            Some(false) => {
                environ.remove(b"HTTPS");
            }
            None => {}
        },
    }
}

/// `None` for what says neither.
fn says_https(variable: &str, value: &[u8]) -> Option<bool> {
    let (yes, no): (&[&str], &[&str]) = match variable {
        "HTTP_X_FORWARDED_PROTO" | "HTTP_X_FORWARDED_SCHEME" | "HTTP_X_SCHEME" => {
            (&["https"], &["http"])
        }
        _ => (&["on", "true", "1"], &["off", "false", "0"]),
    };
    let is_one_of = |words: &[&str]| {
        words
            .iter()
            .any(|word| word.as_bytes().eq_ignore_ascii_case(value))
    };
    if is_one_of(yes) {
        Some(true)
    } else {
        is_one_of(no).then_some(false)
    }
}

/// From the right, past every trusted proxy, to the first address that somebody trusted has named.
fn forwarded_for(value: &[u8], proxies: Option<&TrustedNetworks>, environ: &mut Environ) {
    let elements: Vec<&[u8]> = value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
        .collect();
    let Some(proxies) = proxies else {
        if let Some(first) = elements.first() {
            environ.set(b"REMOTE_ADDR", first);
        }
        return;
    };
    let is_trusted =
        |element: &&&[u8]| parse_address(element).is_some_and(|address| proxies.contain(address));
    let trusted = elements.iter().rev().take_while(is_trusted).count();
    // One further than the trusted ones; the leftmost where all are trusted.
    let client = elements.len().saturating_sub(trusted + 1);
    if let Some(address) = elements.get(client) {
        environ.set(b"REMOTE_ADDR", address);
        environ.set(
            FORWARDED_FOR.as_bytes(),
            &elements[client..].join(&b", "[..]),
        );
    }
}

fn parse_address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

const FORWARDED_FOR: &str = "HTTP_X_FORWARDED_FOR";
