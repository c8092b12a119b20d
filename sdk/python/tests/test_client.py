"""The client against a real server, and against one that fails in chosen ways."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_sdk import AegisClient, AegisHTTPError, Builder, Envelope, EventType

MANIFEST = {"permissions": {"tools": ["read_file"], "approval_required": ["read_file"]}}
CALL = {"tool_name": "read_file", "call_id": "c1", "args": {"path": "/workspace/ü.txt"}}


@pytest.fixture
def client(server: str) -> Iterator[AegisClient]:
    with AegisClient(server) as made:
        yield made


def test_a_session_from_its_first_event_to_its_last(client: AegisClient) -> None:
    builder = Builder(tenant_id="acme", user_id="u1", session_id="whole")
    steps = [
        (EventType.MODEL_CALL_STARTED, {"call_id": "m1"}),
        (EventType.TOOL_CALL_PROPOSED, CALL),
        (EventType.TOOL_RESULT, {"call_id": "c1", "result": "text"}),
        (EventType.TERMINATION, {"reason": "done"}),
    ]
    for seq, (kind, payload) in enumerate(steps):
        sealed = builder.append(kind, payload)
        assert sealed.hash is not None
        assert client.append_event(sealed) == {"seq": seq, "hash": sealed.hash.hex()}
    verified = client.verify_chain("acme", "whole")
    assert verified == {"valid": True, "first_bad_seq": 0, "error": ""}
    snapshot = client.get_snapshot("acme", "whole")
    assert (snapshot["tool_calls_consumed"], snapshot["is_tainted"]) == (1, False)
    page = client.list_events(tenant_id="acme", session_id="whole", limit=100)
    assert [event["event_type"] for event in page["Events"]] == [kind for kind, _ in steps]
    assert page["NextToken"] == ""
    assert all(Envelope.from_dict(event).verify() for event in page["Events"])
    assert client.health() == {"status": "ok"}
    sessions = client.list_sessions("acme")["sessions"]
    assert "whole" in [session["session_id"] for session in sessions]
    newest = client.list_sessions("acme", limit=1)
    assert newest["sessions"] == sessions[:1]
    if len(sessions) > 1:
        older = client.list_sessions("acme", limit=1, page_token=newest["NextToken"])
        assert older["sessions"] == sessions[1:2]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        [1.0, -0.0, 1e16, 1e21, 1e-5, 1e-7, 0.1, 5e-324, 1.7976931348623157e308],
        [2**53 + 1, 10**21, -(2**60)],
        {"\ufb33": 1, "\U0001f602": "é€\u2028\u2029<>&\x7f\x01", "": None, "10": [], "9": {}},
    ],
)
def test_what_python_seals_is_what_the_server_verifies(client: AegisClient, payload: Any) -> None:
    session = f"payload {json.dumps(payload)}/?#"
    builder = Builder("acmé", "ü", session)
    for _ in range(2):
        client.append_event(builder.append(EventType.TOOL_RESULT, payload))
    assert client.verify_chain("acmé", session)["valid"]
    events = list(client.iter_events("acmé", session))
    assert len(events) == 2
    assert all(Envelope.from_dict(event).verify() for event in events)


def test_pages_follow_each_other(client: AegisClient) -> None:
    builder = Builder("acme", "u1", "pages")
    for _ in range(7):
        client.append_event(builder.append(EventType.MEMORY_READ))
    events = client.iter_events("acme", "pages", page_size=3)
    assert [event["seq"] for event in events] == list(range(7))
    first = client.list_events("acme", "pages", limit=3)
    second = client.list_events("acme", "pages", limit=3, page_token=first["NextToken"])
    assert [event["seq"] for event in second["Events"]] == [3, 4, 5]
    assert list(client.iter_events("acme", "pages", EventType.TERMINATION)) == []


def test_the_same_event_again_is_the_same_answer(client: AegisClient) -> None:
    sealed = Builder("acme", "u1", "again").append(EventType.MEMORY_READ)
    assert client.append_event(sealed) == client.append_event(sealed)
    key = {"idempotency_key": "once"}
    other = Builder("acme", "u1", "again 2").append(EventType.MEMORY_READ)
    assert client.append_event(other, **key) == client.append_event(other, **key)
    with pytest.raises(AegisHTTPError) as refused:
        client.append_event(Builder("acme", "u1", "again 3").append("MEMORY_READ"), **key)
    assert refused.value.code == "idempotency_mismatch"


def test_refusals_are_runtime_errors_that_say_what_came_back(client: AegisClient) -> None:
    forged = Builder("acme", "u1", "forged").append(EventType.MEMORY_READ)
    forged.payload = "other"
    with pytest.raises(RuntimeError, match=r"^aegis client: HTTP 400: \{.*hash_mismatch"):
        client.append_event(forged)
    gap = Builder("acme", "u1", "gap", next_seq=5, prev_hash=bytes(32))
    with pytest.raises(AegisHTTPError) as refused:
        client.append_event(gap.append(EventType.MEMORY_READ))
    assert (refused.value.status, refused.value.code) == (409, "chain_conflict")
    assert refused.value.details["expected_seq"] == 0
    with pytest.raises(RuntimeError, match="^aegis client: HTTP 404: "):
        client.get_snapshot("acme", "nobody knows it")
    unsealed = Envelope("acme", "u1", "s", 0, 1, EventType.MEMORY_READ)
    with pytest.raises(ValueError):
        client.append_event(unsealed)


def test_decisions(client: AegisClient) -> None:
    asked = {"event_type": "TOOL_CALL_PROPOSED", "payload": CALL}
    assert client.decide(asked)["outcome"] == "deny"
    declared = {"permissions": {"tools": ["read_file"]}}
    assert client.decide(asked, {"steps_consumed": 1}, declared)["outcome"] == "allow"
    assert client.decide(asked, {"loop_violation": "x"}, declared)["reason"] == "LOOP_DETECTED"
    assert client.decide(asked, manifest=MANIFEST)["outcome"] == "require_approval"
    sealed = Builder("acme", "u1", "live").append(EventType.TOOL_CALL_PROPOSED, CALL)
    session = {"tenant_id": "acme", "session_id": "live"}
    assert client.decide(sealed, manifest=declared, session=session)["outcome"] == "allow"
    recorded = list(client.iter_events("acme", "live", EventType.POLICY_DECISION))
    assert [event["payload"]["outcome"] for event in recorded] == ["allow"]


def test_a_key_lets_in_and_its_absence_does_not(serve: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{hashlib.sha256(b'secret').hexdigest()} agent acme bot\n")
    keys.chmod(0o600)
    address = serve("--keys", str(keys))
    with AegisClient(address, api_key="secret") as known:
        assert known.list_events("acme")["Events"] == []
        with pytest.raises(AegisHTTPError) as refused:
            known.list_events("other")
        assert refused.value.status == 403
    for key in (None, "wrong"):
        with pytest.raises(AegisHTTPError) as refused:
            AegisClient(address, api_key=key).list_events("acme")
        assert refused.value.status == 401


def test_a_socket_is_asked_without_a_key_by_any_number_of_threads(
    serve: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("s") / "s"
    serve("--listen", f"unix:{path}")
    with AegisClient(f"unix:{path}") as client:
        assert client.health() == {"status": "ok"}
        builder = Builder(tenant_id="acme", user_id="u1", session_id="socket")
        sealed = builder.append(EventType.TOOL_CALL_PROPOSED, CALL)
        assert sealed.hash is not None
        assert client.append_event(sealed) == {"seq": 0, "hash": sealed.hash.hex()}
        answers: list[Any] = []

        def ask() -> None:
            answers.append(client.verify_chain("acme", "socket")["valid"])

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True] * 8
    with AegisClient(f"unix:{path}.none", retries=0) as client, pytest.raises(OSError):
        client.health()


def test_the_examples_of_the_readme_run_as_printed(server: str) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block.replace("http://localhost:8080", server), names)


def test_many_threads_share_a_client(client: AegisClient) -> None:
    failures: list[BaseException] = []

    def record(name: str) -> None:
        try:
            builder = Builder("acme", "u1", name)
            for _ in range(20):
                client.append_event(builder.append(EventType.MEMORY_READ))
            assert client.verify_chain("acme", name)["valid"]
        except BaseException as error:  # noqa: BLE001, a thread's failure has to reach the test
            failures.append(error)

    threads = [threading.Thread(target=record, args=(f"thread {at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


SILENTLY_LAST = 203
"""The connection ends after it, which the answer does not say."""


class Failing(http.server.ThreadingHTTPServer):
    """Answers as `plan` says, one entry a request; remembers what it was sent."""

    def __init__(self, plan: list[tuple[int, str]]) -> None:
        super().__init__(("127.0.0.1", 0), FailingHandler)
        self.plan, self.seen = plan, list[tuple[str, bytes, dict[str, str]]]()
        self.callers = set[Any]()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/base/"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class FailingHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Failing)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.seen.append((self.path, body, dict(self.headers)))
        server.callers.add(self.client_address)
        status, answer = server.plan.pop(0)
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        if status == 307:
            self.send_header("Location", answer)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())
        if status == SILENTLY_LAST:
            self.close_connection = True

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def failing() -> Iterator[Any]:
    made: list[Failing] = []

    def start(*plan: tuple[int, str]) -> Failing:
        made.append(Failing(list(plan)))
        return made[-1]

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


OK = (200, '{"seq":0,"hash":"x"}')


SEALED = Builder("acme", "u1", "s").append(EventType.MEMORY_READ)
SESSION = {"tenant_id": "acme", "session_id": "s"}


@pytest.mark.parametrize("trouble", [(503, "{}"), (429, ""), (502, ""), (504, ""), (0, "")])
@pytest.mark.parametrize(
    ("path", "send"),
    [
        ("events", lambda client: client.append_event(SEALED)),
        ("policy/decide", lambda client: client.decide({}, session=SESSION)),
    ],
)
def test_what_may_come_twice_is_tried_again(
    failing: Any, trouble: tuple[int, str], path: str, send: Callable[[AegisClient], Any]
) -> None:
    server = failing(trouble, trouble, OK)
    client = AegisClient(server.address, retries=2, backoff=0.001)
    assert send(client)["seq"] == 0
    bodies = {body for _, body, _ in server.seen}
    keys = {headers["Idempotency-Key"] for _, _, headers in server.seen}
    assert (len(server.seen), len(bodies), len(keys)) == (3, 1, 1)
    assert server.seen[0][0] == f"/base/v1/{path}"


def test_a_connection_that_ended_meanwhile_is_no_failure(failing: Any) -> None:
    server = failing((SILENTLY_LAST, "{}"), OK, (SILENTLY_LAST, "{}"), OK)
    client = AegisClient(server.address, retries=0)
    for _ in range(2):
        client.health()
    client.health()
    client.request_approval("acme", "s", "exec")
    assert server.plan == []


FORKING = """
import os, sys
from aegis_sdk import AegisClient

