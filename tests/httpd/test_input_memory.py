"""Bodies and the memory of a process: none is there twice, and one that does not fit is the application's to handle."""

import pytest

from harness import httpd_install as install

SIZE = 96 << 20

#: Reads all of its body: with no more address space than the query string says, in sizes of the body, as `memory-limit`
#: limits a whole process; and tells how much more memory that has taken.
APPLICATION = """
import os, resource

SIZE = %d

def application(environ, start_response):
    space, resident = (int(pages) * resource.getpagesize() for pages in open("/proc/self/statm").read().split()[:2])
    before = resource.getrlimit(resource.RLIMIT_AS)
    if environ["QUERY_STRING"]:
        more = int(float(environ["QUERY_STRING"]) * SIZE)
        resource.setrlimit(resource.RLIMIT_AS, (space + more, before[1]))
    try:
        outcome = len(environ["wsgi.input"].read())
    except MemoryError:
        outcome = "MemoryError"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - resident
    # Nothing was lost: there is less to be had at a time.
    total = outcome if isinstance(outcome, int) else 0
    while block := environ["wsgi.input"].read(1 << 20):
        total += len(block)
    start_response("200 OK", [])
    return [f"{os.getpid()} {outcome} {total} {peak / SIZE}".encode()]
""" % SIZE


@pytest.fixture
def server(httpd):
    text = (
        "WSGIDaemonProcess memory threads=1\n"
        'WSGIScriptAlias / "${FOLDER}/scripts/memory.py" process-group=memory application-group=%{GLOBAL}\n'
    )
    return httpd(text, scripts={"memory.py": APPLICATION})


def test_a_large_body_is_in_memory_once(server):
    _, outcome, _, peak = server.post("/", bytes(SIZE)).text.split()
    assert outcome == str(SIZE)
    assert 0.9 < float(peak) < 1.5


@pytest.mark.skipif(
    install.FREE_THREADED,
    reason="the allocator has address space in reserve, more than the body needs",
)
def test_a_large_body_fits_or_is_an_exception(server):
    answers = [server.post(f"/?{more}", bytes(SIZE)).text.split() for more in ("0.5", "1.5", "0.5")]
    refused = ["MemoryError", str(SIZE)]
    assert [answer[1:3] for answer in answers] == [refused, [str(SIZE), str(SIZE)], refused]
    assert len({answer[0] for answer in answers}) == 1, "the process has lived on"
