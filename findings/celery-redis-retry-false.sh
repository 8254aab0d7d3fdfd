#!/usr/bin/env bash
# Celery 5.7.0 with kombu 5.7.0 and redis 8.1.0: retry=False still waits six seconds for a Redis that refuses.
#
# One would guess: send_task(…, retry=False) fails at once when the port refuses; and if there is a delay, a connect
# timeout in broker_transport_options bounds it.
# What happens: `retry` is about publishing alone. Making the connection has a retry of its own, and it sleeps between
# tries: some six seconds pass though each try is refused within a millisecond. socket_connect_timeout changes nothing
# (nothing times out). max_retries: 0 in broker_transport_options ends it at once; under retry_policy it is ignored.
#
# Why it matters here: a request that also wants to queue something keeps its thread and its database connection for
# those seconds, so that a queue that is away takes the whole site with it.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check 'celery[redis]==5.7.0' kombu==5.7.0 redis==8.1.0 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import socket
import time

from celery import Celery
from kombu.exceptions import OperationalError

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("celery", "kombu", "redis")))
with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    took = {}
    tried = [{}, {"socket_connect_timeout": 0.5}, {"retry_policy": {"max_retries": 0}}, {"max_retries": 0}]
    for options in tried:  # bound, not listening: each connection is refused
        app = Celery(broker=f"redis://127.0.0.1:{port}/0")
        app.conf.broker_transport_options = options
        began = time.monotonic()
        try:
            app.send_task("any", retry=False)
        except OperationalError as error:
            took[str(options)] = time.monotonic() - began
            print(f"{options!s:42} {took[str(options)]:5.1f} s, then {type(error).__name__}")
slow = [took[str(options)] for options in tried[:3]]
assert all(4 < seconds < 30 for seconds in slow), slow
assert took[str(tried[3])] < 2, took
print("As described.")
PY
timeout 120 "$here/env/bin/python" "$here/run.py"
