#!/usr/bin/env bash
# All tests that need no Kafka and no PostgreSQL. What needs them says so and is run by test-engines.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
scripts/clients.sh
unset MISO_TEST_KAFKA MISO_TEST_POSTGRES
# --no-fail-fast: one run shows everything that is wrong.
exec cargo test --workspace --no-fail-fast "$@"
