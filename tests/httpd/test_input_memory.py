"""Bodies and the memory of a process: none is there twice, and one that does not fit is the application's to handle."""

import pytest

SIZE = 96 << 20

#: Leaves itself `more` times the size of the body, as `memory-limit` does for a whole process.
APPLICATION = """
import os, resource

def application(environ, start_response):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    more = float(environ["QUERY_STRING"])
    resource.setrlimit(resource.RLIMIT_AS, (used + int(more * %d), before[1]))
    try:
        outcome = len(environ["wsgi.input"].read())
    except MemoryError:
        outcome = "MemoryError"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    # Nothing was lost: there is less to be had at a time.
    total = outcome if isinstance(outcome, int) else 0
    while block := environ["wsgi.input"].read(1 << 20):
        total += len(block)
    start_response("200 OK", [])
    return [f"{os.getpid()} {outcome} {total}".encode()]
""" % SIZE


@pytest.fixture(scope="module")
def server(httpd_module):
    text = (
        "WSGIDaemonProcess memory threads=1\n"
        'WSGIScriptAlias / "${FOLDER}/scripts/memory.py" process-group=memory application-group=%{GLOBAL}\n'
    )
    return httpd_module(text, scripts={"memory.py": APPLICATION})


def test_a_large_body_is_in_memory_once_or_an_exception(server):
    answers = [server.post(f"/?{more}", bytes(SIZE)).text.split() for more in ("0.5", "1.6", "0.5")]
    assert [answer[1:] for answer in answers] == [
        ["MemoryError", str(SIZE)],
        [str(SIZE), str(SIZE)],
        ["MemoryError", str(SIZE)],
    ]
    assert len({answer[0] for answer in answers}) == 1, "the process has lived on"
