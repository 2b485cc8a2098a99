"""What reaches the error log, in which scope and words (DD 7.11, 11)."""

import json
import textwrap

import pytest

from harness.httpd_config import APPS
from inline_client import MIXED, OUTCOME, run, target

APP = APPS / "inline.py"


def lines_of(server, deployment, body, *wanted):
    """The records that hold each wanted text, after running `body`."""
    mark = server.log.mark()
    for text in wanted:
        server.log.expect(text)
    response = run(server, deployment, body + "\nreturn text(start_response, 'x')")
    assert response.status == 200, response
    return [server.log.wait_record(text, since=mark) for text in wanted]


@pytest.mark.parametrize(
    "call",
    [
        "environ['wsgi.errors'].write('the line\\n')",
        "print('the line')",
        "import sys; print('the line', file=sys.stderr)",
        "environ['wsgi.errors'].buffer.write(b'the line\\n')",
        "environ['wsgi.errors'].buffer.write(bytearray(b'the line\\n'))",
        "environ['wsgi.errors'].buffer.write(memoryview(b'the line\\n'))",
        "environ['wsgi.errors'].buffer.writelines([b'the ', bytearray(b'line\\n')])",
        "environ['wsgi.errors'].writelines(['the ', 'line\\n'])",
        "environ['wsgi.errors'].write('the line'); environ['wsgi.errors'].flush()",
        "environ['wsgi.errors'].write('the line')",
    ],
)
def test_a_line_is_a_record_of_its_request(site, deployment, call):
    (record,) = lines_of(site, deployment, call, "the line")
    assert record.text.endswith("/inline.py] the line") and record.text.startswith("[script /")
    assert (record.level, record.module) == ("error", "wsgi") and record.client.startswith("127.0.0.1:")


def test_each_line_is_a_record(site, deployment):
    site.log.allow(r"inline\.py\] $")
    first, second, third = lines_of(
        site, deployment, "print('line one\\nline two\\n\\nline three')", "line one", "line two", "line three"
    )
    assert first.text.endswith("] line one") and third.text.endswith("] line three") and first.pid == second.pid


def test_text_that_is_not_ascii(site, deployment):
    """httpd escapes what is not printable; nothing is lost."""
    (record,) = lines_of(site, deployment, "print('caf\\u00e9 \\udcff end')", "caf.* end")
    assert record.text.endswith(r"caf\xc3\xa9 ? end")


def test_the_shape_of_wsgi_errors(site, deployment):
    body = f"""{OUTCOME}
import io, sys
errors = environ["wsgi.errors"]
raw = errors.buffer
return report(start_response, [
    type(errors) is io.TextIOWrapper, errors.encoding, errors.errors, errors.line_buffering, errors.name,
    type(raw).__module__ + "." + type(raw).__name__, raw.isatty(), raw.readable(), raw.seekable(), raw.writable(),
    raw.closed, outcome(raw.fileno), sys.stderr.name, sys.stdout.name,
])"""
    told = json.loads(run(site, deployment, body).text)
    assert told == [
        True, "utf-8", "replace", True, "<wsgi.errors>", "mod_wsgi.Log", False, False, False, True, False,
        ["OSError", "wsgi.errors log object has no file descriptor"], "<stderr>", "<stdout>",
    ]  # fmt: skip


@pytest.mark.oracle_skip(MIXED)
def test_after_the_request_wsgi_errors_is_refused(site, mode):
    body = f"""{OUTCOME}
import sys
kept = sys.__dict__.pop("kept_errors_of_the_test", None)
if kept is None:
    sys.kept_errors_of_the_test = environ["wsgi.errors"]
    return text(start_response, "kept")
return report(start_response, [outcome(kept.buffer.write, b"late\\n"), outcome(kept.buffer.writelines, [b"late\\n"])])"""
    with site.connect() as connection:
        answers = [connection.get(target(mode, body)).text for _ in range(2)]
    assert json.loads(answers[1]) == [
        ["RuntimeError", "write() called on wsgi.errors after request completed"],
        ["RuntimeError", "writelines() called on wsgi.errors after request completed"],
    ]


def test_a_thread_of_the_application_logs_for_the_process(site, deployment):
    body = """
        import threading
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
    """
    (record,) = lines_of(site, deployment, textwrap.dedent(body), "from a thread")
    assert record.client is None and record.text == "from a thread"


def test_the_header_of_a_traceback(site, deployment):
    site.log.expect_exception("KeyError: 'of the header'")
    mark = site.log.mark()
    assert run(site, deployment, "raise KeyError('of the header')").status == 500
    header = site.log.wait_record("WSGI0174: ", since=mark)
    words = rf"KeyError exception raised processing WSGI script '{APP}' for {deployment.context()}."
    assert header.text == f"WSGI0174: [script {APP}] {words}"
    assert header.client and header.level == "error"
    after = [each for each in site.log.records(since=mark) if each.pid == header.pid and each.client == header.client]
    assert after[1].text == "Traceback (most recent call last):" and after[-1].text == "KeyError: 'of the header'"


def test_a_class_of_the_application_is_named_without_its_module(site, mode):
    site.log.expect("WSGI0174: .* Own exception raised processing WSGI script")
    site.log.expect_exception(r"(\w+\.)*Own: words")
    run(site, mode, "class Own(Exception):\n    pass\nraise Own('words')")


