"""One mebibyte of a file, through the server's file wrapper; the benchmark says which file."""

SIZE = 1024 * 1024
HEADERS = [("Content-Type", "application/octet-stream"), ("Content-Length", str(SIZE))]


def application(environ, start_response):
    start_response("200 OK", list(HEADERS))
    return environ["wsgi.file_wrapper"](open(environ["bench.file"], "rb"), 65536)
