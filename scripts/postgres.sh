#!/usr/bin/env bash
# One PostgreSQL server on loopback, from the system's packages, for tests and benchmarks.
#
#   scripts/postgres.sh start [DIR]    start a new, empty server; prints its URL
#   scripts/postgres.sh stop  [DIR]    stop it; data stay
#   scripts/postgres.sh wipe  [DIR]    stop and delete
#
# DIR (default target/engines/postgres) holds pid, port and log; a stopped DIR starts again with its
# data and its port. PostgreSQL does not run as root: for root it runs as user `postgres`, with its data
# in a folder of its own under $TMPDIR, named in DIR/data.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
say() { echo "$*" >&2; }

# The newest installation's bin folder.
bin() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] || found=$(dirname "$(command -v pg_ctl 2>/dev/null || echo /nowhere/pg_ctl)")
    echo "$found"
}

unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

start() {
    local dir=$1 data
    "$root/scripts/prerequisites.sh" postgres
    mkdir -p "$dir"
    if [ ! -e "$dir/data" ]; then
        if [ "$(id -u)" = 0 ]; then
            data=$(mktemp -d "${TMPDIR:-/tmp}/miso-postgres.XXXXXX")
            chown postgres "$data"
        else
            data=$dir/cluster
        fi
        free_port >"$dir/port"
        unprivileged "$(bin)/initdb" -D "$data" -U miso --auth=trust --encoding=UTF8 --locale=C --no-sync \
            >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
        cat >>"$data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $(cat "$dir/port")
unix_socket_directories = ''
max_connections = 200
fsync = off
END
        echo "$data" >"$dir/data"
    fi
    data=$(cat "$dir/data")
    if ! unprivileged "$(bin)/pg_ctl" -D "$data" status >/dev/null 2>&1; then
        unprivileged "$(bin)/pg_ctl" -D "$data" -l "$data/server.log" -w -t 30 start >"$dir/start.log" 2>&1 </dev/null || {
            cat "$dir/start.log" "$data/server.log" >&2
            say "PostgreSQL did not start; its log is $data/server.log."
            exit 1
        }
    fi
    echo "postgres://miso@127.0.0.1:$(cat "$dir/port")/postgres"
}

stop() {
    local dir=$1 data
    data=$(cat "$dir/data" 2>/dev/null) || return 0
    unprivileged "$(bin)/pg_ctl" -D "$data" -m fast -w -t 20 stop >/dev/null 2>&1 || true
}

wipe() {
    local dir=$1 data
    stop "$dir"
    if data=$(cat "$dir/data" 2>/dev/null) && [ -e "$data/PG_VERSION" ]; then rm -rf "$data"; fi
    rm -rf "$dir"
}

dir=${2:-$root/target/engines/postgres}
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
case ${1:-} in
start) start "$dir" ;;
stop) stop "$dir" ;;
wipe) wipe "$dir" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
