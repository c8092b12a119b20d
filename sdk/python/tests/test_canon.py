"""The canonical form: published vectors, made-up cases, what the server's own writer gives."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from aegis_sdk.canon import canonical_json, canonicalize, hash_object, hash_object_hex

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "conformance/canonical/rfc8785.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_published_vectors(vector: dict[str, str]) -> None:
    assert canonicalize(json.loads(vector["input"])).hex() == vector["canonical"]


class Size(IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-0.0, "0"),
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (4.50, "4.5"),
        (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.234e25, "1.234e+25"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (333333333.33333329, "333333333.3333333"),
        (2**53, "9007199254740992"),
        (2**53 + 1, "9007199254740992"),
        (-(2**53) - 1, "-9007199254740992"),
        (10**20, "100000000000000000000"),
        (10**21, "1e+21"),
        (2**64, "18446744073709552000"),
        (Size.SMALL, "1"),
        ([], "[]"),
        ((1, "a", None), '[1,"a",null]'),
        ({}, "{}"),
        ({"b": {"d": 1, "c": [{"f": 1, "e": 2}]}, "a": ""}, None),
        ('\x00\b\t\n\x0b\f\r\x1f"\\/\x7f', '"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\"\\\\/\x7f"'),
        ("é€\u2028\u2029<>&\U0001f602", '"é€\u2028\u2029<>&\U0001f602"'),
        ("A\u030a", '"A\u030a"'),
        ({"\ufb33": 1, "\U0001f602": 2}, '{"\U0001f602":2,"\ufb33":1}'),
        ({"10": 1, "9": 2, "": 3, "A": 4, "a": 5}, '{"":3,"10":1,"9":2,"A":4,"a":5}'),
    ],
)
def test_values(value: Any, text: str | None) -> None:
    expected = '{"a":"","b":{"c":[{"e":2,"f":1}],"d":1}}' if text is None else text
    assert canonicalize(value) == expected.encode()


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        10**400,
        "\ud800",
        "\ud83d\ude02",
        {"\udc00": 1},
        [["x", {"a": "\udfff"}]],
    ],
)
def test_values_that_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError):
        canonicalize(value)


@pytest.mark.parametrize("value", [b"a", {1}, object(), {1: 2}, {None: 1}, 1j, {True: 1}])
def test_types_that_json_does_not_know(value: Any) -> None:
    with pytest.raises(TypeError):
        canonicalize(value)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_nesting_ends_where_a_server_ends_it() -> None:
    assert canonicalize(nested(64)) == b"[" * 64 + b"]" * 64
    with pytest.raises(ValueError):
        canonicalize(nested(65))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError):
        canonicalize(endless)


def test_hashes_and_names() -> None:
    golden = {
        "event_type": "TOOL_CALL_PROPOSED",
        "seq": 1,
        "session_id": "session-abc",
        "tenant_id": "tenant-xyz",
        "ts_unix_ms": 1700000000000,
    }
    expected = "cfa697f0eb082a2889ab92b2c457060c08eab0ced2677ac2a09d4488322b6ee3"
    assert hash_object_hex(golden) == expected
    assert hash_object(golden).hex() == expected
    assert canonical_json(golden) == canonicalize(golden)


def test_what_was_written_reads_back_as_the_same_double() -> None:
    drawn = random.Random(8785)
    for _ in range(20_000):
        (value,) = struct.unpack(">d", drawn.randbytes(8))
        if value == value and abs(value) != float("inf"):
            assert float(canonicalize(value)) == value


def test_agrees_with_the_writer_of_the_server() -> None:
    bun = Path(os.environ.get("AEGIS_BUN") or ROOT / "node_modules/.bin/bun")
    if not bun.exists():
        pytest.skip(f"{bun} is not there")
    count = os.environ.get("AEGIS_CANONICAL_CASES", "4000")
    script = ROOT / "test/fixtures/canonical-cases.ts"
    done = subprocess.run([bun, script, count], capture_output=True, check=True, timeout=300)
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(cases) >= int(count)
    for case in cases:
        if "bits" in case:
            (value,) = struct.unpack(">d", bytes.fromhex(case["bits"]))
        else:
            value = json.loads(case["text"])
        assert canonicalize(value) == case["canonical"].encode(), case
    print(f"{len(cases)} random values")
