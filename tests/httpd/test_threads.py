"""Requests that threads of the application use, as asynchronous frameworks do with theirs (DD 7.4, 7.10, 7.11)."""

import json
import textwrap

import pytest

from harness.wait import until
from inline_client import run, target

#: Calls a function on a thread of its own, and gives its answer or raises its exception.
ELSEWHERE = """
from concurrent.futures import ThreadPoolExecutor
def elsewhere(call, *arguments, **named):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments, **named).result()
source = environ["wsgi.input"]
"""

BODIES = {"small": b"first\nsecond\n" + b"x" * 100, "large": b"first\nsecond\n" + b"x" * 3_000_000}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_thread_reads_the_request_body(site, deployment, body):
    program = """
        parts = [elsewhere(source.readline), source.readline(), elsewhere(source.read, 50), elsewhere(source.read)]
        start_response("200 OK", [])
        return parts
    """
    response = _run(site, deployment, program, body)
    assert response.status == 200 and response.body == body


def test_a_thread_answers(site, deployment):
    program = """
        write = elsewhere(start_response, "403 Forbidden", [("X-Kept", "yes")])
        elsewhere(write, b"one ")
        write(b"two ")
        elsewhere(write, b"three ")
        return [b"four"]
    """
    response = _run(site, deployment, program)
    assert (response.status, response.header("X-Kept")) == (403, "yes")
    assert response.body == b"one two three four"


def test_threads_take_turns(site, deployment):
    """Several read lines and write them back, while the request's own thread writes and prints."""
    program = """
        import threading
        write, failures = start_response("200 OK", []), []
        def echo():
            try:
                while line := source.readline():
                    write(line)
            except BaseException as error:
                failures.append(repr(error))
        threads = [threading.Thread(target=echo) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(50):
            write(f"own {number}\\n".encode())
            print("printed meanwhile")
        for thread in threads:
            thread.join()
        return ["\\n".join(failures).encode()]
    """
    site.log.allow("printed meanwhile")
    mark = site.log.mark()
    lines = [f"line {number:06}" for number in range(5000)]
    response = _run(site, deployment, program, "".join(f"{line}\n" for line in lines).encode())
    told = response.text.splitlines()
    assert sorted(line for line in told if not line.startswith("own ")) == lines
    assert [line for line in told if line.startswith("own ")] == [f"own {number}" for number in range(50)]
    until(lambda: len(site.log.records("printed meanwhile", since=mark)) == 50, "what was printed")


def test_a_thread_logs(site, deployment):
    program = """
        elsewhere(print, "from a thread", "of the request", file=environ["wsgi.errors"])
        start_response("200 OK", [])
        return []
    """
    site.log.expect("from a thread of the request")
    assert _run(site, deployment, program).status == 200


def test_a_thread_that_outlives_its_request_is_told_so(site, mode):
    begin = f"""{ELSEWHERE}
import sys, threading
write = start_response("200 OK", [])
over, told = threading.Event(), []
def linger():
    over.wait()
    for call in (source.read, source.readline, source.readlines, source.close, lambda: next(source),
                 lambda: write(b"late"), lambda: start_response("200 OK", [])):
        try:
            told.append(repr(call()))
        except Exception as error:
            told.append(f"{{type(error).__name__}}: {{error}}")
thread = threading.Thread(target=linger)
thread.start()
sys.lingering_thread_of_the_test = over, thread, told
return [b"begun"]"""
    end = """
import sys
over, thread, told = sys.lingering_thread_of_the_test
over.set()
thread.join()
return report(start_response, told)"""
    with site.connect() as connection:
        answers = [connection.get(target(mode, program)) for program in (begin, end)]
    assert answers[0].body == b"begun"
    calls = [f"{name}() called on wsgi.input" for name in ("read", "readline", "readlines", "close")]
    calls += ["iteration of wsgi.input attempted", "write() called", "start_response() called"]
    assert json.loads(answers[1].text) == [f"RuntimeError: {call} after request completed" for call in calls]


def _run(site, deployment, program, body=b""):
    return run(site, deployment, ELSEWHERE + textwrap.dedent(program), "POST", None, body)
