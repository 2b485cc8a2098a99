"""The environ: PEP 3333 "environ Variables", RFC 3875, and the rules of RFC 9110 and 9112 for
how header lines become values."""

import json

import pytest

from http_client import chunked, request


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("environ_app:echo", env={"E2E_SECRET": "of the process"})


@pytest.fixture(scope="module")
def spoiler(serve_module):
    return serve_module("environ_app")


@pytest.fixture
def connection(server):
    with server.connect() as connection:
        yield connection


def shown(response):
    assert response.status == 200, response
    return json.loads(response.text)


def values(response):
    return shown(response)["values"]


# What is there


def test_the_environ_is_a_plain_dict_with_every_required_key(connection):
    told = shown(connection.get("/"))
    assert told["is_dict"]
    required = {
        "REQUEST_METHOD": "str", "SCRIPT_NAME": "str", "PATH_INFO": "str", "QUERY_STRING": "str",
        "SERVER_NAME": "str", "SERVER_PORT": "str", "SERVER_PROTOCOL": "str",
        "SERVER_SOFTWARE": "str", "REMOTE_ADDR": "str", "REMOTE_PORT": "str", "REQUEST_URI": "str",
        "wsgi.version": "tuple", "wsgi.url_scheme": "str", "wsgi.multithread": "bool",
        "wsgi.multiprocess": "bool", "wsgi.run_once": "bool", "wsgi.input_terminated": "bool",
    }  # fmt: skip
    types = told["types"]
    assert {key: types.get(key) for key in required} == required
    assert {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper"} <= set(types)


def test_the_values_of_a_plain_request(server, connection):
    local_port = connection.socket.getsockname()[1]
    told = values(connection.get("/a/b?c=d&e"))
    expected = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a/b", "QUERY_STRING": "c=d&e",
        "REQUEST_URI": "/a/b?c=d&e", "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(local_port),
        "HTTP_HOST": "test.example", "wsgi.version": [1, 0], "wsgi.url_scheme": "http",
        "wsgi.run_once": False, "wsgi.input_terminated": True,
    }  # fmt: skip
    assert {key: told.get(key) for key in expected} == expected
    assert told["SERVER_NAME"]
    assert told["SERVER_SOFTWARE"].startswith("rickhouse")


def test_every_value_that_is_not_a_wsgi_key_is_a_native_string(connection):
    types = shown(connection.post("/?q", b"x", {"Content-Type": "text/plain"}))["types"]
    assert {k: t for k, t in types.items() if not k.startswith("wsgi.") and t != "str"} == {}


def test_the_process_environment_stays_out(connection):
    told = values(connection.get("/"))
    assert not {"E2E_SECRET", "PATH", "HOME", "HTTP_PROXY"} & set(told)


def test_http_1_0_without_host(server):
    with server.connect() as connection:
        told = values(connection.request("GET", "/", version="HTTP/1.0", host=None))
    assert told["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in told


# Targets


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/?", "/", ""),
        ("/caf%C3%A9", "/caf\xc3\xa9", ""),
        ("/%E9%ff", "/\xe9\xff", ""),
        ("/a%2Fb%2fc", "/a/b/c", ""),
        ("/%41%3f%25", "/A?%", ""),
        ("/a+b;c=d", "/a+b;c=d", ""),
        ("/?a=%41+b&%20", "/", "a=%41+b&%20"),
        ("/?a?b", "/", "a?b"),
        ("//a//b", "//a//b", ""),
        ("/a/../b/./c", "/a/../b/./c", ""),
        ("/%zz%4", "/%zz%4", ""),
    ],
)
def test_the_path_is_decoded_and_the_query_is_not(connection, target, path, query):
    response = connection.get(target)
    if "%zz" in target and response.status == 400:
        return  # Refusing a broken escape is the other right answer.
    told = values(response)
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == (path, query)
    assert told["REQUEST_URI"] == target


def test_absolute_form_replaces_host(connection):
    told = values(connection.get("http://other.example:81/a?b", Host="ignored.example"))
    assert told["HTTP_HOST"] == "other.example:81"
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == ("/a", "b")


def test_options_asterisk_is_served(connection):
    assert values(connection.request("OPTIONS", "*"))["REQUEST_METHOD"] == "OPTIONS"


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "PROPFIND", "get", "X-!#$%&'*+.^_`|~9"]
)
def test_methods_pass_as_sent(connection, method):
    assert values(connection.request(method, "/", body=b""))["REQUEST_METHOD"] == method


# Headers


def test_latin_1_goes_both_ways(connection):
    told = values(connection.get("/", X_Word="caf\xe9 \xff"))
    assert told["HTTP_X_WORD"] == "caf\xe9 \xff"


def test_surrounding_white_space_is_no_part_of_a_value(connection):
    connection.send(
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: \t a b\t \r\nX-Empty:\r\nX-None:   \r\n\r\n"
    )
    told = values(connection.response())
    assert (told["HTTP_X_A"], told["HTTP_X_EMPTY"], told["HTTP_X_NONE"]) == ("a b", "", "")


