"""What a client is given and cannot use: it says so before anything is sent."""

from __future__ import annotations

import ssl

import pytest

from aegis_sdk import AegisClient


@pytest.mark.parametrize(
    "address",
    ["localhost:8080", "ftp://a", "http://", "http://u:p@a", "http://a?b", "http://a#b", "unix:"],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError):
        AegisClient(address)


@pytest.mark.parametrize("address", ["http://localhost:8080", "unix:/s"])
def test_certificates_where_nothing_would_look_at_them(address: str) -> None:
    with pytest.raises(ValueError, match="it is no https address$"):
        AegisClient(address, ssl_context=ssl.create_default_context())


@pytest.mark.parametrize("key", ["hidden\n", "hidden\r\nHost: a", " hidden", "hidd€n", "hid\0en"])
def test_a_key_that_no_header_can_hold_is_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match=r"^Cannot use the API key: ") as refused:
        AegisClient("http://localhost:8080", api_key=key)
    assert "hid" not in str(refused.value)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_change_the_path(name: str) -> None:
    with pytest.raises(ValueError, match="no part of an address"):
        AegisClient().verify_chain("acme", name)
