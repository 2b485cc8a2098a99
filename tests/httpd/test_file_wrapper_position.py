"""A file that is sent keeps its position for the application, whoever reads it, and when (DD 7.9)."""

import gzip
import hashlib
import json

import pytest

from harness import httpd_config as config
from http_client import request
from inline_client import target

#: More than the buffers of a connection hold.
SIZE = 16 << 20
#: httpd reads the file itself, with each of these: to send it, and to compress it.
READERS = {"to-send": [], "to-compress": [("Accept-Encoding", "gzip")]}

SEND = """
import os, sys, tempfile
handle = sys.handle_of_the_test = tempfile.TemporaryFile()
for _ in range({blocks}):
    handle.write(os.urandom(1 << 20))
handle.seek(0)
os.chmod(handle.fileno(), {rights})
class Kept:
    fileno, tell, read = handle.fileno, handle.tell, handle.read
start_response("200 OK", [])
return environ["wsgi.file_wrapper"](Kept())
"""
MOVE = "import os, sys\nreturn report(start_response, os.lseek(sys.handle_of_the_test.fileno(), 7, os.SEEK_SET))"
TELL = """
import hashlib, os, sys
descriptor = sys.handle_of_the_test.fileno()
at = os.lseek(descriptor, 0, os.SEEK_CUR)
os.lseek(descriptor, 0, os.SEEK_SET)
digest = hashlib.sha256()
while block := os.read(descriptor, 1 << 20):
    digest.update(block)
return report(start_response, [at, digest.hexdigest()])
"""


@pytest.fixture(scope="module")
def server(httpd_module):
    text = (
        "EnableMMAP Off\nEnableSendfile Off\nSendBufferSize 65536\n"
        "<Location />\nSetOutputFilter DEFLATE\n</Location>\n"
        # Without it a daemon sends bytes. In a child it means that the kernel reads, who needs no position.
        "<LocationMatch ^/daemon>\nWSGIEnableSendfile On\n</LocationMatch>\n"
    )
    return httpd_module(config.site() + text, modules=("deflate",))


@pytest.mark.differs("the position is that of the reader")
@pytest.mark.parametrize("rights", [0o600, 0], ids=["ordinary", "nobody-else-may-open-it"])
@pytest.mark.parametrize("reader", READERS)
def test_a_slow_client_does_not_move_it(server, mode, reader, rights):
    text = SEND.format(blocks=SIZE >> 20, rights=rights)
    with server.connect() as connection:
        connection.send(request("GET", target(mode, text), READERS[reader]))
        head = connection.response_head()
        assert json.loads(server.get(target(mode, MOVE)).text) == 7
        body = b"".join(connection.blocks(head))
    if head.header("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    at, digest = json.loads(server.get(target(mode, TELL)).text)
    assert at == 7
    assert len(body) == SIZE and hashlib.sha256(body).hexdigest() == digest
