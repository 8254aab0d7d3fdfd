#!/usr/bin/env bash
# losant-mqtt 1.2.1 (PyPI): whether a device survives a broker that is away at power-up hangs on how it is away.
#
# One would guess: connect() behaves alike in every outage: it raises, or it goes on trying, as its loop does after
# each connection that was lost.
# What happens: a port that refuses makes the first connect() raise ConnectionRefusedError at once; a port that accepts
# and closes before the CONNACK (a proxy whose broker is down) makes it retry for ever without a word.
#
# Why it matters here: after a power cut devices are up before the site. Behind a TCP proxy that keeps listening, the
# fleet comes back by itself; with the broker's own port closed, each program has ended and waits for a person.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
# It imports pkg_resources, which setuptools had until 80.
"$here/env/bin/pip" install --quiet --disable-pip-version-check losant-mqtt==1.2.1 paho-mqtt==1.6.1 setuptools==79.0.1 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import os
import socket
import threading
import time

import paho.mqtt.client as mqtt
from losantmqtt import Device

print("losant-mqtt", importlib.metadata.version("losant-mqtt"), "on paho-mqtt", importlib.metadata.version("paho-mqtt"))
usual = mqtt.Client.connect


def attempt(port):
    """Connect an unmodified device; only the port that its library fixes is turned to ours."""
    mqtt.Client.connect = lambda self, _host, _port=0, *rest, **named: usual(self, "127.0.0.1", port, *rest, **named)
    raised = []

    def run():
        try:
            Device("5" * 24, "key", "secret", secure=False).connect(blocking=True)
        except OSError as error:
            raised.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(6)
    return raised, thread.is_alive()


with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    free = unused.getsockname()[1]
refused = attempt(free)
print("port refuses:            raised", refused[0], "| still trying:", refused[1])

listener = socket.create_server(("127.0.0.1", 0))
accepted = []


def proxy():
    while True:
        connection, _ = listener.accept()
        accepted.append(time.monotonic())
        connection.recv(200)
        connection.close()


threading.Thread(target=proxy, daemon=True).start()
closed = attempt(listener.getsockname()[1])
print("accepted, then closed:   raised", closed[0], "| still trying:", closed[1], "| connections in 6 s:", len(accepted))
assert refused == (["ConnectionRefusedError"], False), refused
assert closed == ([], True) and len(accepted) >= 2, (closed, accepted)
print("As described.", flush=True)
os._exit(0)  # its loop has no end of its own
PY
timeout 60 "$here/env/bin/python" "$here/run.py"
