"""Reports the environ it was called with, and does to it what an application may do."""

from toolkit import record, report, routes


def describe(value):
    if isinstance(value, (str, bool, int, type(None))):
        return value
    if isinstance(value, tuple):
        return list(value)
    return "object"


def show(environ, start_response):
    return report(
        start_response,
        {
            "is_dict": type(environ) is dict,
            "values": {key: describe(value) for key, value in environ.items()},
            "types": {key: type(value).__name__ for key, value in environ.items()},
        },
    )


def spoil(environ, start_response):
    """PEP 3333 lets the application modify the environ in any way it desires."""
    for key in list(environ):
        if not key.startswith("wsgi."):
            environ[key] = "spoiled"
    environ["spoiled.key"] = "spoiled"
    del environ["PATH_INFO"]
    return report(start_response, "spoiled")


def served(environ, start_response):
    record("served", environ["PATH_INFO"])
    return report(start_response, environ["PATH_INFO"])


_validated = routes({"": show, "show": show, "served": served})
_free = routes({"spoil": spoil}, validated=False)


def application(environ, start_response):
    chosen = _free if environ["PATH_INFO"] == "/spoil" else _validated
    return chosen(environ, start_response)


def echo(environ, start_response):
    """Whatever the path is, reports the environ."""
    return show(environ, start_response)
