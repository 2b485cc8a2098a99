"""`wsgi.file_wrapper` (DD 7.9; rows 24 and 25)."""

import json

import pytest

from http_client import Truncated
from inline_client import FILE, run, target

BLOCKS = 4096
CONTENT = bytes(range(256)) * BLOCKS


@pytest.mark.parametrize("seek", [0, 1, 500_000, len(CONTENT)])
def test_row_25_a_file_is_sent_from_where_it_stands(site, deployment, seek):
    response = run(site, deployment, FILE.format(blocks=BLOCKS, seek=seek, headers=[]))
    assert response.body == CONTENT[seek:] and response.header("Content-Length") == str(len(CONTENT) - seek)


@pytest.mark.parametrize("length", [0, 1, 100_000, len(CONTENT)])
def test_a_file_with_a_length(site, deployment, length):
    response = run(site, deployment, FILE.format(blocks=BLOCKS, seek=0, headers=[("Content-Length", str(length))]))
    assert response.body == CONTENT[:length]


@pytest.mark.differs("row 24: what the client is promised is not there, and the connection stays open")
def test_row_24_a_length_beyond_the_file_is_a_short_response(site, mode):
    site.log.allow("WSGI0|AH")
    text = FILE.format(blocks=BLOCKS, seek=0, headers=[("Content-Length", str(len(CONTENT) + 10))])
    with site.connect(timeout=8) as connection:
        try:
            response = connection.get(target(mode, text))
        except Truncated as error:
            assert error.partial == CONTENT, "all of the file, and then the end of the connection"
        else:
            assert response.body == CONTENT and response.header("Content-Length") == str(len(CONTENT))


def test_what_has_no_descriptor_is_read(site, deployment):
    body = "import io\nstart_response('200 OK', [])\nreturn environ['wsgi.file_wrapper'](io.BytesIO(b'abc' * 10000))"
    assert run(site, deployment, body).body == b"abc" * 10000


@pytest.mark.differs("an AttributeError is logged")
def test_a_file_need_not_have_close(site, mode):
    body = """
        class Once:
            blocks = [b"", b"abc"]
            def read(self, size):
                return self.blocks.pop()
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Once())
    """
    mark = site.log.mark()
    assert run(site, mode, body).body == b"abc"
    assert site.get(f"/{mode}/hello.py").status == 200 and not site.log.search("AttributeError", since=mark)


def test_the_file_wrapper_itself(site, deployment):
    body = """
        import io
        wrap = environ["wsgi.file_wrapper"]
        one = wrap(filelike=io.BytesIO(b"abcdef"), blksize=4)
        told = [one.blksize, type(one.filelike).__name__, [block.decode() for block in one]]
        one.close(), one.close()
        for attempt in (lambda: one.filelike, lambda: next(iter(one)), lambda: wrap(io.BytesIO(), -1),
                        lambda: next(iter(wrap(io.StringIO("x"))))):
            try:
                attempt()
            except Exception as error:
                told.append([type(error).__name__, str(error)])
        return report(start_response, told)
    """
    assert json.loads(run(site, deployment, body).text) == [
        4, "BytesIO", ["abcd", "ef"], ["ValueError", "I/O operation on closed file"],
        ["ValueError", "I/O operation on closed file"], ["ValueError", "blksize must not be negative"],
        ["TypeError", "file wrapper read() must return bytes, not str"],
    ]  # fmt: skip


def test_the_file_is_closed(site, deployment):
    body = """
        class Watched:
            def read(self, size):
                return b""
            def close(self):
                print("closed the file")
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Watched())
    """
    site.log.expect("closed the file")
    assert run(site, deployment, body).status == 200


@pytest.mark.differs("what is counted from before the beginning ends beyond the end")
@pytest.mark.parametrize("position", [-3, -100_000])
def test_a_position_before_the_beginning(site, mode, position):
    text = """
        import tempfile
        handle = tempfile.TemporaryFile()
        handle.write(bytes(range(256)) * 4096)
        handle.seek(0)
        class Early:
            fileno, read = handle.fileno, handle.read
            def tell(self):
                return {position}
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Early())
    """
    assert run(site, mode, text.format(position=position)).body == CONTENT
