"""Ten milliseconds outside Python, as a request that waits for a database does."""

import time

BODY = b"slept"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    time.sleep(0.010)
    start_response("200 OK", list(HEADERS))
    return [BODY]
