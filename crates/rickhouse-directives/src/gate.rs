//! Whether a request is one for a WSGI script, and whether it may be (DD §5.3, steps 1 to 9).

use rickhouse_wsgi::content_length::parse_digits;

use crate::alias::{HANDLER, Overrides};
use crate::messages::{self, Message};
use crate::scripts::HandlerScript;
use crate::settings::{Effective, Target};
use crate::text::Shown;

/// The file that the request was mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// It is not there, or cannot be asked about.
    Missing,
    /// It is a folder.
    Directory,
    /// It is anything else.
    Present,
}

/// What the gate looks at.
#[derive(Debug, Clone, Copy)]
pub struct GateView<'a> {
    /// The request's handler.
    pub handler: Option<&'a [u8]>,
    /// What the alias that matched says, if one did.
    pub alias: Option<Overrides<'a>>,
    /// Whether `Options ExecCGI` is on.
    pub exec_cgi: bool,
    /// The file of the request.
    pub file: File,
    /// What follows the file's part of the path.
    pub path_info: Option<&'a [u8]>,
    /// Whether `AcceptPathInfo Off` was said.
    pub path_info_refused: bool,
    /// The header `Transfer-Encoding`.
    pub transfer_encoding: Option<&'a [u8]>,
    /// The header `Content-Length`.
    pub content_length: Option<&'a [u8]>,
    /// `LimitRequestBody` in bytes; 0 is no limit.
    pub body_limit: u64,
}

/// The request's body, as its head announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None is announced.
    None,
    /// This many bytes.
    Length(u64),
    /// Chunks, until the last one.
    Chunked,
}

/// What becomes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate<'a> {
    /// It is not ours.
    Decline,
    /// It is answered with this status, and recorded.
    Refuse {
        /// The status.
        status: u16,
        /// The record.
        message: Message,
    },
    /// Its body is over the limit: it is to be discarded, upon which httpd answers 413.
    TooLarge,
    /// It is ours.
    Go(Admitted<'a>),
}

/// A request for a WSGI script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted<'a> {
    /// The handler script that answers it, instead of the file it was mapped to.
    pub handler_script: Option<&'a HandlerScript>,
    /// Where it runs, and what is called.
    pub target: Target<'a>,
    /// Its body.
    pub body: Body,
}

/// Decides about a request.
pub fn decide<'a>(view: &GateView<'a>, effective: Effective<'a>) -> Gate<'a> {
    let Some(handler) = view.handler else {
        return Gate::Decline;
    };
    let ambient = Target::ambient(effective);
    let (handler_script, target) = if is_wsgi(handler) {
        if let Some(refusal) = refuse_script(view) {
            return refusal;
        }
        (
            None,
            view.alias
                .map_or(ambient, |alias| ambient.with_alias(alias)),
        )
    } else if let Some(script) = effective.handler_script(handler) {
        (Some(script), ambient.with_handler_script(script))
    } else {
        return Gate::Decline;
    };
    if view.path_info_refused && view.path_info.is_some_and(|info| !info.is_empty()) {
        return refuse(404, messages::path_info_refused());
    }
    let body = match body(view, effective.chunked_request()) {
        Ok(body) => body,
        Err((status, message)) => return refuse(status, message),
    };
    if view.body_limit > 0 && matches!(body, Body::Length(length) if length > view.body_limit) {
        return Gate::TooLarge;
    }
    Gate::Go(Admitted {
        handler_script,
        target,
        body,
    })
}

fn is_wsgi(handler: &[u8]) -> bool {
    handler == HANDLER.as_bytes() || handler == b"application/x-httpd-wsgi"
}

fn refuse<'a>(status: u16, message: Message) -> Gate<'a> {
    Gate::Refuse { status, message }
}

fn refuse_script<'a>(view: &GateView<'_>) -> Option<Gate<'a>> {
    if !view.exec_cgi && view.alias.is_none() {
        return Some(refuse(403, messages::exec_cgi_off()));
    }
    match view.file {
        File::Missing => Some(refuse(404, messages::script_not_found())),
        File::Directory => Some(refuse(403, messages::script_is_directory())),
        File::Present => None,
    }
}

