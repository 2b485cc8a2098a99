"""Requests whose application is written in the test."""

from __future__ import annotations

import textwrap
from urllib.parse import quote

from harness.httpd_config import Deployment
from harness.httpd_server import Httpd

#: A defect of 6.1.1 that the description of it does not list: why a test is left out with `--oracle`.
MIXED = "a thread that has been in another interpreter may run the main one's requests there"

#: Tells what a call came to: `["returned", value]`, or the class and the text of its exception.
OUTCOME = """
def outcome(call, *arguments, **named):
    try:
        returned = call(*arguments, **named)
    except BaseException as error:
        return [type(error).__name__, str(error)]
    return ["returned", returned.decode("latin-1") if isinstance(returned, bytes) else returned]
"""

#: Sends a file of all 256 bytes, `blocks` times, from where it stands.
FILE = """
import tempfile
handle = tempfile.TemporaryFile()
handle.write(bytes(range(256)) * {blocks})
handle.seek({seek})
start_response('200 OK', {headers})
return environ['wsgi.file_wrapper'](handle)
"""


def target(deployment: Deployment | str, body: str) -> str:
    """Where a deployment of `config.site` runs `body` as the body of `application(environ, start_response)`."""
    return f"/{deployment}/inline.py?{quote(textwrap.dedent(body).strip())}"


def run(server: Httpd, deployment: Deployment | str, body: str, method: str = "GET", headers=None, data=None, **more):
    return server.request(method, target(deployment, body), headers, data, **more)
