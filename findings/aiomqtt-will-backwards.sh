#!/usr/bin/env bash
# aiomqtt 2.5.1 (paho-mqtt 2.2.0): a program that dies of an error takes its last will back; one that is stopped in
# good order leaves it to be sent.
#
# One would guess: the will is for programs that fail. An exception that nobody catches ends the process, the
# connection breaks, and the broker publishes it; systemd's stop is the orderly end, after which it does not.
# What happens: the other way round. An exception leaves `async with Client(…)` through its exit, which sends DISCONNECT
# as if all were well, and the broker drops the will (MQTT 3.1.1, 3.14.4-3). So does Ctrl-C. SIGTERM, on which Python
# runs no exit, just breaks the connection, and the will is sent.
#
# Why it matters here: a gateway's will is how a site learns of a failure at once ("engineState": "lost"). With this
# client a failing program reports nothing and each deliberate restart reports a failure, unless SIGTERM is
# handled and the will's message is published by hand before the exception goes on.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check aiomqtt==2.5.1 paho-mqtt==2.2.0 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/gateway.py" <<'PY'
import asyncio
import sys

from aiomqtt import Client, Will


async def run(port, ending):
    will = Will("gateways/gw-1/state", '{"data": {"engineState": "lost"}}', qos=1)
    async with Client("127.0.0.1", port, identifier="gw-1", will=will):
        print("connected", flush=True)
        if ending == "error":
            await asyncio.sleep(0.5)
            raise ZeroDivisionError("a fault of the program")
        await asyncio.sleep(60)


asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
PY
cat >"$here/run.py" <<'PY'
import importlib.metadata
import signal
import socket
import subprocess
import sys
import threading

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("aiomqtt", "paho-mqtt")))
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(30)


def packets(connection):
    """The types and flags of what a client sends until it is gone, each CONNECT accepted; all packets are short."""
    reader, seen = connection.makefile("rb"), []
    while head := reader.read(2):
        seen.append((head[0], reader.read(head[1])))
        if head[0] == 0x10:
            connection.sendall(b"\x20\x02\x00\x00")
    return seen


def stop(program, signal_name):
    """Once its line says that the CONNACK has come."""
    assert program.stdout.readline() == "connected\n"
    program.send_signal(signal.Signals[signal_name])


def end(ending):
    command = [sys.executable, "gateway.py", str(listener.getsockname()[1]), ending]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            if ending != "error":
                threading.Thread(target=stop, args=(program, ending), daemon=True).start()
            seen = packets(connection)
        _, said = program.communicate(timeout=30)
    finally:
        program.kill()
        program.wait()
    (first, body), *rest = seen
    assert first == 0x10 and body[7] & 0x04, "a CONNECT with a will"
    taken_back = [kind for kind, _ in rest] == [0xE0]
    assert taken_back or not rest, rest
    last = said.strip().splitlines()[-1:] or ["(no message)"]
    print(f"{ending:8} exit {program.returncode:4}  {last[0][:45]:45} DISCONNECT: {taken_back!s:5}  will due: {not taken_back}")
    return program.returncode, taken_back


assert end("error") == (1, True)
assert end("SIGINT")[1] is True
assert end("SIGTERM") == (-signal.SIGTERM, False)
print("As described.")
PY
cd "$here" && timeout 120 env/bin/python run.py
