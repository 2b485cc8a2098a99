//! `Require wsgi-group` (DD §5.11).

use crate::messages::{self, Message};
use crate::text::Shown;
use crate::words::Words;

/// Who wants to have what.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The user.
    pub user: &'a [u8],
    /// The path of the request.
    pub uri: &'a [u8],
}

/// Checks that one of a user's groups is among those that a `Require` line names. The case of letters does not matter (DD §14, row 51).
///
/// # Errors
/// The record about a user who is in none; httpd's answer is 401 (row 52).
pub fn check<'a>(
    access: Access<'_>,
    required: &[u8],
    groups: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), Message> {
    let (user, uri) = (Shown(access.user), Shown(access.uri));
    let mut groups = groups.into_iter().peekable();
    if groups.peek().is_none() {
        return Err(messages::user_without_groups(user, uri));
    }
    let required: Vec<_> = Words::new(required).collect();
    let is_required = |group: &[u8]| required.iter().any(|name| name.eq_ignore_ascii_case(group));
    if groups.any(is_required) {
        Ok(())
    } else {
        Err(messages::user_in_other_groups(user, uri))
    }
}

#[cfg(test)]
mod tests {
    use super::Access;

    const ACCESS: Access<'_> = Access {
        user: b"ada",
        uri: b"/x",
    };

    #[test]
    fn the_record_names_user_and_uri() {
        let refused = super::check(ACCESS, b"a", [&b"b"[..]]).unwrap_err();
        let text = "WSGI0060: Authorization of user 'ada' to access '/x' failed. User is not a member of designated groups.";
        assert_eq!(refused.to_string(), text);
    }

    #[test]
    fn groups_of_a_user() {
        let check = |required: &str, groups: &[&str], expected: Option<u16>| {
            let groups = groups.iter().map(|group| group.as_bytes());
            let found = super::check(ACCESS, required.as_bytes(), groups);
            assert_eq!(
                found.err().map(|message| message.code),
                expected,
                "{required}"
            );
        };
        check("a b", &["b"], None);
        check("A", &["x", "a"], None);
        check("\"a b\"", &["A B"], None);
        check("a b", &["a b"], Some(60));
        check("", &["a"], Some(60));
        check("a", &[], Some(59));
        check("", &[], Some(59));
    }
}
