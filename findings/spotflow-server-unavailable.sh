#!/usr/bin/env bash
# spotflow-device 2.1.1 (PyPI; its wheels are for Linux on x86-64): the kind way of saying "not now" costs it its credential.
#
# One would guess: CONNACK 3, "server unavailable", is MQTT 3.1.1's code for an outage, unlike 4 and 5, which speak of
# the credential: a device that hears it keeps its credential and tries again later. Hanging up without an
# answer is the ruder way, and might as well mean anything.
# What happens: at code 3 it asks the HTTP interface for a new credential, and so on every five seconds for as long as the
# code comes. In each round it connects twice: with the credential that it has just replaced, then with the new one, and
# has another made when that is refused, too. Hung up on after its CONNECT, it comes back every five seconds, once, with
# the credential that it has, and asks nobody.
#
# Why it matters here: while a broker's store is away for ten minutes, a thousand such devices that are told so properly
# have 120,000 credentials made, by a site that is in trouble already. So they are hung up on (decision 37).
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "Needs Linux on x86-64, with port 8883 free at 127.8.84.1 and 127.8.84.2."; exit 2; }
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check spotflow_device==2.1.1 trustme==1.2.1 cryptography==50.0.2 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/device.py" <<'PY'
import sys

from spotflow_device import DeviceClient

instance, db = sys.argv[1:]
DeviceClient.start(device_id="dev-0001", provisioning_token="token", db=db, instance=instance)
PY
cat >"$here/run.py" <<'PY'
import importlib.metadata
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

print("spotflow-device", importlib.metadata.version("spotflow_device"), flush=True)
LATER = "2100-01-01T00:00:00Z"
SECONDS = 24
authority = trustme.CA()
authority.cert_pem.write_to_path("authority.pem")


class Site:
    """One address: HTTPS that lets everybody in at once, and MQTT that answers no CONNECT as it is wished."""

    def __init__(self, address, answer):
        self.address, self.answer = address, answer
        self.made, self.shown = 0, []  # credentials handed out; the one that each CONNECT had
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(address).configure_cert(self.context)
        self.web = ThreadingHTTPServer((address, 0), self.build_handler())
        self.web.socket = self.context.wrap_socket(self.web.socket, server_side=True)
        self.mqtt = socket.create_server((address, 8883))
        for run in (self.web.serve_forever, self.serve_mqtt):
            threading.Thread(target=run, daemon=True).start()

    def reply(self, path):
        if path.endswith("/init"):
            return {"provisioningOperationId": "op-1", "verificationCode": "123-456", "expirationTime": LATER}
        if path.endswith("/complete"):
            return {"registrationToken": "registration", "expirationTime": LATER}
        self.made += 1
        return {
            "connectionString": f"HostName={self.address};DeviceId=ws1:dev-0001;SharedAccessSignature=secret-{self.made}",
            "iotHubHostName": self.address,
            "connectionStringType": "SharedAccessSignature",
            "connectionStringExpiration": LATER,
        }

    def build_handler(site):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps(site.reply(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        return Handler

    def serve_mqtt(self):
        while True:
            raw, _ = self.mqtt.accept()
            with suppress(OSError), self.context.wrap_socket(raw, server_side=True) as connection:
                connect = connection.recv(4096)
                assert connect[0] == 0x10
                self.shown.append(connect[connect.rindex(b"secret-") :].decode())
                if self.answer:
                    connection.sendall(self.answer)


ways = {"CONNACK 3": Site("127.8.84.1", b"\x20\x02\x00\x03"), "hung up on": Site("127.8.84.2", b"")}
programs = []
try:
    for site in ways.values():
        instance = f"{site.address}:{site.web.server_port}"
        command = [sys.executable, "device.py", instance, f"{site.address}.db"]
        env = {**os.environ, "SSL_CERT_FILE": "authority.pem"}
        programs.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    time.sleep(SECONDS)
    assert all(program.poll() is None for program in programs), "both go on trying"
finally:
    for program in programs:
        program.kill()
        program.wait()
for way, site in ways.items():
    print(f"{way:10} in {SECONDS} s: {site.made} credentials made | each CONNECT showed: {' '.join(site.shown)}")
told, dropped = ways.values()
assert len(told.shown) >= 3 and len(dropped.shown) >= 3, "attempts"
assert told.made >= 4 and len(told.shown) > 1.5 * len(dropped.shown), "a new credential and two attempts each round"
assert all(told.shown.count(f"secret-{each}") == 2 for each in range(1, told.made - 1)), "each is shown twice"
assert dropped.made == 1 and set(dropped.shown) == {"secret-1"}, "the same for all"
print("As described.")
PY
cd "$here" && timeout 90 env/bin/python run.py
