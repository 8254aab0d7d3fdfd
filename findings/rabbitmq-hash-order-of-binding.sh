#!/usr/bin/env bash
# RabbitMQ 3.10.8 (Debian 12), rabbitmq_consistent_hash_exchange: after a restart of the broker most keys go to other
# queues, unless the durable queues happen to have been bound in the order of their names.
#
# One would guess: the ring is made of the queues and their weights. Exchange, queues and bindings are durable, so the
# same routing key finds the same queue before and after a restart; that is what "consistent" is for.
# What happens: which queue has which part of the ring follows from the order in which the queues were bound. A restart
# binds them anew by their names. Four queues bound in another order have swapped their keys after it, for good; bound
# by name, every key stays where it was.
#
# Why it matters here: each consumer has queues, and of a device's reports no two consumers may have some at one time.
# So one consumer binds all queues, in the order of their names, once all are there.
# Needs Debian's package rabbitmq-server, python3 with venv; pip installs amqp 5.3.1.
set -euo pipefail
here=$(mktemp -d)
node() { env "${names[@]}" "$@"; }
stop() { # the node takes its file of the number along
  [ -e "$here/pid" ] || return 0
  local number; number=$(cat "$here/pid")
  kill "$number" 2>/dev/null || true
  for _ in $(seq 150); do kill -0 "$number" 2>/dev/null || break; sleep 0.2; done
  rm -f "$here/pid"
}
epmd=; trap 'stop; [ -z "$epmd" ] || kill "$epmd" 2>/dev/null || true; rm -rf "$here"' EXIT
server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || { echo "rabbitmq-server is missing: apt-get install rabbitmq-server=3.10.8*"; exit 2; }
version=$(dpkg-query -W -f '${Version}' rabbitmq-server); echo "rabbitmq-server $version"
case $version in 3.10.8*) ;; *) echo "Described for 3.10.8."; exit 1 ;; esac
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check amqp==5.3.1 2>&1 | grep -v "is ignored" || true
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free); names_port=$(free)
echo '[rabbitmq_consistent_hash_exchange].' >"$here/plugins"
echo "listeners.tcp.default = 127.0.0.1:$port" >"$here/rabbitmq.conf"
names=(HOME="$here" ERL_EPMD_PORT="$names_port" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="finding$port@localhost"
  RABBITMQ_MNESIA_BASE="$here/mnesia" RABBITMQ_LOG_BASE="$here/log" RABBITMQ_PID_FILE="$here/pid"
  RABBITMQ_CONFIG_FILE="$here/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$here/plugins"
  RABBITMQ_FEATURE_FLAGS_FILE="$here/flags" RABBITMQ_GENERATED_CONFIG_DIR="$here/generated" RABBITMQ_DIST_PORT="$(free)")
env ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$names_port" >/dev/null 2>&1 & epmd=$!
start() { node "$server" >"$here/out" 2>&1 & for _ in $(seq 300); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.3; done; echo "the node did not start"; exit 2; }
cat >"$here/ask.py" <<'PYTHON'
import sys
import time

import amqp

port, ring, what, *order = sys.argv[1:]
queues = [f"{ring}-{n}" for n in range(4)]
with amqp.Connection(f"127.0.0.1:{port}", userid="guest", password="guest") as connection:
    channel = connection.channel()
    if what == "bind":
        channel.exchange_declare(ring, "x-consistent-hash", durable=True, auto_delete=False)
        for queue in queues:
            channel.queue_declare(queue, durable=True, auto_delete=False)
        for n in order:
            channel.queue_bind(queues[int(n)], ring, routing_key="1")
    channel.confirm_select()
    for key in range(200):
        channel.basic_publish_confirm(amqp.Message(str(key)), ring, f"device-{key}")
    for queue in queues:
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            print(message.body, queue)
PYTHON
ask() { "$here/venv/bin/python" "$here/ask.py" "$port" "$@" | sort; }
start
ask named bind 0 1 2 3 >"$here/named-before"
ask mixed bind 3 1 0 2 >"$here/mixed-before"
stop; start
ask named again >"$here/named-after"
ask mixed again >"$here/mixed-after"
stay() { comm -12 "$here/$1-before" "$here/$1-after" | wc -l; }
for each in named mixed; do
  echo "bound $([ "$each" = named ] && echo by name || echo otherwise): $(wc -l <"$here/$each-before") keys before, $(wc -l <"$here/$each-after") after a restart, $(stay "$each") in the same queue"
done
[ "$(wc -l <"$here/named-after")" = 200 ] && [ "$(wc -l <"$here/mixed-after")" = 200 ]
[ "$(stay named)" = 200 ] || { echo "Even by name keys move: not what is described."; exit 1; }
[ "$(stay mixed)" -lt 120 ] || { echo "Keys stay, whatever the order: not what is described any more."; exit 1; }
