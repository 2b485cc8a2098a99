//! Paths of requests.

/// The part of `uri` in front of `path_info`, which ends it. Runs of slashes count as one, since httpd may have merged
/// them in either. Where `path_info` is empty or no end of `uri`, the script is the part up to the slash behind what is common to both ends; all of it if
/// there is none.
pub fn script_of<'a>(uri: &'a [u8], path_info: &[u8]) -> &'a [u8] {
    let mut end = uri.len();
    for (at, &byte) in path_info.iter().enumerate().rev() {
        if byte == b'/' && path_info[..at].ends_with(b"/") {
            continue;
        }
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

/// What a request line asks for: what stands between the method and the protocol.
pub fn target_of(request_line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    let after_method = request_line.iter().position(is_blank);
    let rest = request_line[after_method.unwrap_or(request_line.len())..].trim_ascii_start();
    let end = rest.iter().position(is_blank);
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scripts() {
        let check = |uri: &str, path_info: &str, expected: &str| {
            let found = script_of(uri.as_bytes(), path_info.as_bytes());
            assert_eq!(found, expected.as_bytes(), "{uri} {path_info}");
        };
        check("/app/x", "/x", "/app");
        check("/app/x/y", "/x/y", "/app");
        check("/app", "", "/app");
        check("/", "/", "");
        check("/x", "/x", "");
        check("/app//x", "/x", "/app");
        check("/app//x", "//x", "/app");
        check("/app///x//y", "/x/y", "/app");
        // Where the rest is not the end of the path, as after a rewrite.
        check("/old/x", "/new/x", "/old");
        check("/old", "/new", "/old");
        check("", "/x", "");
        check("/a//", "/a//", "");
        check("/b/a/", "/a//", "/b");
    }

    #[test]
    fn slashes() {
        let check = |path: &str, expected: &str| {
            let mut collapsed = Vec::new();
            collapse_slashes(path.as_bytes(), &mut collapsed);
            assert_eq!(collapsed, expected.as_bytes(), "{path}");
        };
        check("", "");
        check("/", "/");
        check("///", "/");
        check("//a///b/c//", "/a/b/c/");
    }

    #[test]
    fn targets() {
        let check = |line: &str, expected: &str| {
            assert_eq!(target_of(line.as_bytes()), expected.as_bytes(), "{line}");
        };
        check("GET /a%20b?c HTTP/1.1", "/a%20b?c");
        check("GET   http://h/x   HTTP/1.1", "http://h/x");
        check("GET /", "/");
        check("GET", "");
        check("", "");
    }

    proptest! {
        #[test]
        fn a_script_begins_the_path(uri: Vec<u8>, path_info: Vec<u8>) {
            prop_assert!(uri.starts_with(script_of(&uri, &path_info)));
        }

        #[test]
        fn script_and_rest_make_the_path(script in "(/[a-z]{1,3}){0,3}", rest in "(/[a-z]{0,3}){1,3}") {
            let uri = format!("{script}{rest}");
            prop_assert_eq!(script_of(uri.as_bytes(), rest.as_bytes()), script.as_bytes());
        }

        #[test]
        fn collapsed_is_collapsed(path in "[/a]{0,12}") {
            let mut collapsed = Vec::new();
            collapse_slashes(path.as_bytes(), &mut collapsed);
            prop_assert!(!collapsed.windows(2).any(|pair| pair == b"//"));
            prop_assert_eq!(path.replace('/', ""), String::from_utf8(collapsed).unwrap().replace('/', ""));
        }

        #[test]
        fn a_target_has_no_blanks(line: Vec<u8>) {
            prop_assert!(!target_of(&line).iter().any(u8::is_ascii_whitespace));
        }
    }
}
