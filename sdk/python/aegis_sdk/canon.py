"""RFC 8785 canonical JSON and SHA-256 over it: the bytes that every party of a chain hashes.

A value without one JSON meaning is refused rather than written in some way: NaN and infinities,
half of a surrogate pair, names that are no text, numbers beyond a double, nesting that a server
would refuse.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any, Final

__all__ = ["canonical_json", "canonicalize", "hash_object", "hash_object_hex"]

DEPTH_MAX: Final = 64
"""Levels of lists and objects; a server takes no more."""

_Number = Callable[[int | float], str]


def canonicalize(value: Any) -> bytes:
    """The canonical UTF-8 text of None, bool, int, float, str, list, tuple and dict.

    Numbers are doubles, as RFC 8785 has it: an integer beyond 2**53 is written as the double
    nearest to it.

    Raises TypeError for other types and for dict keys that are no str, ValueError for a value of
    these types that JSON cannot hold.
    """
    return _written(value, _number)


canonical_json = canonicalize


def exact_json(value: Any) -> bytes:
    """As `canonicalize`, with every integer as it is: to be read, not to be hashed."""
    return _written(value, _exact_number)


def hash_object(value: Any) -> bytes:
    """The SHA-256 of the canonical form: 32 bytes."""
    return hashlib.sha256(canonicalize(value)).digest()


def hash_object_hex(value: Any) -> str:
    """The SHA-256 of the canonical form in lower-case hex."""
    return hash_object(value).hex()


def _written(value: Any, number: _Number) -> bytes:
    parts: list[str] = []
    _write(value, parts, 0, number)
    return "".join(parts).encode("utf-8")


def _write(value: Any, parts: list[str], depth: int, number: _Number) -> None:
    if value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, (int, float)):
        parts.append(number(value))
    elif isinstance(value, str):
        parts.append(_text(value))
    elif isinstance(value, (list, tuple)):
        _check_depth(depth)
        parts.append("[")
        for at, item in enumerate(value):
            if at > 0:
                parts.append(",")
            _write(item, parts, depth + 1, number)
        parts.append("]")
    elif isinstance(value, dict):
        _check_depth(depth)
        _write_members(value, parts, depth, number)
    else:
        raise TypeError(f"Cannot write canonical JSON: {type(value).__name__} has no JSON form")


def _write_members(
    value: dict[Any, Any], parts: list[str], depth: int, number: _Number
) -> None:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"Cannot write canonical JSON: the key {key!r} is no str")
    parts.append("{")
    for at, key in enumerate(sorted(value, key=_code_units)):
        if at > 0:
            parts.append(",")
        parts.append(_text(key))
        parts.append(":")
        _write(value[key], parts, depth + 1, number)
    parts.append("}")


def _code_units(text: str) -> bytes:
    """Orders as UTF-16 does, where U+1F602 comes before U+FB33."""
    return text.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        why = f"the text {text[:80]!r} holds half of a surrogate pair"
        raise ValueError(f"Cannot write canonical JSON: {why}") from None
    # Escapes `"`, `\` and what is below U+0020, in the way RFC 8785 asks for, and nothing else.
    return json.dumps(text, ensure_ascii=False)


def _exact_number(value: int | float) -> str:
    text = _number(value)
    return int.__repr__(value) if isinstance(value, int) else text


def _number(value: int | float) -> str:
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("Cannot write canonical JSON: an integer is beyond a double") from None
    if not math.isfinite(number):
        raise ValueError(f"Cannot write canonical JSON: {number!r} has no JSON form")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    return sign + _digits(abs(number))


def _digits(number: float) -> str:
    """A positive number as ECMAScript writes it. Both languages find the same shortest digits."""
    mantissa, _, exponent = float.__repr__(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    # The value is 0.DIGITS * 10**point.
    point = len(whole) + int(exponent or "0")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_MAX:
        why = f"it is nested deeper than {DEPTH_MAX} levels"
        raise ValueError(f"Cannot write canonical JSON: {why}")
