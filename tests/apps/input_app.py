"""Reads `wsgi.input` in the way the query says."""

import hashlib
import json

from toolkit import query, record, report, routes, text, wait_for


def shown(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [shown(each) for each in value]
    return value


def perform(source, operations):
    """Runs `[["read", 5], ["readline"], ["iterate"], …]` and tells each result."""
    results = []
    for name, *arguments in operations:
        if name == "iterate":
            results.append(shown(list(source)))
        elif name == "next":
            results.append(shown(next(iter(source), None)))
        else:
            results.append(shown(getattr(source, name)(*arguments)))
    return results


def script(environ, start_response):
    operations = json.loads(query(environ)["ops"])
    return report(start_response, perform(environ["wsgi.input"], operations))


def outcome(call, *arguments):
    try:
        return ["returned", shown(call(*arguments))]
    except Exception as error:
        return [type(error).__name__, str(error)]


def refused(environ, start_response):
    source = environ["wsgi.input"]
    said = {
        "read(None)": outcome(source.read, None)[0],
        "read('1')": outcome(source.read, "1")[0],
        "readline(None)": outcome(source.readline, None)[0],
        "read(0)": outcome(source.read, 0),
        "readline(0)": outcome(source.readline, 0),
        "close()": outcome(source.close),
        "read()": outcome(source.read),
        "again": outcome(source.read),
        "readline at the end": outcome(source.readline),
        "readlines at the end": outcome(source.readlines),
    }
    return report(start_response, said)


def digest(environ, start_response):
    total, size = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(100_000):
        total.update(block)
        size += len(block)
    return report(start_response, [size, total.hexdigest()])


def watched(environ, start_response):
    """Records what reading the body comes to."""
    name = query(environ)["record"]
    record(name, "called")
    try:
        body = environ["wsgi.input"].read()
    except BaseException as error:
        record(name, "OSError" if isinstance(error, OSError) else repr(error))
        try:
            environ["wsgi.input"].read()
        except OSError:
            record(name, "OSError again")
        raise
    record(name, f"complete {len(body)}")
    return text(start_response, "read")


def partly(environ, start_response):
    count = int(query(environ).get("count", "0"))
    environ["wsgi.input"].read(count) if count else None
    return text(start_response, "partly")


def echo_lines(environ, start_response):
    """Answers each line while the body is still coming in."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        for line in environ["wsgi.input"]:
            yield b"seen " + line

    return blocks()


def reads_late(environ, start_response):
    record("waiting", "yes")
    wait_for(query(environ)["gate"])
    return text(start_response, str(len(environ["wsgi.input"].read(-1))))


def smuggled(environ, start_response):
    record("served", environ["PATH_INFO"])
    return text(start_response, "smuggled")


ROUTES = {
    "script": script, "refused": refused, "digest": digest, "watched": watched, "partly": partly,
    "reads-late": reads_late, "smuggled": smuggled, "echo-lines": echo_lines,
}  # fmt: skip

application = routes(ROUTES, validated=False)

#: The routes that keep the rules `wsgiref.validate` sets for `wsgi.input`.
validated = routes({"digest": digest, "smuggled": smuggled})
