"""The HTTP API of `aegis serve` as methods. Answers are the server's JSON objects."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from ._http import AegisHTTPError, Http
from .canon import canonicalize, exact_json
from .envelope import Envelope, EventType

__all__ = ["AegisClient", "AegisHTTPError"]


class AegisClient:
    """A client of one server, for any number of threads, and for the processes that are forked from
    the one that made it. `with` closes its connections.

    A request that the server may get twice without harm is sent again, `retries` times, when the
    connection breaks or the server says that it cannot answer now. Where no answer comes, the
    error of the connection is raised: an OSError or http.client.HTTPException. Every refusal is an
    AegisHTTPError, which is a RuntimeError.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8080",
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        backoff: float = 0.1,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`base_url` may be `unix:PATH`, of a server on a Unix socket. `timeout` and `backoff`, the
        wait before the first retry, are seconds.
        """
        self._http = Http(
            base_url,
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            ssl_context=ssl_context,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept; a later request opens new ones."""
        self._http.close()

    # Events

    def append_event(
        self, envelope: Envelope, *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Stores a sealed event: its `seq` and `hash`. Sending the same one again is no error.

        A conflict has status 409, and `expected_seq` and `expected_prev_hash` in `details`.
        """
        if envelope.hash is None:
            raise ValueError("Cannot send the event: it is not sealed")
        key = idempotency_key if idempotency_key is not None else uuid.uuid4().hex
        headers = {"Idempotency-Key": key}
        body = canonicalize(envelope.to_dict())
        return self._http.post("/v1/events", body, repeatable=True, headers=headers)

    def list_events(
        self,
        tenant_id: str,
        session_id: str | None = None,
        event_type: EventType | str | None = None,
        limit: int = 100,
        page_token: str | None = None,
        *,
        tool_name: str | None = None,
        policy_outcome: str | None = None,
        from_ts: int | None = None,
        to_ts: int | None = None,
    ) -> dict[str, Any]:
        """One page: `Events`, and in `NextToken` the `page_token` of the next one, "" at the end.

        Times are milliseconds since 1970.
        """
        return self._http.get(
            _path(
                "/v1/events",
                tenant_id=tenant_id,
                session_id=session_id,
                event_type=event_type,
                limit=limit,
                page_token=page_token,
                tool_name=tool_name,
                policy_outcome=policy_outcome,
                from_ts=from_ts,
                to_ts=to_ts,
            )
        )

    def iter_events(
        self,
        tenant_id: str,
        session_id: str | None = None,
        event_type: EventType | str | None = None,
        *,
        page_size: int = 500,
        tool_name: str | None = None,
        policy_outcome: str | None = None,
        from_ts: int | None = None,
        to_ts: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every event that `list_events` would give, page after page."""
        token: str | None = None
        while token != "":
            page = self.list_events(
                tenant_id,
                session_id,
                event_type,
                page_size,
                token,
                tool_name=tool_name,
                policy_outcome=policy_outcome,
                from_ts=from_ts,
                to_ts=to_ts,
            )
            yield from page.get("Events") or ()
            token = page.get("NextToken") or ""

    # Sessions

    def list_sessions(
        self, tenant_id: str, limit: int = 100, page_token: str | None = None
    ) -> dict[str, Any]:
        """One page, newest first: `sessions`, and in `NextToken` the next one's `page_token`."""
        path = _path("/v1/sessions", tenant_id=tenant_id, limit=limit, page_token=page_token)
        return self._http.get(path)

    def get_snapshot(self, tenant_id: str, session_id: str) -> dict[str, Any]:
        """What the events of a session add up to now: steps, calls, time, taint, loops."""
        path = f"/v1/sessions/{_part(session_id)}/snapshot"
        return self._http.get(_path(path, tenant_id=tenant_id))

    def verify_chain(self, tenant_id: str, session_id: str) -> dict[str, Any]:
        """Whether a session is what was recorded: `valid`, `first_bad_seq` and `error`."""
        path = f"/v1/sessions/{_part(session_id)}/verify"
        return self._http.get(_path(path, tenant_id=tenant_id))

    # Decisions

    def decide(
        self,
        event: Envelope | Mapping[str, Any],
        snapshot: Mapping[str, Any] | None = None,
        manifest: Mapping[str, Any] | None = None,
        session: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """May this call be made? `outcome` is `allow`, `deny` or `require_approval`.

        With `session`, a `tenant_id` and a `session_id`, the server judges by the live state and
        records the decision; without it `snapshot` counts. Where no answer comes this raises:
        nothing was allowed.
        """
        body: dict[str, Any] = {
            "event": event.to_dict() if isinstance(event, Envelope) else dict(event)
        }
        for name, value in (("snapshot", snapshot), ("manifest", manifest), ("session", session)):
            if value is not None:
                body[name] = dict(value)
        # So that another delivery is the same question, which is decided and recorded once.
        key = idempotency_key if idempotency_key is not None else uuid.uuid4().hex
        headers = {"Idempotency-Key": key}
        return self._http.post(
            "/v1/policy/decide", canonicalize(body), repeatable=True, headers=headers
        )

    # Approvals

    def request_approval(
        self,
        tenant_id: str,
        session_id: str,
        tool_name: str,
        args: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Asks for a person. Whoever has the `token` of the answer may look at the request.

        Arguments are sent as they are: an integer that no double holds is refused by the server,
        status 422, because the person might be shown another one.
        """
        body = {
            "tenant_id": tenant_id,
            "session_id": session_id,
            "tool_name": tool_name,
            "args": dict(args or {}),
        }
        return self._http.post("/v1/approvals", exact_json(body), repeatable=False)

    def list_approvals(
        self, tenant_id: str, limit: int = 100, page_token: str | None = None
    ) -> dict[str, Any]:
        """One page of `approvals` that wait, and in `NextToken` the next one's `page_token`."""
        path = _path("/v1/approvals", tenant_id=tenant_id, limit=limit, page_token=page_token)
        return self._http.get(path)

    def get_approval(self, tenant_id: str, token: str) -> dict[str, Any]:
        """A request: its `status` is `PENDING`, `ALLOWED`, `DENIED` or `EXPIRED`."""
        return self._http.get(_path(f"/v1/approvals/{_part(token)}", tenant_id=tenant_id))

    def wait_for_approval(
        self, tenant_id: str, token: str, *, timeout: float = 300.0, interval: float = 1.0
    ) -> dict[str, Any]:
        """The request once it is decided or has expired. Raises TimeoutError when neither is so
        within `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.get_approval(tenant_id, token)
            if found.get("status") != "PENDING":
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"aegis client: no decision within {timeout:g} s")
            time.sleep(min(interval, left))

    def decide_approval(
        self,
        tenant_id: str,
        token: str,
        *,
        allow: bool,
        edited_args: Mapping[str, Any] | None = None,
        message: str | None = None,
        approver: str | None = None,
    ) -> dict[str, Any]:
        """Allows or denies what waits, once; `edited_args` replace the arguments of an allowed
        call."""
        body: dict[str, Any] = {"allow": allow}
        if edited_args is not None:
            body["edited_args"] = dict(edited_args)
        if message is not None:
            body["message"] = message
        if approver is not None:
            body["approver"] = approver
        path = _path(f"/v1/approvals/{_part(token)}", tenant_id=tenant_id)
        return self._http.post(path, exact_json(body), repeatable=False)

    # Health

    def health(self) -> dict[str, Any]:
        """What `/healthz` says."""
        return self._http.get("/healthz")


def _part(text: str) -> str:
    if text in ("", ".", ".."):
        raise ValueError(f"Cannot ask for {text!r}: it is no part of an address")
    return quote(text, safe="")


def _path(path: str, **query: str | int | None) -> str:
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}"
