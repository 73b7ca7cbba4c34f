#!/usr/bin/env bash
# Types what the README tells a new user to type: `make run`, then every line of its blocks marked
# `sh demo`, in a home folder that is empty but for the toolchain.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

work=$(mktemp -d)
end() {
    kill "$demo" 2>/dev/null || true
    wait "$demo" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
export NPM_CONFIG_USERCONFIG=${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}
export HOME=$work

make run >"$work/demo.out" 2>&1 &
demo=$!
# The first build may take minutes.
for _ in $(seq 2400); do
    grep -q "Miso is running" "$work/demo.out" && break
    kill -0 "$demo" 2>/dev/null || { cat "$work/demo.out"; exit 1; }
    sleep 0.5
done
grep -q "Miso is running" "$work/demo.out" || { cat "$work/demo.out"; exit 1; }

ran=0
while IFS= read -r line; do
    echo "\$ $line"
    bash -euo pipefail -c "$line"
    ran=$((ran + 1))
done < <(awk '/^```sh demo$/{on=1; next} /^```$/{on=0} on && NF && !/^#/' README.md)
echo "$ran commands of the README ran"
[ "$ran" -gt 0 ]
