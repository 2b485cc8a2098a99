"""The access log: its formats, one record for each request, and that no client can forge one."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.wait import until
from http_client import request

COMBINED = re.compile(
    r"(?P<host>\S+) \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'"(?P<line>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\d+|-) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)


def records(path, count=1):
    """The lines of the log, once there are as many as expected."""
    until(
        lambda: path.exists() and path.read_bytes().count(b"\n") >= count,
        f"{count} records of the access log",
    )
    return path.read_bytes().decode("ascii").splitlines()


@pytest.fixture
def logged(serve, tmp_path):
    """Starts a server with an access log and gives both."""

    def start(*options, app="served_app"):
        path = tmp_path / "access.log"
        return serve(app, "--access-logfile", str(path), *options), path

    return start


def test_combined(logged):
    server, path = logged()
    server.get("/a?b=c", Referer="http://r.example/", User_Agent="tests/1.0")
    match = COMBINED.fullmatch(records(path)[0])
    assert match.groupdict() == {
        "host": "127.0.0.1", "line": "GET /a?b=c HTTP/1.1", "status": "200", "size": "4",
        "referer": "http://r.example/", "agent": "tests/1.0",
    }  # fmt: skip


def test_absent_headers_are_dashes(logged):
    server, path = logged()
    server.get("/")
    match = COMBINED.fullmatch(records(path)[0])
    assert (match["referer"], match["agent"]) == ("-", "-")


def test_common(logged):
    server, path = logged("--access-logformat", "common")
    server.get("/", Referer="r", User_Agent="u")
    assert re.fullmatch(r'127\.0\.0\.1 - - \[.*\] "GET / HTTP/1\.1" 200 3', records(path)[0])


def test_json(logged):
    server, path = logged("--access-logformat", "json")
    server.get("/a?b", User_Agent='tests "quoted" \\ \xe9')
    record = json.loads(records(path)[0])
    assert 200 in record.values() or "200" in record.values()
    assert any("/a" in str(value) for value in record.values())
    assert any("quoted" in str(value) for value in record.values())


def test_a_format_of_its_own(logged):
    server, path = logged("--access-logformat", '%h %m "%U%q" %>s %B %{X-Id}i %{X-Id}o %% %H')
    server.get("/a%20b?c", X_Id="seven")
    assert records(path) == ['127.0.0.1 GET "/a%20b?c" 200 6 seven - % HTTP/1.1'] or records(
        path
    ) == ['127.0.0.1 GET "/a b?c" 200 6 seven - % HTTP/1.1']


def test_standard_output(serve):
    server = serve("served_app", "--access-logfile", "-")
    server.get("/to-stdout")
    line = records(server.stdout)[0]
    assert COMBINED.fullmatch(line)["line"] == "GET /to-stdout HTTP/1.1"


def test_no_access_log_by_default(serve):
    server = serve("served_app")
    server.get("/quiet")
    server.stop()
    assert server.stdout.read_text() == "" and "/quiet" not in server.log.text()


FORGERIES = [
    b'" 200 1 "-" "-"',
    b"\\",
    b'\\" 200',
    b"\x80\x9b31m\xff",
    b"caf\xe9",
    b"\t tab",
    b"%s%n%h",
    b'127.0.0.1 - - [x] "GET /admin HTTP/1.1" 200 5',
]


@pytest.mark.parametrize("text", FORGERIES)
def test_headers_cannot_forge_a_record(logged, text):
    server, path = logged()
    with server.connect() as connection:
        connection.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nReferer: %b\r\nUser-Agent: %b\r\n\r\n" % (text, text)
        )
        assert connection.response().status == 200
    server.get("/end")
    lines = records(path, 2)
    assert len(lines) == 2
    for line in lines:
        assert COMBINED.fullmatch(line) and line.isprintable()


@pytest.mark.parametrize(
    "target", [b'/"quoted"', b"/\\back", b"/%22%0d%0aforged", b"/?\xe9\xff", b"/'"]
)
def test_targets_cannot_forge_a_record(logged, target):
    server, path = logged()
    with server.connect() as connection:
        connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.response()
    server.get("/end")
    lines = records(path, 2)
    assert len(lines) == 2 and all(COMBINED.fullmatch(line) for line in lines)


def test_one_record_for_each_request(logged):
    server, path = logged("--threads", "2")

    def client(name):
        with server.connect() as connection:
            connection.send(b"".join(request("GET", f"/{name}/{n}") for n in range(25)))
            for _ in range(25):
                connection.response()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    lines = [COMBINED.fullmatch(line)["line"] for line in records(path, 200)]
    assert sorted(lines) == sorted(f"GET /{c}/{n} HTTP/1.1" for c in range(8) for n in range(25))


def test_refused_requests_are_recorded_too(logged):
    server, path = logged("--limit-request-body", "10")
    server.post("/large", b"x" * 11)
    with server.connect() as connection:
        connection.send(b"GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        connection.response()
    statuses = [COMBINED.fullmatch(line)["status"] for line in records(path, 2)]
    assert statuses == ["413", "400"]


def test_the_status_of_an_application_error(logged):
    server, path = logged(app="body_app")
    server.log.expect_traceback("Failing: in call")
    server.get("/raise?where=call")
    assert COMBINED.fullmatch(records(path)[0])["status"] == "500"


def test_a_log_that_cannot_be_opened_is_a_clear_error(serve):
    server = serve("hello", "--access-logfile", "/no/such/folder/access.log", ready=False)
    assert server.wait_exit() != 0
    server.expected_code = server.returncode
    server.log.expect("/no/such/folder/access.log")


def test_the_error_log_can_be_a_file(serve, tmp_path):
    path = tmp_path / "error.log"
    server = serve("errors_app", "--error-logfile", str(path), ready=False)
    until(lambda: path.exists() and "listening on" in path.read_text(), "the log file")
    server.log.path = path
    server.wait_ready()
    server.log.expect("into the file")
    server.get("/write?text=into+the+file")
    server.log.wait_for("into the file")
