//! `WSGIScriptAlias`: from a URL to a script (DD §5.2).

use rickhouse_directives::alias::HANDLER;
use rickhouse_directives::matching;
use rickhouse_httpd::{HasNul, Outcome, Request};

use crate::module::Wsgi;

/// Maps the request to the script of the first alias that matches. What the alias says of it goes to the handler by notes.
pub(crate) fn translate_name(request: &mut Request<'_>) -> Outcome {
    match map(request) {
        Ok(true) => Outcome::Ok,
        Ok(false) => Outcome::Declined,
        // httpd's own texts end at a NUL: what was made of them has none.
        Err(HasNul) => Outcome::INTERNAL_ERROR,
    }
}

fn map(request: &mut Request<'_>) -> Result<bool, HasNul> {
    let uri = request.uri().unwrap_or_default().to_vec();
    let server = request.server();
    let Some(found) = matching::find(&server.config::<Wsgi>().0, &uri) else {
        return Ok(false);
    };
    let mut noted = Ok(());
    let notes = request.notes();
    found.alias.options.write_notes(&mut |name, value| {
        noted = noted.and_then(|()| notes.set(name.as_bytes(), value));
    });
    noted?;
    let filename = found.filename;
    request.set_filename(&filename)?;
    request.set_handler(HANDLER.as_bytes())?;
    Ok(true)
}
