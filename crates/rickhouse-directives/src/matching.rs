//! Which alias a request matches, and which file that makes it (DD §5.2).

use std::sync::Arc;

use crate::alias::{Alias, Captures, Pattern};
use crate::settings::ServerConfig;

/// An alias that matched.
#[derive(Debug, Clone)]
pub struct Matched<'a> {
    /// Which one.
    pub alias: &'a Alias,
    /// The file of the request: the alias's target, and what of the path the alias did not take.
    pub filename: Vec<u8>,
}

/// The first alias of `server` that the decoded path of a request matches.
pub fn find<'a>(server: &'a ServerConfig, uri: &[u8]) -> Option<Matched<'a>> {
    if !uri.starts_with(b"/") {
        return None;
    }
    server.aliases.iter().find_map(|alias: &Arc<Alias>| {
        let filename = match &alias.pattern {
            None => by_prefix(alias, uri),
            Some(pattern) => by_pattern(alias, &**pattern, uri),
        };
        Some(Matched {
            alias,
            filename: filename?,
        })
    })
}

fn by_prefix(alias: &Alias, uri: &[u8]) -> Option<Vec<u8>> {
    let taken = prefix_length(&alias.location, uri)?;
    Some(filename(&alias.target, uri, &alias.location, taken))
}

fn by_pattern(alias: &Alias, pattern: &dyn Pattern, uri: &[u8]) -> Option<Vec<u8>> {
    let mut captures = Captures::default();
    if !pattern.find(uri, &mut captures) {
        return None;
    }
    // What stands in front of the match is taken too. A match of nothing at the very start is none.
    let taken = captures[0].as_ref()?.end;
    let location = uri.get(..taken).filter(|location| !location.is_empty())?;
    let target = substitute(&alias.target, uri, &captures);
    Some(filename(&target, uri, location, taken))
}

fn filename(target: &[u8], uri: &[u8], location: &[u8], taken: usize) -> Vec<u8> {
    // Of an alias for everything, the slash belongs to the rest of the path.
    let taken = if location == b"/" { 0 } else { taken };
    [target, &uri[taken..]].concat()
}

/// How many bytes of `uri` an alias for `location` takes. A `/` of the alias stands for any number of them; what follows the alias has to begin
/// with one, unless the alias ends with one.
fn prefix_length(location: &[u8], uri: &[u8]) -> Option<usize> {
    let (mut at, mut taken) = (0, 0);
    while let Some(&byte) = location.get(at) {
        if byte != *uri.get(taken)? {
            return None;
        }
        (at, taken) = (at + 1, taken + 1);
        if byte == b'/' {
            at += slashes(&location[at..]);
            taken += slashes(&uri[taken..]);
        }
    }
    let ends_well = location.ends_with(b"/") || matches!(uri.get(taken), None | Some(b'/'));
    (ends_well && taken > 0).then_some(taken)
}

fn slashes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b'/').count()
}

