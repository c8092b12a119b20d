"""Events and chains of them, without a server."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from aegis_sdk import Builder, Envelope, EventType, hash_object


def event(**changes: object) -> Envelope:
    first = Envelope(
        tenant_id="acme",
        user_id="u1",
        session_id="sess-001",
        seq=0,
        ts_unix_ms=1_700_000_000_000,
        event_type=EventType.TOOL_CALL_PROPOSED,
        payload={"tool_name": "read_file", "call_id": "c1", "args": {}},
    )
    return replace(first, **changes)  # type: ignore[arg-type]


def sealed(**changes: object) -> Envelope:
    made = event(**changes)
    made.seal()
    return made


def test_hashes_that_other_implementations_give() -> None:
    first = sealed()
    assert first.hash is not None
    assert first.hash.hex() == "a9355e5547d03dbcd3be5ac32cd20d5b7a44630741a90376872b29891f83825c"
    second = sealed(
        seq=1,
        ts_unix_ms=1_700_000_001_000,
        event_type=EventType.TOOL_RESULT,
        payload={"call_id": "c1", "result": "ok"},
        prev_hash=first.hash,
    )
    assert second.hash is not None
    assert second.hash.hex() == "03899cadaa924165997bb320ab06be372b7b0312a1ec9a1110a1aa07c79ce9bd"
    empty = Envelope("t1", "u1", "s1", 0, 1, EventType.MODEL_CALL_STARTED)
    empty.seal()
    assert empty.hash is not None
    assert empty.hash.hex() == "92688d99196824a35772899bd52df2226a5f697bd36240e6f239ee7934e83839"


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": "other"},
        {"user_id": ""},
        {"session_id": "sess-002"},
        {"seq": 1},
        {"ts_unix_ms": 1_700_000_000_001},
        {"event_type": EventType.TOOL_RESULT},
        {"payload": {"tool_name": "exec"}},
        {"payload": {"tool_name": float("nan")}},
        {"payload": object()},
        {"hash": bytes(32)},
        {"hash": None},
        {"prev_hash": bytes(32)},
    ],
)
def test_any_change_is_noticed(changes: dict[str, object]) -> None:
    made = sealed()
    assert made.verify()
    changed = replace(made, **changes)  # type: ignore[arg-type]
    kept = changed.hash
    assert not changed.verify()
    assert changed.hash == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"prev_hash": bytes(32)},
        {"seq": 1, "prev_hash": bytes(31)},
        {"seq": -1},
        {"seq": 2**53},
        {"seq": 1.0},
        {"seq": True},
        {"ts_unix_ms": -1},
        {"payload": {"x": float("inf")}},
        {"payload": "\ud800"},
    ],
)
def test_what_cannot_be_sealed(changes: dict[str, object]) -> None:
    made = event(**changes)
    with pytest.raises(ValueError):
        made.seal()
    assert made.hash is None


def test_a_builder_seals_each_event_onto_the_one_before() -> None:
    builder = Builder("acme", "u1", "s")
    events = [builder.append(EventType.MEMORY_READ, {"at": at}) for at in range(4)]
    assert [one.seq for one in events] == [0, 1, 2, 3]
    assert [one.prev_hash for one in events] == [None, *(one.hash for one in events[:-1])]
    assert all(one.verify() for one in events)
    assert (builder.next_seq, builder._next_seq, builder.last_hash) == (4, 4, events[-1].hash)


def test_a_builder_goes_on_where_it_is_told() -> None:
    before = bytes(range(32))
    made = Builder("acme", "u1", "s", next_seq=5, prev_hash=before).append("TERMINATION")
    assert (made.seq, made.prev_hash, made.event_type) == (5, before, EventType.TERMINATION)
    assert made.verify()


def test_what_could_not_be_sealed_leaves_a_builder_where_it_was() -> None:
    builder = Builder("acme", "u1", "s")
    for bad in ({"x": float("nan")}, {1: 2}):
        with pytest.raises((TypeError, ValueError)):
            builder.append(EventType.MEMORY_READ, bad)
    with pytest.raises(ValueError):
        builder.append("MEMORY_READD")
    assert builder.append(EventType.MEMORY_READ).seq == 0


def test_the_wire_form_reads_back_in_every_spelling() -> None:
    builder = Builder("acme", "u1", "s")
    first, second = builder.append(EventType.MEMORY_READ), builder.append(EventType.MEMORY_WRITE)
    wire = second.to_dict()
    assert first.hash is not None and second.hash is not None
    assert wire["prev_hash"] == base64.b64encode(first.hash).decode()
    assert "prev_hash" not in first.to_dict()
    assert hash_object({name: wire[name] for name in wire if name != "hash"}) == second.hash
    for spelled in (lambda raw: base64.b64encode(raw).decode(), bytes.hex, list):
        hashes = {"hash": spelled(second.hash), "prev_hash": spelled(first.hash)}
        assert Envelope.from_dict({**wire, **hashes}) == second
    with pytest.raises(ValueError):
        Envelope.from_dict({**wire, "hash": "zz"})


def test_there_are_eighteen_types_named_as_they_are_written() -> None:
    assert len(EventType) == 18
    assert all(one.name == one.value == str(one) for one in EventType)
