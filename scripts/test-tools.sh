# shellcheck shell=sh disable=SC2154
# Tools that only the tests need; sourced by install.sh, whose functions it uses. As root with apt
# they are installed, everybody else is told which tests cannot run.

set_up_tests() {
    missing=""
    need_tool strace strace
    need_tool tmux tmux
    need_tool bwrap bubblewrap
    need_tool sqlite3 sqlite3
    need_tool git git
    need_tool gcc "gcc libc6-dev"
    need_tool cargo cargo
    need_tool clang clang
    need_tool systemd-analyze systemd
    need_tool ip iproute2
    has_postgres || missing="$missing postgresql"
    need_tool aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
    [ -z "$missing" ] || provide_tools
    has_fuzzer || provide_fuzzer || say "cannot run here: fuzzing of the plan decoder (libFuzzer)"
    has_pytest || provide_pytest || say "cannot run here: tests of the Python SDK (pytest)"
    has_schemathesis || provide_schemathesis ||
        say "cannot run here: fuzzing of the HTTP API (schemathesis)"
    has_otlp || provide_otlp ||
        say "cannot run here: reading traces by OpenTelemetry's definitions (opentelemetry-proto)"
    PATH="$checkout/build/tools:$PATH"
    has opa || provide_opa || say "cannot run here: compiling the tool policy anew (Go, opa)"
    has cockroach-parser || provide_go_program cockroach-parser ||
        say "cannot run here: SQL as CockroachDB reads it (Go)"
    has compose-config || provide_go_program compose-config ||
        say "cannot run here: loading compose files as docker compose does (Go)"
    has caddy || provide_caddy || say "cannot run here: the proxy of the compose files (caddy)"
    has otelcol || provide_go_program otelcol ||
        say "cannot run here: traces as a collector reads them (Go)"
    has claude && has gemini || provide_agents ||
        say "cannot run here: agents as they are shipped (claude, gemini)"
}

has_postgres() {
    has postgres && has initdb && return 0
    for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return 0; done
    return 1
}

has_pytest() { "$checkout/build/pytest/bin/python" -c 'import pytest' 2>/dev/null; }

provide_pytest() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        return 1
    say "installing pytest"
    python3 -m venv "$checkout/build/pytest" &&
        "$checkout/build/pytest/bin/python" -m pip install --quiet pytest==9.2.0
}

has_schemathesis() { "$checkout/build/schemathesis/bin/schemathesis" --version >/dev/null 2>&1; }

provide_schemathesis() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        return 1
    say "installing schemathesis"
    python3 -m venv "$checkout/build/schemathesis" &&
        "$checkout/build/schemathesis/bin/python" -m pip install --quiet schemathesis==4.32.5
}

has_otlp() { "$checkout/build/otlp/bin/python" -c 'import opentelemetry.proto' 2>/dev/null; }

provide_otlp() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        return 1
    say "installing opentelemetry-proto"
    python3 -m venv "$checkout/build/otlp" &&
        "$checkout/build/otlp/bin/python" -m pip install --quiet opentelemetry-proto==1.45.2
}

# The version of scripts/compile-rego.ts.
provide_opa() {
    has go || return 1
    say "building opa 1.22.0"
    GOBIN="$checkout/build/tools" go install github.com/open-policy-agent/opa@v1.22.0
}

# Of test/tools, by its name. Not optimized: the compiler takes longer than the program.
provide_go_program() {
    has go || return 1
    say "building $1"
    mkdir -p "$checkout/build/tools" && (
        cd "$checkout/test/tools/$1" &&
            go build -mod=readonly -trimpath -gcflags="all=-N -l" -ldflags="-s -w" \
                -o "$checkout/build/tools/$1" .
    )
}

# Unpacked and not installed: its package starts it as a service of the machine.
provide_caddy() {
    has apt-get && has dpkg-deb || return 1
    say "fetching caddy"
    make_work
    (cd "$work" && apt-get download -q caddy) >"$work/caddy.log" 2>&1 &&
        dpkg-deb -x "$work"/caddy_*.deb "$work/caddy" &&
        mkdir -p "$checkout/build/tools" && mv "$work/caddy/usr/bin/caddy" "$checkout/build/tools/"
}

# Their own scripts are not run by npm: only one of them is needed.
provide_agents() {
    has node && has npm || return 1
    say "installing claude-code 2.1.197 and gemini-cli 0.61.0"
    agents=$checkout/build/agents
    mkdir -p "$agents" "$checkout/build/tools" &&
        printf '{"private":true}\n' >"$agents/package.json" &&
        npm install --prefix "$agents" --ignore-scripts --no-audit --no-fund --loglevel=error \
            @anthropic-ai/claude-code@2.1.197 @google/gemini-cli@0.61.0 &&
        node "$agents/node_modules/@anthropic-ai/claude-code/install.cjs" &&
        ln -sf "$agents/node_modules/.bin/claude" "$agents/node_modules/.bin/gemini" \
            "$checkout/build/tools/"
}

need_tool() { has "$1" || missing="$missing $2"; }

provide_tools() {
    if can_install; then
        # shellcheck disable=SC2086 # a list of package names
        install_packages "test tools" $missing
    else
        say "cannot run here: tests that need$missing (Debian package names)"
    fi
}

has_fuzzer() {
    make_work
    printf 'int LLVMFuzzerTestOneInput(char *d, long n) { return !d && n; }\n' >"$work/fuzz.c"
    has clang && clang -fsanitize=fuzzer,address -o "$work/fuzz" "$work/fuzz.c" 2>/dev/null
}

provide_fuzzer() {
    has clang && can_install || return 1
    clang_major=$(clang -dumpversion | cut -d . -f 1)
    install_packages "libFuzzer" "libclang-rt-$clang_major-dev" && has_fuzzer
}
