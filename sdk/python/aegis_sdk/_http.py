"""Requests to one server over connections that are kept: which of them may be tried again, when,
and what is raised. Redirects are not followed, so that a key goes nowhere else.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

RETRIED: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_MAX_S: Final = 30.0


class AegisHTTPError(RuntimeError):
    """An answer that is not what was asked for.

    `code` is the server's stable word for it, "" when the answer has none; `details` are all
    members of the answer, such as `expected_seq` of a conflict.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"aegis client: HTTP {status}: {body}")
        self.status = status
        self.body = body
        self.details = _members(body)
        code = self.details.get("code", "")
        self.code: str = code if isinstance(code, str) else ""


class Http:
    """Any number of threads may use it: a connection serves one request at a time."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout: float,
        retries: int,
        backoff: float,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._socket = _socket_path(base_url)
        # On a socket the host is a matter of form.
        url = urlsplit("http://localhost" if self._socket else base_url.rstrip("/"))
        if url.scheme not in ("http", "https") or url.hostname is None:
            why = "it is no http or https address, and no unix:PATH"
            raise ValueError(f"Cannot use {base_url!r}: {why}")
        if url.username is not None or url.query or url.fragment:
            raise ValueError("Cannot use the address: it has more than scheme, host, port and path")
        self._https = self._socket is None and url.scheme == "https"
        if ssl_context is not None and not self._https:
            raise ValueError(f"Cannot use certificates with {base_url!r}: it is no https address")
        self._host, self._port, self._prefix = url.hostname, url.port, url.path
        self._timeout, self._retries, self._backoff = timeout, retries, backoff
        self._context = ssl_context
        self._headers = {"Accept": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {_checked_key(api_key)}"
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._pid = os.getpid()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path, None, {}, repeatable=True)

    def post(
        self,
        path: str,
        body: bytes,
        *,
        repeatable: bool,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """`repeatable`: a second delivery changes nothing, so a lost answer may be asked for."""
        return self._send("POST", path, body, headers or {}, repeatable)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        repeatable: bool,
    ) -> dict[str, Any]:
        tries = self._retries + 1 if repeatable else 1
        sent = {**self._headers, **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        for left in range(tries - 1, -1, -1):
            wait = self._backoff * 2 ** (tries - 1 - left) * (0.5 + random.random())
            try:
                status, text, after = self._exchange(method, path, body, sent, fresh=not repeatable)
            except (OSError, http.client.HTTPException):
                if left == 0:
                    raise
            else:
                if status not in RETRIED or left == 0:
                    return _answer(status, text)
                wait = max(wait, after)
            time.sleep(wait)
        raise AssertionError("unreachable")

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        fresh: bool,
    ) -> tuple[int, str, float]:
        # A kept connection may have been closed meanwhile: what must not be sent twice gets a new
        # one. For the rest, one such surprise is no failure of the server yet.
        kept = None if fresh else self._kept()
        if kept is not None:
            try:
                return self._exchange_on(kept, method, path, body, headers)
            except (ConnectionError, http.client.RemoteDisconnected):
                pass
        return self._exchange_on(self._connection(), method, path, body, headers)

    def _exchange_on(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[int, str, float]:
        try:
            connection.request(method, self._prefix + path, body=body, headers=dict(headers))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return response.status, text, _retry_after(response.getheader("Retry-After"))

    def _kept(self) -> http.client.HTTPConnection | None:
        # Of a process that forked, the parent goes on with the same connections: either would read
        # what the other one was answered. Closing the child's end of them leaves the parent's.
        if self._pid != os.getpid():
            self.close()
            self._pid = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connection(self) -> http.client.HTTPConnection:
        if self._socket is not None:
            return _SocketConnection(self._socket, timeout=self._timeout)
        if not self._https:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout, context=self._context
        )


class _SocketConnection(http.client.HTTPConnection):
    """To a server on a Unix socket of this machine, which learns from the kernel who connects."""

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(self._path)
        except BaseException:
            made.close()
            raise
        self.sock = made


def _socket_path(address: str) -> str | None:
    scheme, _, path = address.partition(":")
    return path if scheme == "unix" and path else None


def _checked_key(key: str) -> str:
    """Not left to http.client, whose error would show the key."""
    if all("!" <= character <= "~" for character in key):
        return key
    why = "it has blanks, line breaks or what is not ASCII; strip() what was read from a file"
    raise ValueError(f"Cannot use the API key: {why}")


def _answer(status: int, text: str) -> dict[str, Any]:
    if not 200 <= status < 300:
        raise AegisHTTPError(status, text.strip())
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise AegisHTTPError(status, f"no JSON object: {text[:200]}")


def _members(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _retry_after(text: str | None) -> float:
    if text is None or not text.isascii() or not text.isdigit():
        return 0.0
    return min(float(text), RETRY_AFTER_MAX_S)
