#!/usr/bin/env bash
# paho-mqtt 2.2.0: who connects again from on_disconnect, with paho's own reconnecting switched off, has an open
# connection on which nothing is ever said.
#
# One would guess: reconnect() connects again, and loop_start() sees to it that a thread serves the connection, or is
# harmless where one does; a client that wants its own pauses between tries switches reconnect_on_failure off and calls
# both when it hears that the connection went.
# What happens: on_disconnect is called in the thread that served the former connection and is about to end. reconnect()
# opens the new one and reports success; loop_start() finds a thread, returns MQTT_ERR_INVAL (3) and starts none; then
# that thread ends. CONNECT stays in the queue: the broker has a connection that says nothing, and the client reports
# neither success nor failure. From another thread, woken by on_disconnect, it is the same now and then, when it comes
# before the former thread has ended.
#
# Why it matters here: gateways with backoff of their own are written so, and look switched off until somebody pulls the
# plug. loop_stop() first (from another thread, it waits for the former one) makes both calls work.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check paho-mqtt==2.2.0 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import socket
import sys
import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

print("paho-mqtt", importlib.metadata.version("paho-mqtt"))
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(10)


def try_it(where):
    """Return whether the second connection was greeted with a CONNECT, and what loop_start() returned."""
    gone, started = threading.Event(), []
    client = Client(CallbackAPIVersion.VERSION2, "gw-1", reconnect_on_failure=False)

    def again():
        client.on_disconnect = None
        assert client.reconnect() == 0
        started.append(int(client.loop_start()))

    client.on_disconnect = (lambda *_: again()) if where == "in the callback" else (lambda *_: gone.set())
    client.connect("127.0.0.1", listener.getsockname()[1])
    client.loop_start()
    first, _ = listener.accept()
    assert first.recv(100)[:1] == b"\x10"
    first.sendall(b"\x20\x02\x00\x00")
    first.close()
    if where != "in the callback":
        assert gone.wait(10)
        client.loop_stop()
        again()
    second, _ = listener.accept()
    second.settimeout(5)
    try:
        greeted = second.recv(100)[:1] == b"\x10"
    except TimeoutError:
        greeted = False
    second.close()
    return greeted, started[0]


found = {where: try_it(where) for where in ("in the callback", "after loop_stop()")}
for where, (greeted, code) in found.items():
    print(f"{where}: loop_start() returned {code}, CONNECT {'came' if greeted else 'did not come within 5 s'}")
sys.exit(found != {"in the callback": (False, 3), "after loop_stop()": (True, 0)})
PY
"$here/env/bin/python" "$here/run.py"
