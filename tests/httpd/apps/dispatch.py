"""Chooses groups and callable as request headers say."""


def process_group(environ):
    if environ["QUERY_STRING"] == "tell":
        print("dispatch keys", *sorted(name for name in environ if "." in name), file=environ["wsgi.errors"])
        print("dispatch group=%r" % environ["mod_wsgi.application_group"], file=environ["wsgi.errors"])
    return chosen(environ, "HTTP_X_PROCESS")


def application_group(environ):
    return chosen(environ, "HTTP_X_APPLICATION")


def callable_object(environ):
    return chosen(environ, "HTTP_X_CALLABLE")


def chosen(environ, name):
    value = environ.get(name)
    if value == "raise":
        raise ValueError("dispatch on purpose")
    special = {"number": 1, "bytes": b"by-bytes", "wide": "\u20ac"}
    return special.get(value, value)
