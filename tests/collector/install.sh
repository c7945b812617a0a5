#!/usr/bin/env bash
# Fetches what the tests of this crate run: the collector rotel (from PyPI) and Prometheus (from Debian).
# Nothing is installed on the machine and nobody needs to be root: both are unpacked into a folder of
# the target directory. Quick when they are there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
to="${1:-${CARGO_TARGET_DIR:-$here/../../target}/collector}"
rotel=0.0.1a15 # A pre-release, as all of its releases are: what they write can change.

mkdir -p "$to"
new="$(mktemp -d "$to/new.XXXXXX")"
trap 'rm -rf "$new"' EXIT

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

# The wheel is the binary and a few scripts that this does without.
fetch_rotel() {
    python3 -m pip --version >/dev/null 2>&1 || fail "the collector needs python3 with pip"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --retries 2 --timeout 15 --target "$new/rotel" "rotel==$rotel" \
        || fail "PyPI has no rotel $rotel for this machine, or cannot be reached"
    mv -fT "$new/rotel/rotel/rotel-agent" "$to/rotel-agent"
}

# With lists of our own, where the machine has none that are fresh: those of the machine need root.
fetch_prometheus() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "Prometheus needs apt-get"
    local options=(-qq -o APT::Sandbox::User= -o Acquire::Retries=2 -o Acquire::http::Timeout=15)
    cd "$new"
    if ! apt-get "${options[@]}" download prometheus 2>/dev/null; then
        mkdir -p "$new/lists/partial" "$new/cache/archives/partial"
        options+=(-o "Dir::State::Lists=$new/lists" -o "Dir::Cache=$new/cache")
        apt-get "${options[@]}" update && apt-get "${options[@]}" download prometheus \
            || fail "Debian's archive has no prometheus for this machine, or cannot be reached"
    fi
    dpkg-deb --extract prometheus_*.deb "$new/prometheus"
    mv -fT "$new/prometheus/usr/bin/prometheus" "$to/prometheus"
}

# One that cannot be had is no reason to do without the other.
status=0
[ -x "$to/rotel-agent" ] || (fetch_rotel) || status=1
[ -x "$to/prometheus" ] || (fetch_prometheus) || status=1
exit "$status"
