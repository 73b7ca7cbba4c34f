#!/usr/bin/env bash
# Installs the client libraries of tests/clients into target/clients and what drives the browser of
# tests/browser into target/browser, once per version of their lists, and builds the one that is in Rust.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
from=$root/tests/clients
to=$root/target/clients
mark=$(cat "$from"/requirements.txt "$from"/package*.json | cksum)
cargo build --quiet --manifest-path "$root/Cargo.toml" -p miso --example twilight_client
browser=$root/target/browser
browser_mark=$(cat "$root"/tests/browser/package*.json | cksum)
if [ ! -e "$browser/installed" ] || [ "$(cat "$browser/installed")" != "$browser_mark" ]; then
    echo "installing what drives the browser of the tests (once)" >&2
    rm -rf "$browser"
    mkdir -p "$browser"
    cp "$root"/tests/browser/package*.json "$browser/"
    (cd "$browser" && npm ci --silent)
    echo "$browser_mark" >"$browser/installed"
fi
cp "$root"/tests/browser/*.mjs "$browser/"
if [ -e "$to/installed" ] && [ "$(cat "$to/installed")" = "$mark" ]; then
    exit 0
fi
echo "installing the client libraries for the tests (once)" >&2
rm -rf "$to"
mkdir -p "$to"
python3 -m venv "$to/python"
"$to/python/bin/pip" install --quiet -r "$from/requirements.txt"
cp "$from"/package*.json "$to/"
(cd "$to" && if [ -e package-lock.json ]; then npm ci --silent; else npm install --silent; fi)
echo "$mark" >"$to/installed"