client = AegisClient(sys.argv[1], retries=0)
client.health()
child = os.fork()
if child != 0:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
client.health()
"""


def test_a_forked_process_shares_no_connection_with_its_parent(failing: Any) -> None:
    server = failing(OK, OK, OK)
    subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, server.address],
        cwd=Path(__file__).parents[1],
        check=True,
        timeout=60,
    )
    assert (len(server.seen), len(server.callers)) == (3, 2)


def test_retries_end(failing: Any) -> None:
    server = failing((503, "a"), (503, "b"), (503, "c"))
    with pytest.raises(RuntimeError, match="^aegis client: HTTP 503: b$"):
        AegisClient(server.address, retries=1, backoff=0.001).health()
    assert len(server.seen) == 2


@pytest.mark.parametrize("trouble", [(503, "{}"), (0, "")])
def test_what_must_not_come_twice_is_sent_once(failing: Any, trouble: tuple[int, str]) -> None:
    sends: list[Callable[[AegisClient], object]] = [
        lambda client: client.request_approval("acme", "s", "exec"),
        lambda client: client.decide_approval("acme", "t", allow=True),
    ]
    for send in sends:
        server = failing(trouble, OK)
        with pytest.raises((RuntimeError, OSError)):
            send(AegisClient(server.address, backoff=0.001))
        assert len(server.seen) == 1


@pytest.mark.parametrize("answer", ["", "[]", "text", '{"half"'])
def test_an_answer_that_is_no_object_is_no_answer(failing: Any, answer: str) -> None:
    with pytest.raises(RuntimeError, match="^aegis client: HTTP 200: "):
        AegisClient(failing((200, answer)).address).decide({})


def test_a_key_does_not_follow_a_redirect(failing: Any) -> None:
    other = failing(OK)
    server = failing((307, other.address))
    with pytest.raises(AegisHTTPError) as refused:
        AegisClient(server.address, api_key="secret").health()
    assert (refused.value.status, other.seen) == (307, [])


def test_a_connection_that_cannot_be_made_is_an_error_of_the_connection(failing: Any) -> None:
    server = failing()
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError):
        AegisClient(server.address, retries=1, backoff=0.001).health()
