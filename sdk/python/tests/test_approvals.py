"""What a person is asked, and what they decided, by a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aegis_sdk import AegisClient, AegisHTTPError


@pytest.fixture
def client(server: str) -> Iterator[AegisClient]:
    with AegisClient(server) as made:
        yield made


def test_approvals(client: AegisClient) -> None:
    asked = client.request_approval("acme", "appr", "write_file", {"path": "/a"})
    token = asked["token"]
    waiting = client.list_approvals("acme")["approvals"]
    assert [one["tool_name"] for one in waiting] == ["write_file"]
    behind = client.list_approvals("acme", page_token=asked["token_hash"])
    assert behind == {"approvals": [], "NextToken": ""}
    with pytest.raises(TimeoutError):
        client.wait_for_approval("acme", token, timeout=0)
    decided = client.decide_approval(
        "acme", token, allow=True, edited_args={"path": "/b"}, message="there", approver="alice"
    )
    assert (decided["decided_by"], decided["final_args"]) == ("alice", {"path": "/b"})
    assert client.wait_for_approval("acme", token)["status"] == "ALLOWED"
    with pytest.raises(AegisHTTPError) as refused:
        client.decide_approval("acme", token, allow=False)
    assert refused.value.status == 409
    other = client.request_approval("acme", "appr", "write_file")["token"]
    client.decide_approval("acme", other, allow=False, message="no")
    assert client.get_approval("acme", other)["status"] == "DENIED"


def test_a_person_is_never_asked_about_another_number(client: AegisClient) -> None:
    token = client.request_approval("acme", "exact", "pay", {"account": 2**53})["token"]
    for ask in (
        lambda args: client.request_approval("acme", "exact", "pay", args),
        lambda args: client.decide_approval("acme", token, allow=True, edited_args=args),
    ):
        with pytest.raises(AegisHTTPError) as refused:
            ask({"account": 2**53 + 1})
        assert (refused.value.status, refused.value.code) == (422, "number_inexact")
    decided = client.decide_approval("acme", token, allow=True, edited_args={"account": 2**53 + 2})
    assert decided["final_args"] == {"account": 2**53 + 2}