fn body(view: &GateView<'_>, chunked_enabled: bool) -> Result<Body, (u16, Message)> {
    let Some(coding) = view.transfer_encoding else {
        let Some(length) = view.content_length else {
            return Ok(Body::None);
        };
        let bad_length = || (400, messages::bad_content_length(Shown(length)));
        return parse_digits(length)
            .filter(|length| i64::try_from(*length).is_ok())
            .map(Body::Length)
            .ok_or_else(bad_length);
    };
    if !coding.eq_ignore_ascii_case(b"chunked") {
        Err((501, messages::unknown_transfer_encoding(Shown(coding))))
    } else if !chunked_enabled {
        Err((411, messages::chunked_not_enabled()))
    } else if view.content_length.is_some() {
        // Two notions of where the body ends: somebody in front may have taken the other one.
        Err((400, messages::length_with_chunked()))
    } else {
        Ok(Body::Chunked)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::{Callable, DirConfig, Scoped, ServerConfig};
    use std::sync::Arc;

    const VIEW: GateView<'static> = GateView {
        handler: Some(b"wsgi-script"),
        alias: None,
        exec_cgi: true,
        file: File::Present,
        path_info: None,
        path_info_refused: false,
        transfer_encoding: None,
        content_length: None,
        body_limit: 0,
    };

    /// With a handler script for `mine`, and chunked requests as asked for.
    fn server(chunked: bool) -> ServerConfig {
        let script = HandlerScript::parse(b"mine /mine.py process-group=g").unwrap();
        ServerConfig {
            scoped: Scoped {
                chunked_request: Some(chunked),
                process_group: Some("ambient".into()),
                callable_object: Some("configured".into()),
                handler_scripts: [(script.name.clone(), Arc::new(script))].into(),
                ..Scoped::default()
            },
            ..ServerConfig::default()
        }
    }

    fn refusal(view: GateView<'_>, chunked: bool) -> Option<(u16, u16)> {
        match decide(
            &view,
            Effective::new(&DirConfig::default(), &server(chunked)),
        ) {
            Gate::Refuse { status, message } => Some((status, message.code)),
            Gate::Go(_) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whose_a_request_is() {
        let (directory, server) = (DirConfig::default(), server(false));
        let decide = |handler: Option<&'static str>| {
            let view = GateView {
                handler: handler.map(str::as_bytes),
                ..VIEW
            };
            decide(&view, Effective::new(&directory, &server))
        };
        for handler in [None, Some(""), Some("cgi-script"), Some("WSGI-script")] {
            assert_eq!(decide(handler), Gate::Decline, "{handler:?}");
        }
        for handler in ["wsgi-script", "application/x-httpd-wsgi"] {
            let Gate::Go(admitted) = decide(Some(handler)) else {
                panic!("{handler} is ours");
            };
            assert_eq!(admitted.handler_script, None);
            assert_eq!(admitted.target.process_group, Some(&b"ambient"[..]));
            assert_eq!(
                admitted.target.callable,
                Callable::Configured(Some(b"configured"))
            );
        }
        let Gate::Go(admitted) = decide(Some("mine")) else {
            panic!("handler scripts are ours");
        };
        assert_eq!(*admitted.handler_script.unwrap().path, *b"/mine.py");
        assert_eq!(admitted.target.process_group, Some(&b"g"[..]));
        assert_eq!(
            admitted.target.callable,
            Callable::Literal(b"handle_request")
        );
    }

    #[test]
    fn scripts() {
        let check = |view: GateView<'_>, expected: Option<(u16, u16)>| {
            assert_eq!(refusal(view, false), expected, "{view:?}");
        };
        let aliased = GateView {
            alias: Some(Overrides::default()),
            ..VIEW
        };
        check(VIEW, None);
        check(
            GateView {
                exec_cgi: false,
                ..VIEW
            },
            Some((403, 134)),
        );
        check(
            GateView {
                exec_cgi: false,
                ..aliased
            },
            None,
        );
        check(
            GateView {
                file: File::Missing,
                ..aliased
            },
            Some((404, 135)),
        );
        check(
            GateView {
                file: File::Directory,
                ..aliased
            },
            Some((403, 136)),
        );
        check(
            GateView {
                path_info_refused: true,
                ..VIEW
            },
            None,
        );
        check(
            GateView {
                path_info_refused: true,
                path_info: Some(b""),
                ..VIEW
            },
            None,
        );
        check(
            GateView {
                path_info_refused: true,
                path_info: Some(b"/x"),
                ..VIEW
            },
            Some((404, 137)),
        );
        // A handler script answers for files that are not there.
        let mine = GateView {
            handler: Some(b"mine"),
            exec_cgi: false,
            file: File::Missing,
            ..VIEW
        };
        check(mine, None);
    }

    #[test]
    fn bodies() {
        let view = |coding: Option<&'static str>, length: Option<&'static str>| GateView {
            transfer_encoding: coding.map(str::as_bytes),
            content_length: length.map(str::as_bytes),
            ..VIEW
        };
        let check = |view: GateView<'_>, off: Option<(u16, u16)>, on: Option<(u16, u16)>| {
            assert_eq!(
                (refusal(view, false), refusal(view, true)),
                (off, on),
                "{view:?}"
            );
        };
        check(view(Some("gzip"), None), Some((501, 138)), Some((501, 138)));
        check(view(Some("Chunked"), None), Some((411, 139)), None);
        check(
            view(Some("chunked"), Some("1")),
            Some((411, 139)),
            Some((400, 140)),
        );
        check(view(None, Some("0")), None, None);
        for bad in [
            "",
            "-1",
            "+1",
            "1x",
            " 1",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            check(view(None, Some(bad)), Some((400, 141)), Some((400, 141)));
        }
        let limited = |length| GateView {
            body_limit: 10,
            ..view(None, length)
        };
        check(limited(Some("10")), None, None);
        let (directory, server) = (DirConfig::default(), server(true));
        let effective = Effective::new(&directory, &server);
        assert_eq!(decide(&limited(Some("11")), effective), Gate::TooLarge);
        let body = |view: &GateView<'_>| match decide(view, effective) {
            Gate::Go(admitted) => admitted.body,
            other => panic!("{other:?}"),
        };
        assert_eq!(body(&limited(Some("10"))), Body::Length(10));
        assert_eq!(body(&view(Some("chunked"), None)), Body::Chunked);
        assert_eq!(body(&VIEW), Body::None);
    }

    proptest! {
        #[test]
        fn a_length_is_what_its_digits_say(length: u64) {
            let text = length.to_string();
            let view = GateView { content_length: Some(text.as_bytes()), ..VIEW };
            prop_assert_eq!(refusal(view, false).is_none(), i64::try_from(length).is_ok());
        }

        #[test]
        fn any_header(coding: Option<Vec<u8>>, length: Option<Vec<u8>>) {
            let view = GateView { transfer_encoding: coding.as_deref(), content_length: length.as_deref(), ..VIEW };
            let _ = refusal(view, true);
        }
    }
}
