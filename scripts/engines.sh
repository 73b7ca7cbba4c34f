#!/usr/bin/env bash
# Kafka and PostgreSQL for the tests, on loopback and free ports.
#
#   scripts/engines.sh start          start both; writes target/engines/env
#   scripts/engines.sh env            print what to export: eval "$(scripts/engines.sh env)"
#   scripts/engines.sh stop           stop both and delete their data
#   scripts/engines.sh run CMD ARG…   start, run the command with the variables set, stop; its exit code
#
# MISO_TEST_KAFKA=host:port and MISO_TEST_POSTGRES=postgres://… are what tests look for.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
engines=$root/target/engines

start() {
    local kafka postgres
    "$root/scripts/prerequisites.sh" java mvn postgres
    mkdir -p "$engines"
    kafka=$("$root/scripts/kafka.sh" start "$engines/kafka")
    postgres=$("$root/scripts/postgres.sh" start "$engines/postgres")
    printf 'MISO_TEST_KAFKA=%s\nMISO_TEST_POSTGRES=%s\n' "$kafka" "$postgres" >"$engines/env"
    cat "$engines/env" >&2
}

stop() {
    "$root/scripts/kafka.sh" wipe "$engines/kafka"
    "$root/scripts/postgres.sh" wipe "$engines/postgres"
    rm -f "$engines/env"
}

case ${1:-} in
start) start ;;
stop) stop ;;
env)
    [ -e "$engines/env" ] || { echo "The engines do not run; type: scripts/engines.sh start" >&2; exit 1; }
    sed "s/^\([A-Z_]*\)=\(.*\)$/export \1='\2'/" "$engines/env"
    ;;
run)
    shift
    trap stop EXIT
    trap 'exit 130' INT TERM
    start
    set -a
    # shellcheck source=/dev/null
    . "$engines/env"
    set +a
    "$@"
    ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
