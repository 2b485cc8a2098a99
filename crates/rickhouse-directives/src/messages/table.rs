//! All messages as data.

use crate::messages::{Known, auth, python, request, run, start};

/// The parts of the table, each with what it is about.
pub const SECTIONS: [(&str, &[Known]); 5] = [
    ("Starting", start::KNOWN),
    ("Daemons at work and at their end", run::KNOWN),
    ("Interpreters and scripts", python::KNOWN),
    ("Access, authentication and authorisation", auth::KNOWN),
    ("Requests in an httpd child", request::KNOWN),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Known> {
    SECTIONS.iter().flat_map(|(_, known)| known.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::messages::{self, Level};

    /// Numbers that had a meaning once and must not get another one.
    const RETIRED: [u16; 8] = [37, 39, 66, 92, 93, 180, 193, 197];

    /// Numbers that mod_wsgi does not have. 9001 and 9002 are the fence's, for bugs.
    const OWN: [u16; 4] = [9003, 9004, 9005, 9006];

    #[test]
    fn every_number_has_one_meaning() {
        let numbers: Vec<u16> = all().map(|known| known.code).collect();
        let of_mod_wsgi = (1..=210).filter(|code| !RETIRED.contains(code));
        let expected: BTreeSet<u16> = of_mod_wsgi.chain(OWN).collect();
        assert_eq!(numbers.iter().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(numbers.len(), expected.len());
        assert_eq!(numbers.len(), 202 + OWN.len());
    }

    #[test]
    fn a_message_as_it_is_written() {
        let message = messages::bad_content_length("x");
        assert_eq!(message.level, Level::Error);
        assert_eq!(
            message.in_script(b"/a.wsgi").to_string(),
            "[script /a.wsgi] WSGI0141: Invalid Content-Length header value of 'x' was supplied."
        );
        let exception = messages::raised("ValueError", "/a.wsgi", "main interpreter");
        assert_eq!(
            exception.naming_script(b"/a.wsgi").to_string(),
            "WSGI0174: [script /a.wsgi] ValueError exception raised processing WSGI script '/a.wsgi' for main interpreter."
        );
        assert_eq!(
            messages::chroot_failed("/jail").to_string(),
            "WSGI0003: Unable to change root directory to '/jail'."
        );
    }
}
