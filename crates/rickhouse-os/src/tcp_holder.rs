//! Who listens on a TCP address, read from `/proc`: a courtesy in an error message, so every failure is "unknown".

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::process;

/// State column of `/proc/net/tcp` for a listening socket.
const LISTEN: &str = "0A";

/// Name and number of a process whose listener is in the way of one at `target`.
pub(crate) fn of(target: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, target))?;
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(process.path().join("fd"))
            .ok()?
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == link.as_str()));
        holds.then(|| process::describe(pid))
    })
}

fn listening_inode(table: &str, target: SocketAddr) -> Option<u64> {
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let local = address(columns.nth(1)?)?;
        let state = columns.nth(1)?;
        (state == LISTEN && in_the_way(local, target))
            .then(|| columns.nth(5)?.parse().ok())
            .flatten()
    })
}

/// The same port, and the same address or every address.
fn in_the_way(local: SocketAddr, target: SocketAddr) -> bool {
    let (here, there) = (local.ip().to_canonical(), target.ip().to_canonical());
    local.port() == target.port()
        && (here == there || here.is_unspecified() || there.is_unspecified())
}

/// An address as the kernel prints it: 32-bit words in the byte order of the machine, in hexadecimal, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<[u8; 4]> = words
        .as_bytes()
        .chunks(8)
        .map(|word| {
            let word = std::str::from_utf8(word).ok()?;
            Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
        })
        .collect::<Option<_>>()?;
    let ip = match words[..] {
        [word] => IpAddr::from(Ipv4Addr::from(word)),
        [_, _, _, _] => {
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 22 1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1
   3: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 44 1
   4: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 55 1
";

    #[test]
    fn the_holder_has_the_address_and_not_only_the_port() {
        let holder = |target: &str| listening_inode(TABLE, target.parse().expect("an address"));
        assert_eq!(holder("127.0.0.1:8080"), Some(33));
        assert_eq!(holder("127.0.0.3:8080"), None);
        assert_eq!(holder("0.0.0.0:8080"), Some(11));
        assert_eq!(holder("[::1]:8081"), Some(44));
        assert_eq!(holder("127.0.0.1:8082"), Some(55));
    }
}
