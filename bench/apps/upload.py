"""Reads the whole request body and answers its length."""


def application(environ, start_response):
    received = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    body = str(len(received)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
