//! `WSGIDispatchScript` (DD §5.10).

use rickhouse_httpd::{Outcome, Request};

use crate::child::Child;
use crate::handler::Admission;

pub(crate) fn dispatch(_: &mut Request<'_>, _: &Child, _: &mut Admission) -> Result<(), Outcome> {
    Ok(())
}
