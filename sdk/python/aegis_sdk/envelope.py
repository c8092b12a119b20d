"""Events of a session, each sealed by a hash over its content and the hash before it."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from .canon import hash_object

__all__ = ["Builder", "Envelope", "EventType"]

INTEGER_MAX: Final = 2**53 - 1
"""Beyond it two integers would have one canonical form."""


class EventType(StrEnum):
    """What an event tells. SANITIZED_TEXT names keys whose text was checked and is clean again."""

    MODEL_CALL_STARTED = "MODEL_CALL_STARTED"
    MODEL_CALL_FINISHED = "MODEL_CALL_FINISHED"
    TOOL_CALL_PROPOSED = "TOOL_CALL_PROPOSED"
    TOOL_CALL_ALLOWED = "TOOL_CALL_ALLOWED"
    TOOL_CALL_DENIED = "TOOL_CALL_DENIED"
    TOOL_CALL_EXECUTED = "TOOL_CALL_EXECUTED"
    TOOL_RESULT = "TOOL_RESULT"
    POLICY_DECISION = "POLICY_DECISION"
    APPROVAL_REQUESTED = "APPROVAL_REQUESTED"
    APPROVAL_DECIDED = "APPROVAL_DECIDED"
    MEMORY_READ = "MEMORY_READ"
    MEMORY_WRITE = "MEMORY_WRITE"
    HANDOFF_REQUESTED = "HANDOFF_REQUESTED"
    HANDOFF_COMPLETED = "HANDOFF_COMPLETED"
    CHECKPOINT_CREATED = "CHECKPOINT_CREATED"
    TERMINATION = "TERMINATION"
    ERROR_RAISED = "ERROR_RAISED"
    SANITIZED_TEXT = "SANITIZED_TEXT"


@dataclass
class Envelope:
    """One event. `prev_hash` and `hash` are 32 bytes each; the first event has no `prev_hash`."""

    tenant_id: str
    user_id: str
    session_id: str
    seq: int
    ts_unix_ms: int
    event_type: EventType | str
    payload: Any = None
    prev_hash: bytes | None = None
    hash: bytes | None = None

    def seal(self) -> None:
        """Sets `hash`. Raises ValueError when the event could not be part of any chain."""
        _check_integer("seq", self.seq)
        _check_integer("ts_unix_ms", self.ts_unix_ms)
        if self.seq == 0 and self.prev_hash:
            raise ValueError("Cannot seal the event: the first of a session has no prev_hash")
        if self.prev_hash and len(self.prev_hash) != 32:
            raise ValueError("Cannot seal the event: prev_hash is not 32 bytes")
        self.hash = hash_object(self._hashed())

    def verify(self) -> bool:
        """Whether `hash` is the one of this content. False without a hash; changes nothing."""
        if not self.hash or (self.seq == 0 and self.prev_hash):
            return False
        try:
            return hmac.compare_digest(self.hash, hash_object(self._hashed()))
        except (TypeError, ValueError):
            return False

    def to_dict(self) -> dict[str, Any]:
        """What a server is sent: hashes in base64, absent where there are none."""
        members = self._hashed()
        if self.hash:
            members["hash"] = base64.b64encode(self.hash).decode("ascii")
        return members

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> Envelope:
        """An event as `to_dict` gives it or a server lists it: hashes in base64, hex or integers.

        Raises KeyError where a member is missing, ValueError where a hash is none.
        """
        return cls(
            tenant_id=members["tenant_id"],
            user_id=members.get("user_id", ""),
            session_id=members["session_id"],
            seq=members["seq"],
            ts_unix_ms=members["ts_unix_ms"],
            event_type=_event_type(members["event_type"]),
            payload=members.get("payload"),
            prev_hash=_hash_of(members.get("prev_hash")),
            hash=_hash_of(members.get("hash")),
        )

    def _hashed(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "user_id": self.user_id,
            "session_id": self.session_id,
            "seq": self.seq,
            "ts_unix_ms": self.ts_unix_ms,
            "event_type": str(self.event_type),
            "payload": self.payload,
        }
        if self.prev_hash:
            members["prev_hash"] = base64.b64encode(self.prev_hash).decode("ascii")
        return members


class Builder:
    """Seals the events of one session, each onto the one before it.

    To go on with a session that has events, give the number of the next one as `next_seq` and the
    hash of the last one as `prev_hash`.
    """

    def __init__(
        self,
        tenant_id: str,
        user_id: str,
        session_id: str,
        next_seq: int = 0,
        prev_hash: bytes | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self.user_id = user_id
        self.session_id = session_id
        self._next_seq = next_seq
        self._last_hash = prev_hash

    @property
    def next_seq(self) -> int:
        """The number that the next event gets."""
        return self._next_seq

    @property
    def last_hash(self) -> bytes | None:
        """The hash of the last event; None before the first."""
        return self._last_hash

    def append(self, event_type: EventType | str, payload: Any = None) -> Envelope:
        """The next event, sealed. Raises ValueError for a type that is no EventType."""
        envelope = Envelope(
            tenant_id=self.tenant_id,
            user_id=self.user_id,
            session_id=self.session_id,
            seq=self._next_seq,
            ts_unix_ms=time.time_ns() // 1_000_000,
            event_type=EventType(event_type),
            payload=payload,
            prev_hash=self._last_hash,
        )
        envelope.seal()
        self._next_seq += 1
        self._last_hash = envelope.hash
        return envelope


def _check_integer(name: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX:
        return
    raise ValueError(f"Cannot seal the event: {name} is {value!r}, not an integer up to 2**53 - 1")


def _event_type(text: str) -> EventType | str:
    return EventType(text) if text in EventType.__members__ else text


def _hash_of(value: Any) -> bytes | None:
    if value is None or value == "" or value == []:
        return None
    try:
        if isinstance(value, str) and len(value) == 64:
            found = bytes.fromhex(value)
        elif isinstance(value, str):
            found = base64.b64decode(value, validate=True)
        else:
            found = bytes(value)
    except (TypeError, ValueError):
        found = b""
    if len(found) == 32:
        return found
    raise ValueError(f"Cannot read the hash {value!r}: it is none in base64, hex or 32 integers")
