//! Requests.

use crate::process::Process;

pub(crate) fn a_script_serves_from_the_main_interpreter() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "hello.wsgi",
        r#"
import mod_wsgi
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr((__name__[:10], environ["mod_wsgi.application_group"], mod_wsgi.version)).encode()]
"#,
    );
    let text = process.text("", &script);
    assert_eq!(text, "('_mod_wsgi_', '', (6, 1, 1))");
    assert!(process.log.text().contains("Loading WSGI script '"));
}
