#!/bin/sh
# Installs aegis: in a checkout it builds the binary, piped into a shell it downloads a release and
# checks its checksum. Only functions stand before the last line: a download cut short runs nothing.
# Written: PREFIX/bin/aegis, links beside it and PREFIX/share/aegis/installed, the list that
# --uninstall goes by; in a checkout also node_modules/, build/ and dist/.

set -eu

main() {
    prefix="" mode=install checkout="" work="" draft="" new_list="" list="" links="" made_dirs=""
    newline="
"
    release_url="${AEGIS_RELEASE_URL:-https://github.com/aegis/aegis/releases/latest/download}"
    parse_arguments "$@"
    # What Bun reads from the environment must not steer the build.
    unset BUN_OPTIONS BUN_BE_BUN
    export BUN_RUNTIME_TRANSPILER_CACHE_PATH=0
    find_checkout
    if [ "$mode" = demo ] || [ "$mode" = test ]; then
        [ -n "$checkout" ] ||
            fail "--$mode needs a checkout" "clone the project and run ./install.sh --$mode"
    fi
    trap 'clean_up' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "run_$mode"
}

parse_arguments() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --prefix)
                [ -n "${2:-}" ] || fail "--prefix needs a directory"
                prefix="$2"
                shift
                ;;
            --prefix=) fail "--prefix needs a directory" ;;
            --prefix=*) prefix="${1#--prefix=}" ;;
            --demo | --test | --uninstall | --help)
                [ "$mode" = install ] || fail "--$mode and $1 exclude each other"
                mode="${1#--}"
                ;;
            *) fail "unknown argument \"$1\"" "run install.sh --help" ;;
        esac
        shift
    done
}

run_help() {
    cat <<'END'
usage: install.sh [--prefix DIR] [--demo | --test | --uninstall | --help]

Installs aegis into DIR/bin (default: ~/.local/bin), linked as aegisd and aegisctl; where that name
is free as aegis-server too: called so it says what serves in its place.
In a checkout the binary is built; piped into sh, a release is downloaded and its checksum verified.

  --prefix DIR   install below DIR
  --demo         install, run examples/agent.py under the default policy, show the ledger it left
  --test         build and run every test; the last line counts them; installs nothing below DIR
  --uninstall    remove what was installed below DIR; your ledger and policies stay
  --help         this text

As root on a machine with apt-get, missing tools are installed; elsewhere you are told about them.
AEGIS_RELEASE_URL names another place to download a release from.
END
}

run_install() {
    set_prefix
    check_destination
    if [ -n "$checkout" ]; then
        set_up_build
        build
        binary="$checkout/dist/aegis"
    else
        download_release
    fi
    place_binary
    say "installed $bin/aegis ($("$bin/aegis" --version)), linked as $links"
    case ":$PATH:" in
        *":$bin:"*) ;;
        *) say "hint: $bin is not in your PATH; add it: export PATH=\"$bin:\$PATH\"" ;;
    esac
}

run_demo() {
    run_install
    has python3 || install_packages "Python 3" python3
    has git || ! can_install || install_packages "git" git
    make_work
    mkdir "$work/workspace" "$work/workspace/examples"
    cp "$checkout/examples/agent.py" "$work/workspace/examples/"
    cd "$work/workspace"
    show_command run -- python3 examples/agent.py
    show_command log --last 12
    show_command log --denied --last 4
    show_command audit verify
}

# What was set for the build is no variable of the person's own.
show_command() {
    printf '\n$ aegis %s\n' "$*"
    env -u BUN_RUNTIME_TRANSPILER_CACHE_PATH "$bin/aegis" "$@"
}

run_test() {
    set_up_build
    # shellcheck source=scripts/test-tools.sh
    . "$checkout/scripts/test-tools.sh"
    set_up_tests
    cd "$checkout"
    "$bun" scripts/test.ts
}

run_uninstall() {
    set_prefix
    [ -f "$list" ] ||
        fail "nothing was installed below $prefix" "name the --prefix it was installed with"
    for name in aegisd aegisctl aegis-server; do
        if [ "$(readlink "$bin/$name" 2>/dev/null)" = aegis ]; then remove "$bin/$name"; fi
    done
    remove "$bin/aegis"
    remove_drafts
    made_dirs=$(grep '^dir ' "$list" || :)
    remove "$list"
    remove_dirs
    say "kept your ledger and policies: ${AEGIS_HOME:-~/.aegis}"
}

remove() {
    if [ -f "$1" ] || [ -L "$1" ]; then
        rm -f "$1"
        say "removed $1"
    fi
}

