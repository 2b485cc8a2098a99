"""As much of a browser as the example sites need: cookies, redirects and forms."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from http_client import Connection, Response, request

BOUNDARY = "--boundary-of-the-tests"


class Browser:
    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._connection: Connection | None = None
        self.cookies: dict[str, str] = {}

    def get(self, target: str) -> Response:
        return self._follow(target, self._send("GET", target))

    def post(self, target: str, fields: dict[str, str]) -> Response:
        body = urlencode(fields).encode()
        kind = "application/x-www-form-urlencoded"
        return self._follow(target, self._send("POST", target, body, kind))

    def upload(self, target: str, fields: dict[str, str], file: tuple[str, str, bytes]) -> Response:
        """A multipart form; `file` is (field, file name, content)."""
        name, file_name, content = file
        part = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
        body = b"".join(
            part.format(BOUNDARY, key, "").encode() + value.encode() + b"\r\n"
            for key, value in fields.items()
        )
        body += part.format(BOUNDARY, name, f'; filename="{file_name}"').encode() + content
        body += f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self._follow(target, self._send("POST", target, body, kind))

    def csrf_token(self, target: str) -> str:
        """The token of the form on a page of Django."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(target).text)
        assert found, f"no form on {target}"
        return found[1]

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, target: str, body: bytes | None = None, kind: str = ""
    ) -> Response:
        headers = {"Host": f"{self._address[0]}:{self._address[1]}"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if kind:
            headers["Content-Type"] = kind
        if self._connection is None:
            self._connection = Connection(self._address, 60)
        self._connection.send(request(method, target, headers, body))
        response = self._connection.response(method)
        for line in response.headers("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        if response.closes or response.framing == "close":
            self.close()
        return response

    def _follow(self, target: str, response: Response, limit: int = 5) -> Response:
        while response.status in (301, 302, 303) and limit:
            target = (
                urlsplit(urljoin(target, response.header("Location")))
                ._replace(scheme="", netloc="")
                .geturl()
            )
            response = self._send("GET", target)
            limit -= 1
        return response
