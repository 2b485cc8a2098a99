"""About one millisecond of pure Python on the machines this is run on: a fixed amount of work, not a fixed time."""

STEPS = 13_000


def sum_of_squares(steps):
    total = 0
    for number in range(steps):
        total += number * number
    return total


def application(environ, start_response):
    body = str(sum_of_squares(STEPS)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
