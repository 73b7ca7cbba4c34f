#!/usr/bin/env bash
# Measures the release build: embedded with and without zstd upstream, the bot's single rooms, and Kafka where Java and
# Maven are.
# MISO_BENCH_SECONDS (30) is the length of one measurement.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
seconds=${MISO_BENCH_SECONDS:-30}
cargo build --release --quiet --bin miso -p miso --bin miso-bench -p miso-bench
bench=(target/release/miso-bench --seconds "$seconds")
"${bench[@]}" --upstream zstd
"${bench[@]}" --upstream none --only events --only sustained --only latency
# Rooms by themselves, each on an embedded log on the same disk.
for room in "miso-handlers message_rate" "miso-commands-api rebuild_rate" "miso-data-api request_rate" "miso-embedder rate"; do
    read -r package example <<<"$room"
    echo "$example ($package)"
    TMPDIR=$root/target/bench cargo run --release --quiet -p "$package" --example "$example"
    echo
done
if command -v java >/dev/null && command -v mvn >/dev/null; then
    scripts/engines.sh run bash -euo pipefail -c '"$@" --kafka "$MISO_TEST_KAFKA" --upstream zstd --only events --only latency --only rest --only commands --only answers' _ "${bench[@]}"
else
    echo "Kafka was not measured: Java or Maven is missing"
fi
