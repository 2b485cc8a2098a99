//! Scripts that decide who may come in (DD §5.11).

mod ask;

use std::sync::Arc;

use rickhouse_directives::messages::{self, Message};
use rickhouse_directives::scripts::HookScript;
use rickhouse_directives::settings::DirConfig;
use rickhouse_directives::{Shown, membership};
use rickhouse_host::scripts::{Access, Password, Realm};
use rickhouse_httpd::{Authentication, Authorization, Outcome, Request};

use ask::ask;
pub(crate) use ask::{Subject, ask_in};

use crate::log;
use crate::module::Wsgi;

/// `WSGIAccessScript`: whether the client may have access.
pub(crate) fn check_access(request: &mut Request<'_>) -> Outcome {
    let Some(script) = script(request, |config| &config.access_script) else {
        return Outcome::Declined;
    };
    let asked = ask(request, &script, |seat, call, subject| {
        let host = subject.remote_host().to_vec();
        seat.allow_access(call, subject, &host)
    });
    match asked {
        Ok(Access::Allow) => Outcome::Ok,
        Ok(Access::Decline) => Outcome::Declined,
        Ok(Access::Deny) | Err(_) => {
            // A user who is asked for a password may still come in: nothing to tell an operator of.
            if !request.may_authenticate_instead() {
                let file = Shown(request.filename().unwrap_or_default());
                log::request(request, &messages::access_denied(file));
            }
            Outcome::FORBIDDEN
        }
    }
}

/// `AuthBasicProvider wsgi`: whether the password is the user's.
pub(crate) fn check_password(
    request: &mut Request<'_>,
    user: &[u8],
    password: &[u8],
) -> Authentication {
    let Some(script) = script(request, |config| &config.auth_user_script) else {
        return general_error(request, &messages::basic_script_missing());
    };
    let asked = ask(request, &script, |seat, call, subject| {
        seat.check_password(call, subject, user, password)
    });
    match asked {
        Ok(Password::Granted) => Authentication::Granted,
        // A name that C cannot hold would be another user's.
        Ok(Password::GrantedAs(name)) => match request.set_user(name.as_bytes()) {
            Ok(()) => Authentication::Granted,
            Err(_) => general_error(request, &messages::basic_user_has_nul()),
        },
        Ok(Password::Denied) => Authentication::Denied,
        Ok(Password::Unknown) => Authentication::UserNotFound,
        Err(_) => Authentication::Error,
    }
}

/// `AuthDigestProvider wsgi`: the hash of user, realm and password.
pub(crate) fn realm_hash(
    request: &mut Request<'_>,
    user: &[u8],
    realm: &[u8],
) -> Result<Vec<u8>, Authentication> {
    let Some(script) = script(request, |config| &config.auth_user_script) else {
        return Err(general_error(request, &messages::digest_script_missing()));
    };
    let asked = ask(request, &script, |seat, call, subject| {
        seat.realm_hash(call, subject, user, realm)
    });
    match asked {
        Ok(Realm::Hash(hash)) if hash.contains(&0) => {
            Err(general_error(request, &messages::digest_hash_has_nul()))
        }
        Ok(Realm::Hash(hash)) => Ok(hash),
        Ok(Realm::Unknown) => Err(Authentication::UserNotFound),
        Err(_) => Err(Authentication::Error),
    }
}

/// `Require wsgi-group`: whether the user is in one of the groups that the line names.
pub(crate) fn check_groups(request: &mut Request<'_>, required: &[u8]) -> Authorization {
    let Some(user) = request.user().map(<[u8]>::to_vec) else {
        return Authorization::DeniedNoUser;
    };
    let Some(script) = script(request, |config| &config.auth_group_script) else {
        log::request(request, &messages::authorization_script_missing());
        return Authorization::Denied;
    };
    let asked = ask(request, &script, |seat, call, subject| {
        seat.groups_for_user(call, subject, &user)
    });
    let Ok(groups) = asked else {
        return Authorization::Denied;
    };
    match membership::check(required, groups.iter().map(Vec::as_slice)) {
        Ok(()) => Authorization::Granted,
        Err(message) => {
            log::request(request, &message);
            Authorization::Denied
        }
    }
}

fn script(
    request: &Request<'_>,
    which: fn(&DirConfig) -> &Option<Arc<HookScript>>,
) -> Option<Arc<HookScript>> {
    which(&request.dir_config::<Wsgi>().0).clone()
}

fn general_error(request: &Request<'_>, message: &Message) -> Authentication {
    log::request(request, message);
    Authentication::Error
}