def test_repeated_headers_are_joined_in_order(connection):
    lines = [("X-A", "1"), ("x-b", "."), ("x-a", "2"), ("Cookie", "a=1"), ("cookie", "b=2")]
    told = values(connection.request("GET", "/", lines))
    assert told["HTTP_X_A"] == "1, 2"
    assert told["HTTP_COOKIE"] == "a=1; b=2"


@pytest.mark.parametrize(
    "name", ["Proxy", "X_A", "Content_Length", "X.A", "X!A", "X'A", "X~A", "Transfer_Encoding"]
)
def test_ambiguous_names_are_dropped(connection, name):
    told = values(connection.request("GET", "/", [(name, "smuggled")]))
    assert "smuggled" not in told.values()


def test_content_headers_have_no_http_prefix(connection):
    told = values(connection.post("/", b"abc", {"Content-Type": "a/b; c=d"}))
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("a/b; c=d", "3")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(told)


def test_the_length_is_absent_for_a_chunked_body(connection):
    headers = {"Transfer-Encoding": "chunked"}
    told = values(connection.request("POST", "/", headers, chunked(b"abc")))
    assert "CONTENT_LENGTH" not in told
    assert told["wsgi.input_terminated"] is True


def test_no_content_header_no_key_or_an_empty_one(connection):
    told = values(connection.get("/"))
    assert told.get("CONTENT_TYPE", "") == "" and told.get("CONTENT_LENGTH", "") in ("", "0")


def test_authorization_reaches_the_application(connection):
    assert values(connection.get("/", Authorization="Basic eA=="))["HTTP_AUTHORIZATION"]


def test_trailers_do_not_reach_the_environ(connection):
    body = b"3\r\nabc\r\n0\r\nX-Trailer: smuggled\r\nContent-Type: smuggled\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked", "Trailer": "X-Trailer"}
    told = values(connection.request("POST", "/", headers, body))
    assert "smuggled" not in told.values()


# Requests that share a connection share nothing else


def test_an_environ_is_not_changed_by_the_request_before(spoiler):
    with spoiler.connect() as connection:
        before = values(connection.get("/show"))
        assert connection.get("/spoil").status == 200
        assert values(connection.get("/show")) == before


def test_headers_of_one_request_are_not_in_the_next(connection):
    with_many = values(connection.get("/a?b", X_A="1", X_B="2", Cookie="c"))
    changed = values(connection.get("/a?b", X_A="3"))
    assert (with_many["HTTP_X_A"], changed["HTTP_X_A"]) == ("1", "3")
    assert not {"HTTP_X_B", "HTTP_COOKIE"} & set(changed)
    posted = values(connection.post("/", b"abc", {"Content-Type": "a/b"}))
    assert posted["CONTENT_LENGTH"] == "3"
    plain = values(connection.get("/"))
    assert plain.get("CONTENT_LENGTH", "") in ("", "0") and plain.get("CONTENT_TYPE", "") == ""
    assert plain["REQUEST_METHOD"] == "GET" and plain["QUERY_STRING"] == ""


def test_two_connections_keep_their_own_values(server):
    with server.connect() as one, server.connect() as two:
        one.send(request("GET", "/one", {"X-Name": "one"}))
        two.send(request("GET", "/two", {"X-Name": "two"}))
        told = values(one.response()), values(two.response())
    assert [each["PATH_INFO"] for each in told] == ["/one", "/two"]
    assert [each["HTTP_X_NAME"] for each in told] == ["one", "two"]
    assert told[0]["REMOTE_PORT"] != told[1]["REMOTE_PORT"]


# Options that change it


@pytest.mark.parametrize(
    ("target", "script_name", "path_info"),
    [("/mount", "/mount", ""), ("/mount/", "/mount", "/"), ("/mount/a%20b", "/mount", "/a b")],
)
def test_root_path_is_split_off(serve, target, script_name, path_info):
    told = values(serve("environ_app:echo", "--root-path", "/mount").get(target))
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == (script_name, path_info)


def test_root_path_is_a_whole_segment(serve):
    response = serve("environ_app:echo", "--root-path", "/mount").get("/mountain")
    if response.status == 200:
        assert values(response)["PATH_INFO"] == "/mountain"
    else:
        assert response.status == 404


@pytest.mark.parametrize(
    ("options", "multithread", "multiprocess"),
    [
        ((), False, False),
        (("--threads", "3"), True, False),
        (("--workers", "2"), False, True),
        (("--threads", "2", "--workers", "2"), True, True),
    ],
)
def test_concurrency_flags_are_true_to_the_configuration(serve, options, multithread, multiprocess):
    told = values(serve("environ_app:echo", *options).get("/"))
    assert (told["wsgi.multithread"], told["wsgi.multiprocess"]) == (multithread, multiprocess)
    assert told["wsgi.run_once"] is False
