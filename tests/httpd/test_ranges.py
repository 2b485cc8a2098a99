"""Requests for a part of a response: httpd cuts files, and leaves to the application what that has made (DD 7.6, 7.9)."""

import pytest

from inline_client import FILE, run

BLOCKS = 16
CONTENT = bytes(range(256)) * BLOCKS
PART = {"Range": "bytes=10-19"}


@pytest.mark.parametrize("name", ["Range", "Request-Range"])
@pytest.mark.parametrize("headers", [[], [("Content-Length", "4096")]], ids=["", "declared"])
@pytest.mark.parametrize(
    "body",
    ["return [bytes(range(256)) * 16]", "return (bytes(range(256)),) * 16", "yield bytes(range(256)) * 16",
     "for _ in range(16):\n    yield bytes(range(256))"],
    ids=["list", "tuple", "one-block", "blocks"],
)  # fmt: skip
def test_what_an_application_makes_is_whole(site, mode, name, headers, body):
    response = run(site, mode, f"start_response('200 OK', {headers})\n{body}", headers={name: "bytes=10-19"})
    assert (response.status, response.body) == (200, CONTENT)
    assert response.header("Content-Range") is None


def test_a_part_that_an_application_makes_is_passed_on(site, mode):
    headers = [("Content-Range", "bytes 10-19/4096"), ("Content-Length", "10")]
    response = run(site, mode, f"start_response('206 Partial Content', {headers})\nreturn [b'0123456789']", headers=PART)
    assert (response.status, response.body, response.header("Content-Range")) == (206, b"0123456789", headers[0][1])


@pytest.mark.only("embedded")
@pytest.mark.parametrize(("seek", "size"), [(0, 4096), (1000, 3096)])
@pytest.mark.parametrize("declared", [False, True])
def test_a_file_is_cut(site, deployment, seek, size, declared):
    headers = [("Content-Length", str(size))] if declared else []
    response = run(site, deployment, FILE.format(blocks=BLOCKS, seek=seek, headers=headers), headers=PART)
    assert (response.status, response.body) == (206, CONTENT[seek:][10:20])
    assert response.header("Content-Range") == f"bytes 10-19/{size}"


@pytest.mark.only("embedded")
def test_a_part_that_a_file_does_not_have(site, deployment):
    response = run(site, deployment, FILE.format(blocks=BLOCKS, seek=0, headers=[]), headers={"Range": "bytes=5000-6000"})
    assert response.status == 416


@pytest.mark.only("daemon")
def test_a_file_of_a_daemon_is_whole(site, deployment):
    response = run(site, deployment, FILE.format(blocks=BLOCKS, seek=0, headers=[]), headers=PART)
    assert (response.status, response.body) == (200, CONTENT)
