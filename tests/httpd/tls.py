"""A certificate for the tests, and connections over TLS and HTTP/2."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

from http_client import Connection


def certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key for `localhost`, signed by itself."""
    cert, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return cert, key


def context(*protocols: str) -> ssl.SSLContext:
    found = ssl.create_default_context()
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.set_alpn_protocols(list(protocols))
    return found


def connect(port: int) -> Connection:
    """An HTTP/1.1 connection over TLS."""
    connection = Connection(("127.0.0.1", port), 30)
    connection.socket = context("http/1.1").wrap_socket(connection.socket, server_hostname="localhost")
    return connection


class Http2:
    """As much of HTTP/2 as a test needs: many requests at once on one connection, over TLS."""

    def __init__(self, port: int) -> None:
        raw = socket.create_connection(("127.0.0.1", port), 30)
        self._socket = context("h2").wrap_socket(raw, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "h2"
        self._connection = H2Connection(H2Configuration(client_side=True))
        self._connection.initiate_connection()
        # As browsers do; the window of 64 KiB that HTTP/2 begins with is for the first round trip.
        self._connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20})
        self._connection.increment_flow_control_window(16 << 20)
        self._flush()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def all(self, requests: list[tuple[str, str, bytes]], expect: bool = False) -> list[tuple[int, bytes, bool]]:
        """Sends (method, path, body) each on a stream of its own; status, body and whether it ended, in order. With `expect` no
        body is sent before the server has asked for it."""
        bodies = {}
        for method, path, body in requests:
            stream = self._connection.get_next_available_stream_id()
            head = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "localhost")]
            if body:
                head.append(("content-length", str(len(body))))
                head += [("expect", "100-continue")] if expect else []
            self._connection.send_headers(stream, head, end_stream=not body)
            if body:
                bodies[stream] = body
        answers: dict[int, list] = {2 * n + 1: [0, b"", False] for n in range(len(requests))}
        waiting = set(answers)
        held, bodies = (bodies, {}) if expect else ({}, bodies)
        while waiting:
            self._send_bodies(bodies)
            data = self._socket.recv(65536)
            assert data, "the server hung up"
            for event in self._connection.receive_data(data):
                self._take(event, answers, waiting)
                if isinstance(event, InformationalResponseReceived):
                    bodies[event.stream_id] = held.pop(event.stream_id)
            self._flush()
        return [tuple(answer) for answer in answers.values()]

    def _take(self, event, answers, waiting) -> None:
        if isinstance(event, ResponseReceived):
            answers[event.stream_id][0] = int(dict(event.headers)[b":status"])
        elif isinstance(event, DataReceived):
            answers[event.stream_id][1] += event.data
            self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            answers[event.stream_id][2] = True
            waiting.discard(event.stream_id)
        elif isinstance(event, StreamReset):
            waiting.discard(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            waiting.clear()

    def _send_bodies(self, bodies: dict[int, bytes]) -> None:
        for stream in list(bodies):
            while stream in bodies:
                room = min(self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size)
                if room <= 0:
                    break
                block, bodies[stream] = bodies[stream][:room], bodies[stream][room:]
                self._connection.send_data(stream, block, end_stream=not bodies[stream])
                if not bodies[stream]:
                    del bodies[stream]
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._connection.data_to_send())
