"""Runs the application that the query string holds as the source of its body: a test has both halves in one place."""

import textwrap
from urllib.parse import unquote

import toolkit


def application(environ, start_response):
    body, environ["QUERY_STRING"] = unquote(environ["QUERY_STRING"]), ""
    names = {"toolkit": toolkit, "report": toolkit.report, "text": toolkit.text}
    source = "def application(environ, start_response):\n" + textwrap.indent(body, "    ")
    exec(compile(source, __file__, "exec"), names)
    return names["application"](environ, start_response)
