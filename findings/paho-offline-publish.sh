#!/usr/bin/env bash
# paho-mqtt 2.2.0: a QoS 1 publish that says "not connected" is sent all the same, later.
#
# One would guess: publish() returns rc 4 (MQTT_ERR_NO_CONN), so the message was not taken; whoever wants it
# delivered calls publish() again once connected. And once it has been acknowledged, is_published() is true.
# What happens: at QoS 1 the message was kept, and goes out with the first connection: with the second try it
# arrives twice. Only QoS 0 is really dropped, under the same code. And the returned object never learns of the
# delivery: after the PUBACK, is_published() and wait_for_publish() still raise "not currently connected".
#
# Why it matters here: a gateway that retries on rc != 0 reports one press of its button twice, as two messages with
# two packet ids (no DUP, so nothing at the broker can tell), and one that waits for is_published() never goes on.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check paho-mqtt==2.2.0 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import socket
import threading
import time

import paho.mqtt.client as mqtt

print("paho-mqtt", importlib.metadata.version("paho-mqtt"))
received, acknowledged = [], []


def exactly(connection, count):
    data = b""
    while len(data) < count:
        if not (more := connection.recv(count - len(data))):
            raise EOFError
        data += more
    return data


def broker(listener):
    """Enough of MQTT 3.1.1 to take what comes: short packets, each QoS 1 publish acknowledged."""
    connection, _ = listener.accept()
    try:
        while True:
            kind, length = exactly(connection, 2)
            body = exactly(connection, length)
            if kind >> 4 == 1:
                connection.sendall(b"\x20\x02\x00\x00")
            elif kind >> 4 == 3:
                qos, size = kind >> 1 & 3, int.from_bytes(body[:2], "big")
                rest = body[2 + size :]
                received.append((rest[2:] if qos else rest, qos, bool(kind & 8)))
                if qos:
                    connection.sendall(b"\x40\x02" + rest[:2])
    except (EOFError, OSError):
        pass


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=broker, args=(listener,), daemon=True).start()
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gateway")
connected = threading.Event()
client.on_connect = lambda *_: connected.set()
client.on_publish = lambda _client, _data, mid, *_: acknowledged.append(mid)

zero = client.publish("state", "qos 0", 0)
first = client.publish("state", "press", 1)
print("while offline: rc", zero.rc, "at QoS 0,", first.rc, "at QoS 1:", mqtt.error_string(first.rc))
client.connect("127.0.0.1", listener.getsockname()[1])
client.loop_start()
assert connected.wait(10)
again = client.publish("state", "press", 1)  # what code does that believes the first rc
deadline = time.monotonic() + 10
while not {first.mid, again.mid} <= set(acknowledged) and time.monotonic() < deadline:
    time.sleep(0.02)
print("the broker received:", received)
try:
    told = f"is_published() = {first.is_published()}"
except RuntimeError as error:
    told = f"is_published() raises {error}"
print("acknowledged:", first.mid in acknowledged, "but", told)
client.disconnect()
client.loop_stop()

assert zero.rc == first.rc == mqtt.MQTT_ERR_NO_CONN
assert received == [(b"press", 1, False)] * 2, received
assert first.mid in acknowledged
assert "raises" in told, told
print("As described.")
PY
timeout 60 "$here/env/bin/python" "$here/run.py"