LEVELS = [("critical", "crit"), ("error", "error"), ("warning", "warn"), ("info", "info")]


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_the_logging_handler(site, deployment, name, level):
    body = f"""
import logging, mod_wsgi
logger = logging.Logger("of the test")
logger.addHandler(mod_wsgi.LogHandler())
logger.{name}("from logging")
logger.debug("never seen")"""
    (record,) = lines_of(site, deployment, body, "from logging")
    assert record.level == level and record.client and record.text.endswith("from logging")
    assert not site.log.search("never seen")


PLACES = """
<VirtualHost *:${PORT}>
ServerName main
</VirtualHost>
<VirtualHost *:${PORT}>
ServerName other
ErrorLog "${FOLDER}/other.log"
ErrorLogFormat "[%l] [%F] %M"
LogLevel notice wsgi:info
WSGIDaemonProcess g
WSGIScriptAlias /e "${FOLDER}/scripts/logs.py"
WSGIScriptAlias /d "${FOLDER}/scripts/logs.py" process-group=g
</VirtualHost>
"""

LOGS = """import logging, mod_wsgi
logger = logging.Logger("of the test")
logger.addHandler(mod_wsgi.LogHandler())
def application(environ, start_response):
    logger.info("from %s", environ["SCRIPT_NAME"])
    start_response("200 OK", [])
    return [b"x"]
"""


def test_the_logging_handler_names_the_place(httpd):
    server = httpd(PLACES, scripts={"logs.py": LOGS})
    other = type(server.log)(server.folder / "other.log")
    for path in ("/e", "/d"):
        assert server.get(path, {"Host": "other"}).text == "x"
        other.wait_for(rf"^\[info\] \[logs\.py\(5\)\] \[script .*/logs\.py\] from {path}$")


QUIET = 'WSGIDaemonProcess g\nWSGIScriptAlias /e "${APPS}/hello.py"\nWSGIScriptAlias /d "${APPS}/hello.py" process-group=g\n'


def test_info_and_below_has_no_code_and_the_rest_has(httpd):
    server = httpd(QUIET, level="debug")
    for path in ("/e", "/d"):
        assert server.get(path).status == 200
    server.get("/nothing")
    records = [record for record in server.log.records() if record.module == "wsgi"]
    assert len(records) > 10
    for record in records:
        severe = record.level in ("warn", "error", "crit", "alert")
        assert (record.code is not None) == severe, record


def test_a_quiet_server_says_nothing(httpd):
    server = httpd(QUIET, level="warn")
    for path in ("/e", "/d"):
        assert server.get(path).status == 200
    assert [record for record in server.log.records() if record.module == "wsgi"] == []


LIFE = [
    "Starting daemon process 'g' with ",
    r"Python home set to '.*' for daemon process 'g'\.",
    r"Initializing Python runtime in daemon process 'g'\.",
    r"Attaching to Python main interpreter in daemon process 'g'\.",
    r"Initializing Python runtime in embedded mode\.",
    r"Attaching to Python main interpreter in embedded mode\.",
    r"Creating sub-interpreter 'localhost:\d+\|/e' in embedded mode\.",
    r"Creating sub-interpreter 'localhost:\d+\|/d' in daemon process 'g'\.",
    r"Loading WSGI script '.*hello\.py' into sub-interpreter 'localhost:\d+\|/e' in embedded mode\.",
    r"Loading WSGI script '.*hello\.py' into sub-interpreter 'localhost:\d+\|/d' of daemon process 'g'\.",
    r"Shutdown requested for daemon process 'g'\.",
    r"Stopping process 'g'\.",
    r"Exiting daemon process 'g'\.",
]


def test_the_records_of_a_life(httpd):
    server = httpd(QUIET)
    for path in ("/e", "/d"):
        assert server.get(path, {"Host": f"localhost:{server.port}"}).status == 200
    server.stop()
    for text in LIFE:
        assert server.log.search(text), text


VHOST_LOG = """
WSGIScriptAlias / "${FOLDER}/scripts/talks.py"
<VirtualHost *:${PORT}>
ServerName main
</VirtualHost>
<VirtualHost *:${PORT}>
ServerName other
ErrorLog "${FOLDER}/other.log"
LogLevel notice wsgi:info
WSGIDaemonProcess g
WSGIProcessGroup g
WSGIApplicationGroup %{GLOBAL}
</VirtualHost>
"""


@pytest.mark.parametrize("level", ["crit", "alert"])
def test_what_is_worse_than_an_error_is_written_when_errors_are_not(httpd, level):
    server = httpd(f"LogLevel wsgi:{level}\nWSGIDaemonProcess g home=/nowhere/at/all\n")
    server.log.expect_code(9, "")
    server.log.allow("WSGI0025: ")
    server.log.wait_for("WSGI0009: ")


def test_row_86_a_daemon_of_a_virtual_host_moves_to_its_log(httpd):
    script = "import os\ndef application(environ, start_response):\n    print('to my log')\n    os.write(2, b'raw\\n')\n"
    script += "    start_response('200 OK', [])\n    return [b'x']\n"
    server = httpd(VHOST_LOG, scripts={"talks.py": script})
    assert server.get("/", {"Host": "other"}).text == "x"
    other = type(server.log)(server.folder / "other.log")
    other.wait_for("to my log")
    other.wait_for("^raw$")
    assert other.search("Loading WSGI script") and not server.log.search("to my log|^raw$")
    assert server.log.search("Starting daemon process 'g'") and not other.search("Starting daemon process")
    server.log.allow("talks.py")
