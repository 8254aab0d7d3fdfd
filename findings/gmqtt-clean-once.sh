#!/usr/bin/env bash
# gmqtt 0.8.0: clean_session=True holds for the first connection alone, and costs what was on its way.
#
# One would guess: a client that was made with clean_session=True connects so each time, so the broker keeps nothing
# for it; and a QoS 1 message whose PUBACK did not come goes out again after the reconnect.
# What happens: every reconnect has clean session 0, whatever was asked. From then on, over MQTT 3.1.1, the broker keeps a
# session for this client id and queues for it while it is away. And since there was no session before, the CONNACK of
# that reconnect says "session present 0", at which gmqtt forgets its unacknowledged messages: the QoS 1 report is
# lost without a word. Made with clean_session=False, it sends the same report again, though without DUP.
#
# Why it matters here: whoever wants no stale commands asks for a clean session, tests it, and gets "restart" of last
# night after the first outage; and the reports of the second before it are missing. Use clean_session=False, and
# let commands carry a time after which they are ignored.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check gmqtt==0.8.0 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import asyncio
import importlib.metadata
import logging

import gmqtt
from gmqtt.mqtt.constants import MQTTv311

logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # it warns when it is ended, too
print("gmqtt", importlib.metadata.version("gmqtt"))


class Broker:
    """MQTT 3.1.1, as far as this needs it: short packets, one session; the first PUBLISH is not acknowledged but cut."""

    def __init__(self):
        self.connects, self.publishes = [], []
        self.kept = False  # the session
        self.back = asyncio.Event()

    async def serve(self, reader, writer):
        try:
            while True:
                kind, length = await reader.readexactly(2)
                body = await reader.readexactly(length)
                if kind == 0x10:
                    clean = bool(body[7] & 0x02)
                    present = self.kept and not clean
                    self.kept = not clean
                    self.connects.append({"clean session": clean, "session present": present})
                    writer.write(bytes([0x20, 2, present, 0]))
                    if len(self.connects) == 2:
                        self.back.set()
                elif kind >> 4 == 3:
                    topic = int.from_bytes(body[:2], "big")
                    self.publishes.append({"payload": body[4 + topic :].decode(), "DUP": bool(kind & 8)})
                    if len(self.publishes) == 1:
                        return
                    writer.write(b"\x40\x02" + body[2 + topic : 4 + topic])
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


async def run(clean):
    broker = Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    client = gmqtt.Client("gw-1", clean_session=clean)
    client.set_config({"reconnect_delay": 1, "reconnect_retries": -1})
    await client.connect("127.0.0.1", server.sockets[0].getsockname()[1], version=MQTTv311)
    client.publish("devices/gw-1/state", "rpm 1800", qos=1)
    await asyncio.wait_for(broker.back.wait(), 30)
    await asyncio.sleep(2)  # what it wants to send again, it sends at once
    await client.disconnect()
    server.close()
    print(f"clean_session={clean}")
    for each in (*broker.connects, *broker.publishes):
        print("  ", each)
    return broker


asked = asyncio.run(run(True))
assert [each["clean session"] for each in asked.connects] == [True, False], asked.connects
assert asked.kept and len(asked.publishes) == 1, "the broker keeps a session; the report came once, and was lost"
other = asyncio.run(run(False))
assert [each["clean session"] for each in other.connects] == [False, False], other.connects
assert [each["DUP"] for each in other.publishes] == [False, False], other.publishes
print("As described.")
PY
timeout 120 "$here/env/bin/python" "$here/run.py"
