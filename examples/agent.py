#!/usr/bin/env python3
"""A small agent: does a job in its workspace, tries two things it has no business doing, and
carries on when refused.

Needs Python only; git and a C compiler are used when they are there. The address it calls is one
for documentation, which is nobody's (RFC 5737).
"""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path


def say(what, outcome):
    print(f"agent: {what}: {outcome}", flush=True)


def attempt(what, action):
    """Runs one step; a refusal is an answer, not the end."""
    try:
        say(what, action())
    except OSError as error:
        say(what, f"no: {error.strerror or error}")
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        say(what, f"no: {' '.join(last) or f'status {error.returncode}'}")


def run(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, check=True, text=True, capture_output=True)
    return done.stdout.strip()


def write_notes(workspace):
    notes = workspace / "notes.json"
    notes.write_text(json.dumps({"task": "count to three", "steps": [1, 2, 3]}))
    return f"{len(json.loads(notes.read_text())['steps'])} steps planned"


def compile_program(workspace):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return "skipped, there is no C compiler"
    source = workspace / "count.c"
    source.write_text(
        "#include <stdio.h>\n"
        "int main(void) { for (int i = 1; i <= 3; i++) printf(\"%d \", i); return 0; }\n"
    )
    run(compiler, "-o", str(workspace / "count"), str(source))
    return f"built, and it counts {run(str(workspace / 'count'))}"


def commit_result(workspace):
    if shutil.which("git") is None:
        return "skipped, there is no git"
    repository = workspace / "result"
    repository.mkdir(exist_ok=True)
    shutil.copy(workspace / "notes.json", repository)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=repository)
    run("git", "add", "notes.json", cwd=repository)
    author = ("-c", "user.name=agent", "-c", "user.email=agent@localhost")
    commit = ("commit", "--quiet", "--allow-empty", "-m", "Count to three")
    run("git", *author, *commit, cwd=repository)
    return f"{run('git', 'rev-list', '--count', 'HEAD', cwd=repository)} commit"


def read_keys():
    names = os.listdir(Path.home() / ".ssh")
    return f"saw {len(names)} names"


def call_out():
    """AGENT_CALL_HOST and AGENT_CALL_PORT name a listener instead.

    Not this machine by default: a box with a network of its own has its own, empty loopback, where
    a call is no way out and so is not refused.
    """
    host = os.environ.get("AGENT_CALL_HOST", "192.0.2.1")
    port = int(os.environ.get("AGENT_CALL_PORT", "443"))
    with socket.create_connection((host, port), timeout=2):
        return f"connected to {host}:{port}"


def main():
    workspace = Path.cwd()
    attempt("write a plan", lambda: write_notes(workspace))
    attempt("compile a program", lambda: compile_program(workspace))
    attempt("commit the result", lambda: commit_result(workspace))
    attempt("look into ~/.ssh", read_keys)
    attempt("call out", call_out)
    say("done", "the job is finished")


if __name__ == "__main__":
    main()
