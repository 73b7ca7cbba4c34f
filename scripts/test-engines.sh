#!/usr/bin/env bash
# The contract suites and the end-to-end tests on a real Kafka and a real PostgreSQL.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
scripts/clients.sh
# Those tests of a suite that run on both adapters have `kafka` or `postgres` in their names.
# One test at a time: each has several processes of its own. The whole workspace is named each time, so that everything is as `make test` has built it.
exec scripts/engines.sh run bash -euo pipefail -c '
    cargo test --workspace --no-fail-fast --test contract --test it --test e2e -- kafka --test-threads 1
    cargo test --no-fail-fast -p miso-bot-store --test it
'
