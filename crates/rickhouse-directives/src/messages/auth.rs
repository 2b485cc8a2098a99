//! What goes wrong with access, authentication and authorisation (DD §12.4).

use crate::messages::messages;

messages! {
    41 Error basic_script_missing() "Location of WSGI user authentication script not provided." => "`AuthBasicProvider wsgi` without `WSGIAuthUserScript`. 500.";
    42 Error basic_interpreter_failed(interpreter) "Unable to acquire {interpreter} for user authentication hook." => "500.";
    43 Error basic_function_missing(script) "Target WSGI user authentication script '{script}' does not provide 'Basic' auth provider." => "The script has no `check_password`. 500.";
    44 Error digest_script_missing() "Location of WSGI user authentication script not provided." => "`AuthDigestProvider wsgi` without `WSGIAuthUserScript`. 500.";
    45 Error digest_interpreter_failed(interpreter) "Unable to acquire {interpreter} for user authentication hook." => "500.";
    46 Error digest_function_missing(script) "Target WSGI user authentication script '{script}' does not provide 'Digest' auth provider." => "The script has no `get_realm_hash`. 500.";
    47 Error group_script_missing() "Location of WSGI group authentication script not provided." => "`Require wsgi-group` without `WSGIAuthGroupScript`. The user is denied.";
    48 Error group_interpreter_failed(interpreter) "Unable to acquire {interpreter} for group authentication hook." => "The user is denied.";
    49 Error group_not_latin1(script) "Item returned from 'groups_for_user' in '{script}' is a string containing non 'latin-1' characters." => "The user is denied.";
    50 Error group_not_bytes(script) "Item returned from 'groups_for_user' in '{script}' is not a byte string." => "The user is denied.";
    51 Error groups_not_iterable(script) "Result returned from 'groups_for_user' in '{script}' is not iterable." => "The user is denied.";
    52 Error group_function_missing(script) "Target WSGI group authentication script '{script}' does not provide 'groups_for_user' callable." => "The user is denied.";
    53 Error access_script_missing() "Location of WSGI host access script not provided." => "A bug of the module.";
    54 Error access_interpreter_failed(interpreter) "Unable to acquire {interpreter} for host access hook." => "403.";
    55 Error access_result_invalid(script) "Result returned from 'allow_access' in '{script}' must be a boolean or None." => "403.";
    56 Error access_function_missing(script) "Target WSGI host access script '{script}' does not provide 'allow_access' callable." => "403.";
    57 Error access_denied(script) "Client denied by server configuration: '{script}'." => "The access script said no. 403.";
    58 Error authorization_script_missing() "Location of WSGI group authorization script not provided." => "`Require wsgi-group` without `WSGIAuthGroupScript`. The user is denied.";
    59 Error user_without_groups() "User is not a member of any groups." => "The user is denied.";
    60 Error user_in_other_groups() "User is not a member of designated groups." => "The user is denied.";
    176 Error basic_user_empty() "Basic auth provider returned empty user name string." => "500.";
    177 Error basic_result_invalid() "Basic auth provider must return True, False, None or user name as string." => "500.";
    178 Error digest_hash_empty() "Digest auth provider returned empty realm hash." => "500.";
    179 Error digest_result_invalid() "Digest auth provider must return None or string object." => "500.";
    9004 Error basic_user_has_nul() "Basic auth provider returned user name with a NUL character." => "httpd would take the part in front of it for the name. 500.";
    9005 Error digest_hash_has_nul() "Digest auth provider returned realm hash with a NUL character." => "500.";
}
