"""A real `aegis serve` for the tests: AEGIS_BINARY, else dist/aegis of the checkout."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a server with a home of its own and the given flags; gives its address."""
    binary = Path(os.environ.get("AEGIS_BINARY") or ROOT / "dist/aegis")
    if not binary.exists():
        pytest.skip(f"{binary} is not built")
    running: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> str:
        home = tmp_path_factory.mktemp("home")
        child = subprocess.Popen(
            [binary, "serve", "--addr", ":0", *flags],
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        assert child.stderr is not None
        said = child.stderr.readline()
        found = re.search(r"http://\S+", said)
        assert found is not None, said
        return found[0]

    yield start
    for child in running:
        child.terminate()
    for child in running:
        assert child.wait(timeout=120) == 0


@pytest.fixture(scope="session")
def server(serve: Serve) -> str:
    """One server that everybody may call."""
    return serve()
