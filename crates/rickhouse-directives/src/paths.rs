//! Paths of requests.

/// The part of `uri` in front of `path_info`, which ends it. A slash of `path_info` can stand for several of `uri`, since httpd may have merged
/// them. Where `path_info` is empty or no end of `uri`, the script is the part up to the slash behind what is common to both ends; all of it if
/// there is none.
pub fn script_of<'a>(uri: &'a [u8], path_info: &[u8]) -> &'a [u8] {
    let mut end = uri.len();
    for &byte in path_info.iter().rev() {
        let Some(before) = end.checked_sub(1).filter(|before| uri[*before] == byte) else {
            break;
        };
        end = before;
        while byte == b'/' && end > 0 && uri[end - 1] == b'/' {
            end -= 1;
        }
    }
    let slash = uri[end..].iter().position(|byte| *byte == b'/');
    &uri[..slash.map_or(uri.len(), |slash| end + slash)]
}

/// Appends `path` with runs of `/` as one.
pub fn collapse_slashes(path: &[u8], collapsed: &mut Vec<u8>) {
    let mut after_slash = false;
    for &byte in path {
        let is_slash = byte == b'/';
        if !(is_slash && after_slash) {
            collapsed.push(byte);
        }
        after_slash = is_slash;
    }
}

/// Whether [`collapse_slashes`] would change `path`.
pub fn has_double_slash(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"//")
}

/// What a request line asks for: what stands between the method and the protocol.
pub fn target_of(request_line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    let after_method = request_line.iter().position(is_blank);
    let rest = request_line[after_method.unwrap_or(request_line.len())..].trim_ascii_start();
    let end = rest.iter().position(is_blank);
    &rest[..end.unwrap_or(rest.len())]
}
