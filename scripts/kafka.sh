#!/usr/bin/env bash
# One Kafka broker (KRaft, combined mode) on loopback, for tests and benchmarks.
#
#   scripts/kafka.sh install        fetch the jars into .tools/kafka (once, 43 MB)
#   scripts/kafka.sh start [DIR]    start; a stopped DIR starts again with its data and its port
#   scripts/kafka.sh stop  [DIR]    stop in order (SIGTERM, after 20 s SIGKILL); data stay
#   scripts/kafka.sh kill  [DIR]    SIGKILL; data stay
#   scripts/kafka.sh wipe  [DIR]    kill and delete
#
# DIR (default target/engines/kafka) holds everything: settings, data, log, pid. `start` prints host:port.
# Only the process of DIR/pid is ever signalled, and only if it runs on DIR/server.properties.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=${MISO_KAFKA_VERSION:-4.1.0}
jars=$root/.tools/kafka/$version
# A record of 17 MiB (the log's largest) with the batch around it.
max_message=$((18 * 1024 * 1024))

say() { echo "$*" >&2; }

install() {
    [ -e "$jars/.complete" ] && return
    "$root/scripts/prerequisites.sh" java mvn
    mkdir -p "$jars"
    mvn -q -B -f "$root/scripts/kafka.pom.xml" -Dkafka.version="$version" -DincludeScope=runtime \
        -DoutputDirectory="$jars" dependency:copy-dependencies >"$jars/.mvn.log" 2>&1 || {
        cat "$jars/.mvn.log" >&2
        say "Kafka $version could not be fetched with Maven; see above."
        exit 1
    }
    touch "$jars/.complete"
}

# A port below the ephemeral range on which nobody listens.
free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

pid_of() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/server.properties" && echo "$pid"
}

format() {
    local dir=$1 port controller
    port=$(free_port)
    controller=$(free_port)
    while [ "$controller" = "$port" ]; do controller=$(free_port); done
    mkdir -p "$dir"
    cat >"$dir/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/data
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
message.max.bytes=$max_message
replica.fetch.max.bytes=$max_message
log.cleaner.backoff.ms=300
log.cleaner.dedupe.buffer.size=16777216
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=500
log.segment.delete.delay.ms=1000
log.index.size.max.bytes=1048576
controlled.shutdown.enable=true
END
    echo "127.0.0.1:$port" >"$dir/address"
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool format \
        --cluster-id 4L6g3nShT-eMCtK--X86sw --config "$dir/server.properties" >"$dir/format.log" 2>&1 || {
        cat "$dir/format.log" >&2
        exit 1
    }
}

start() {
    local dir=$1 pid
    if pid_of "$dir" >/dev/null; then
        cat "$dir/address"
        return
    fi
    install
    [ -e "$dir/address" ] || format "$dir"
    # Three files per partition and connection upon connection: take what the system allows.
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
    : >"$dir/server.log"
    setsid nohup java -Xmx768m -XX:+UseSerialGC \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -cp "$jars/*" kafka.Kafka "$dir/server.properties" >>"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    for _ in $(seq 600); do
        if grep -q "Kafka Server started" "$dir/server.log"; then
            cat "$dir/address"
            return
        fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 30 "$dir/server.log" >&2
    say "Kafka did not start within 60 s; its log is $dir/server.log."
    exit 1
}

# stop DIR SIGNAL: waits until the process is gone.
stop() {
    local dir=$1 signal=$2 pid
    pid=$(pid_of "$dir") || return 0
    kill "-$signal" "$pid"
    for _ in $(seq 200); do
        pid_of "$dir" >/dev/null || { rm -f "$dir/pid"; return; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$dir/pid"
}

dir=${2:-$root/target/engines/kafka}
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
case ${1:-} in
install) install ;;
start) start "$dir" ;;
stop) stop "$dir" TERM ;;
kill) stop "$dir" KILL ;;
wipe) stop "$dir" KILL && rm -rf "$dir" ;;
*) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