# What an install left that was killed, or lost its power, while it copied.
remove_drafts() {
    for path in "$bin"/.aegis.[0-9]* "$list".[0-9]*; do
        if [ -f "$path" ] && ! kill -0 "${path##*.}" 2>/dev/null; then rm -f "$path"; fi
    done
}

# Deepest first; a directory that something else lies in by now stays.
remove_dirs() {
    [ -n "$made_dirs" ] || return 0
    printf '%s\n' "$made_dirs" | sed -n 's/^dir //p' | sort -r | while IFS= read -r path; do
        rmdir "$path" 2>/dev/null || :
    done
}

# --- where things go ---

find_checkout() {
    case "$0" in
        install.sh | */install.sh) ;;
        *) return 0 ;;
    esac
    here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
    if [ -f "$here/src/main.ts" ] && [ -f "$here/package-lock.json" ]; then checkout="$here"; fi
}

set_prefix() {
    if [ -z "$prefix" ]; then
        [ -n "${HOME:-}" ] || fail "HOME is not set, so there is no ~/.local" "say --prefix DIR"
        prefix="$HOME/.local"
    fi
    case "$prefix" in
        *"$newline"*) fail "the prefix holds a line break" ;;
        /*) ;;
        *) prefix="$PWD/$prefix" ;;
    esac
    prefix="${prefix%/}"
    bin="$prefix/bin"
    list="$prefix/share/aegis/installed"
}

# Before anything is built: nothing is overwritten that an earlier run did not write. The link
# that only says what serves in its place gives way.
check_destination() {
    for name in aegis aegisd aegisctl; do
        is_ours_or_free "$bin/$name" ||
            fail "$bin/$name exists and was not installed by this script" \
                "move it away or say --prefix DIR"
    done
    links="aegisd aegisctl"
    if is_ours_or_free "$bin/aegis-server"; then
        links="$links aegis-server"
    else
        say "left alone: $bin/aegis-server, which was not installed by this script"
    fi
}

is_ours_or_free() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
    grep -qxF -e "file $1" -e "link $1" "$list" 2>/dev/null
}

place_binary() {
    make_dir "$bin"
    make_dir "$prefix/share/aegis"
    remove_drafts
    [ -f "$list" ] || new_list="$list"
    write_list
    draft="$bin/.aegis.$$"
    cp "$binary" "$draft"
    chmod 755 "$draft"
    "$draft" --version >/dev/null ||
        fail "the new binary does not run in $bin" \
            "is that file system mounted noexec? Say --prefix DIR"
    mv -f "$draft" "$bin/aegis"
    new_list=""
    for name in $links; do ln -sf aegis "$bin/$name"; done
}

# Creates a directory with its parents and remembers each one that was not there.
make_dir() {
    if [ -d "$1" ]; then return 0; fi
    make_dir "$(dirname -- "$1")"
    mkdir "$1" || fail "cannot create the directory $1" "say --prefix DIR"
    made_dirs="${made_dirs}dir $1
"
}

# Written before any file below the prefix, so that an interrupted install can be removed too.
write_list() {
    {
        printf 'file %s\n' "$bin/aegis"
        for name in $links; do printf 'link %s\n' "$bin/$name"; done
        printf 'file %s\n' "$list"
        if [ -f "$list" ]; then grep '^dir ' "$list" || :; fi
        printf '%s' "$made_dirs"
    } >"$list.$$"
    mv -f "$list.$$" "$list"
}

# --- a release ---

download_release() {
    target=$(release_target)
    make_work
    fetch "$release_url/SHA256SUMS" "$work/SHA256SUMS"
    wanted="^[0-9a-f]{64}  aegis-[0-9A-Za-z.+-]+-$target\\.tar\\.gz\$"
    line=$(grep -E "$wanted" "$work/SHA256SUMS") ||
        fail "the release at $release_url has no archive for $target"
    case "$line" in *"$newline"*) fail "the release has several archives for $target" ;; esac
    archive="${line#*  }"
    fetch "$release_url/$archive" "$work/$archive"
    [ "$(checksum "$work/$archive")" = "${line%%  *}" ] ||
        fail "the checksum of $archive is not the one in SHA256SUMS" \
            "nothing was installed; try again later or from another place"
    # Only this one member is taken out, whatever else the archive holds.
    member="${archive%.tar.gz}/aegis"
    tar -xzf "$work/$archive" -C "$work" "$member" || fail "$archive does not hold $member"
    binary="$work/$member"
    if [ ! -f "$binary" ] || [ -L "$binary" ]; then fail "$member is no regular file"; fi
}

release_target() {
    os=$(uname -s) machine=$(uname -m)
    case "$os" in
        Linux) os=linux ;;
        Darwin) os=darwin ;;
        *) fail "there is no release for $os" "aegis runs on Linux and macOS" ;;
    esac
    case "$machine" in
        x86_64 | amd64) machine=x64 ;;
        aarch64 | arm64) machine=arm64 ;;
        *) fail "there is no release for $machine" "releases are for x86_64 and arm64" ;;
    esac
    printf '%s-%s\n' "$os" "$machine"
}

# Over the network only with TLS; plain http is for a mirror on this machine.
fetch() {
    case "$1" in
        *@*) fail "$1 names an account" "an address without @ is needed" ;;
        https://*)
            if has curl; then
                curl --proto '=https' --tlsv1.2 -fsSL -o "$2" "$1" || fail "cannot download $1"
            elif has wget; then
                wget --https-only -q -O "$2" "$1" || fail "cannot download $1"
            else
                fail "there is neither curl nor wget" "install curl"
            fi
            ;;
        http://127.0.0.1:*) curl -fsS -o "$2" "$1" || fail "cannot download $1" ;;
        file:///*) cp "${1#file://}" "$2" || fail "cannot read $1" ;;
        *) fail "$1 is not an https address" "AEGIS_RELEASE_URL takes https:// and file://" ;;
    esac
}

checksum() {
    if has sha256sum; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    elif has openssl; then
        openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
    else
        fail "there is no program that computes SHA-256" "install coreutils or openssl"
    fi
}

# --- a build ---

set_up_build() {
    if ! has node || ! has npm; then install_packages "Node.js with npm" nodejs npm; fi
    npm_major=$(npm --version | cut -d . -f 1)
    [ "$npm_major" -ge 7 ] ||
        fail "npm $npm_major is too old for the lock file" "install Node.js 16 or newer"
    if [ "$(uname -s)" = Linux ]; then
        has make || install_packages "make" make
        # The native helper is one static program; native/Makefile picks the compiler.
        has_compiler || install_packages "a C compiler for static programs" gcc libc6-dev musl-tools
    fi
    install_dependencies
}

has_compiler() {
    make_work
    printf '#include <linux/seccomp.h>\nint main(void) { return 0; }\n' >"$work/probe.c"
    for compiler in musl-gcc cc; do
        if has "$compiler" && "$compiler" -static -o "$work/probe" "$work/probe.c" \
            -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" \
            2>/dev/null; then return 0; fi
    done
    return 1
}

# Bun and everything else, exactly as locked; kept when an earlier run installed the same lock file.
install_dependencies() {
    bun="$checkout/node_modules/bun/bin/bun.exe"
    stamp="$checkout/node_modules/.installed-lock"
    if cmp -s "$checkout/package-lock.json" "$stamp" && runs "$bun"; then return 0; fi
    say "installing the locked dependencies"
    make_work
    mkdir -p "$checkout/build"
    # npm keeps its cache below HOME by default, which may not be writable.
    (
        export npm_config_cache="$checkout/build/npm-cache" npm_config_update_notifier=false
        cd "$checkout" && npm ci --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1
    ) || fail "npm ci failed: $(tail -n 5 "$work/npm.log")" "is the package registry reachable?"
    # npm can be set never to run install scripts; Bun's own puts the right binary in place.
    runs "$bun" || (cd "$checkout/node_modules/bun" && node install.js) ||
        fail "Bun cannot be installed on this machine"
    cp "$checkout/package-lock.json" "$stamp"
}

build() {
    say "building the binary"
    (cd "$checkout" && "$bun" scripts/build.ts >&2)
}

# --- the machine ---

can_install() { [ "$(id -u)" -eq 0 ] && has apt-get; }

# install_packages WHAT PACKAGE...: for root with apt-get; everybody else is told.
install_packages() {
    what="$1"
    shift
    can_install ||
        fail "$what is missing" "install it (on Debian: apt-get install $*), then run this again"
    say "installing $what: $*"
    make_work
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
    } >"$work/apt.log" 2>&1 ||
        fail "apt-get cannot install $what: $(tail -n 5 "$work/apt.log")"
}

runs() { "$1" --version >/dev/null 2>&1; }

has() { command -v "$1" >/dev/null 2>&1; }

make_work() {
    [ -n "$work" ] || work=$(mktemp -d "${TMPDIR:-/tmp}/aegis-install.XXXXXX")
}

clean_up() {
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$draft" ] || rm -f "$draft"
    [ -z "$new_list" ] || rm -f "$new_list" "$new_list.$$"
    # An install that failed leaves no list, and then no directory either.
    if [ -n "$list" ] && [ ! -f "$list" ]; then remove_dirs; fi
}

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [HINT]
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

main "$@"
