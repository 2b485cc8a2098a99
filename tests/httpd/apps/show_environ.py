"""Tells its environ: what JSON has no form for, by the name of its type."""

from toolkit import report


def shown(value):
    if isinstance(value, (str, int, float, list, tuple, type(None))):
        return value
    return f"{type(value).__module__}.{type(value).__name__}"


def application(environ, start_response):
    if environ["QUERY_STRING"] == "log":
        print("method", environ["REQUEST_METHOD"])
    return report(start_response, {name: shown(value) for name, value in environ.items()})