/// `target` with `$0` to `$9` replaced by what was captured, and a backslash taking its meaning from the byte behind it.
fn substitute(target: &[u8], uri: &[u8], captures: &Captures) -> Vec<u8> {
    let mut substituted = Vec::with_capacity(target.len());
    let mut rest = target.iter();
    while let Some(&byte) = rest.next() {
        match (byte, rest.as_slice().first()) {
            (b'$', Some(digit @ b'0'..=b'9')) => {
                rest.next();
                let captured = captures[usize::from(digit - b'0')].clone();
                let captured = captured.and_then(|captured| uri.get(captured));
                substituted.extend_from_slice(captured.unwrap_or_default());
            }
            (b'\\', Some(&next)) => {
                rest.next();
                substituted.push(next);
            }
            (byte, _) => substituted.push(byte),
        }
    }
    substituted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alias::{AliasKind, AliasOptions};
    use crate::testing::World;
    use crate::text::Text;

    fn filename_of(aliases: &[(AliasKind, &str)], uri: &str) -> Option<String> {
        let alias = |(kind, line): &(AliasKind, &str)| {
            Arc::new(Alias::parse(*kind, line.as_bytes(), &World::default()).unwrap())
        };
        let server = ServerConfig {
            aliases: aliases.iter().map(alias).collect(),
            ..ServerConfig::default()
        };
        find(&server, uri.as_bytes()).map(|matched| Text::from(matched.filename).to_string())
    }

    #[test]
    fn prefixes() {
        let check = |location: &str, uri: &str, expected: Option<&str>| {
            let line = format!("{location} /t");
            let found = filename_of(&[(AliasKind::Prefix, &line)], uri);
            assert_eq!(found.as_deref(), expected, "{location} {uri}");
        };
        check("/app", "/app", Some("/t"));
        check("/app", "/app/", Some("/t/"));
        check("/app", "/app/x//y", Some("/t/x//y"));
        check("/app", "//app//x", Some("/t//x"));
        check("//app", "/app/x", Some("/t/x"));
        check("/app", "/appx", None);
        check("/app", "/App", None);
        check("/app", "/ap", None);
        check("/app", "", None);
        check("/app", "app", None);
        check("/app", "*", None);
        check("/dir/", "/dir/x", Some("/tx"));
        check("/dir/", "/dir//x", Some("/tx"));
        check("/dir/", "/dir", None);
        check("/dir/", "/dirx", None);
        check("/a//b", "/a/b", Some("/t"));
        check("/", "/", Some("/t/"));
        check("/", "/x/y", Some("/t/x/y"));
        check("/", "//x", Some("/t//x"));
    }

    #[test]
    fn patterns() {
        let check = |line: &str, uri: &str, expected: Option<&str>| {
            let found = filename_of(&[(AliasKind::Match, line)], uri);
            assert_eq!(found.as_deref(), expected, "{line} {uri}");
        };
        // The patterns of these tests are literal texts; the group is all of the match.
        check("/app /t$1", "/app/x", Some("/t/app/x"));
        check("app /t", "/x/app/y", Some("/t/y"));
        check("app /t", "/x", None);
        check("/ /t", "/x", Some("/t/x"));
        check("app /t$2-\\$1\\\\", "/app", Some("/t-$1\\"));
        check("app /t$", "/app", Some("/t$"));
    }

    #[test]
    fn the_first_that_matches_counts() {
        let aliases = [
            (AliasKind::Prefix, "/a/b /first"),
            (AliasKind::Match, "a /second"),
            (AliasKind::Prefix, "/a /third"),
        ];
        assert_eq!(filename_of(&aliases, "/a/b/c").as_deref(), Some("/first/c"));
        assert_eq!(filename_of(&aliases, "/a/c").as_deref(), Some("/second/c"));
        assert_eq!(
            filename_of(&aliases[2..], "/a/c").as_deref(),
            Some("/third/c")
        );
    }

    #[derive(Debug)]
    struct Anywhere(Captures);

    impl Pattern for Anywhere {
        fn find(&self, _: &[u8], captures: &mut Captures) -> bool {
            captures.clone_from(&self.0);
            true
        }
    }

    proptest! {
        #[test]
        fn a_prefix_takes_no_more_than_there_is(location in "[/a]{1,6}", uri in "[/a]{0,8}") {
            if let Some(taken) = prefix_length(location.as_bytes(), uri.as_bytes()) {
                let mut plain = Vec::new();
                crate::paths::collapse_slashes(&uri.as_bytes()[..taken], &mut plain);
                let mut alias = Vec::new();
                crate::paths::collapse_slashes(location.as_bytes(), &mut alias);
                prop_assert_eq!(plain, alias);
            }
        }

        #[test]
        fn places_that_httpd_gives_are_not_trusted(start: usize, end: usize, uri in "/[a-z]{0,4}", target: Vec<u8>) {
            let mut captures = Captures::default();
            captures[0] = Some(start..end);
            captures[3] = Some(end..start);
            let alias = Alias {
                location: "x".into(),
                target: target.into(),
                pattern: Some(Arc::new(Anywhere(captures))),
                options: AliasOptions::default(),
            };
            let server = ServerConfig { aliases: vec![Arc::new(alias)], ..ServerConfig::default() };
            let _ = find(&server, uri.as_bytes());
        }
    }
}
