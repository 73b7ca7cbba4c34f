#!/usr/bin/env bash
# Installs the DuckDB that reads exports in the tests into target/duckdb, once per version.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
to=$root/target/duckdb
version="duckdb==1.4.2 pytz==2025.2"
if [ -e "$to/installed" ] && [ "$(cat "$to/installed")" = "$version" ]; then
    exit 0
fi
mkdir -p "$root/target"
exec 9>"$root/target/duckdb.lock"
flock 9
if [ -e "$to/installed" ] && [ "$(cat "$to/installed")" = "$version" ]; then
    exit 0
fi
echo "installing DuckDB for the tests (once)" >&2
rm -rf "$to"
python3 -m venv "$to"
# shellcheck disable=SC2086 -- the versions of two packages
"$to/bin/pip" install --quiet $version
echo "$version" >"$to/installed"
