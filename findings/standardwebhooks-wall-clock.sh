#!/usr/bin/env bash
# standardwebhooks 1.1.0 (PyPI; svix 2.9.1 signs with it) and 1.1.1 (npm): one moment, one secret, three signatures.
#
# One would guess: sign(id, timestamp, body) takes an aware datetime and signs its Unix time, the moment that the header
# webhook-timestamp says; two libraries of one specification, from one repository, agree on it.
# What happens: Python's sign() puts UTC in place of whatever zone the datetime has, so it signs the digits on the wall:
# 14:00 in Berlin is signed as 14:00 UTC, an hour or two ahead of the header that int(when.timestamp()) gives. JavaScript's,
# which has a Date, is right. verify(), of either, then says "No matching signature found", as for a
# wrong secret. A datetime without a zone from now() is signed rightly on a machine that runs in UTC.
#
# Why it matters here: a back end that relays this site's hooks to another, or signs some to test its own handler, with
# Django's localtime() or now(zone), searches for a wrong secret; and on a server in UTC all its tests pass.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1 tzdata==2025.2 \
  2>pip || { cat pip; exit 1; }
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$here" standardwebhooks@1.1.1 >npm 2>&1 || { cat npm; exit 1; }
cat >sign.mjs <<'JS'
import { createRequire } from "node:module";

const { Webhook } = createRequire(import.meta.url)("standardwebhooks");
const [secret, id, seconds, body] = process.argv.slice(2);
console.log(new Webhook(secret).sign(id, new Date(Number(seconds) * 1000), body));
JS
cat >run.py <<'PY'
import base64
import importlib.metadata
import json
import subprocess
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import standardwebhooks
import svix.webhooks

ID, BODY = "msg_0001", '{"type":"device.activated","serial":"GENSET-0001"}'
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
installed = json.load(open("node_modules/standardwebhooks/package.json"))["version"]
print(*(f"{name} {importlib.metadata.version(name)}," for name in ("standardwebhooks", "svix")), "npm's", installed)
moment = datetime.now(UTC).replace(microsecond=0)
seconds = str(int(moment.timestamp()))
signed = {"JavaScript, Date": subprocess.check_output(["node", "sign.mjs", SECRET, ID, seconds, BODY], text=True).strip()}
library, other = standardwebhooks.Webhook(SECRET), svix.webhooks.Webhook(SECRET)
for zone in ("UTC", "Europe/Berlin", "America/Denver"):
    when = moment.astimezone(ZoneInfo(zone))
    assert when == moment and str(int(when.timestamp())) == seconds
    signed[f"Python, {zone}"] = library.sign(ID, when, BODY)
    assert other.sign(ID, when, BODY) == signed[f"Python, {zone}"]
taken = {}
for way, signature in signed.items():
    headers = {"webhook-id": ID, "webhook-timestamp": seconds, "webhook-signature": signature}
    try:
        library.verify(BODY, headers)
        taken[way] = "taken"
    except standardwebhooks.WebhookVerificationError as error:
        taken[way] = str(error)
    print(f"{way:24} {signature[:16]}…  {taken[way]}")
wrong = "No matching signature found"
assert list(taken.values()) == ["taken", "taken", wrong, wrong], taken
assert len(set(signed.values())) == 3
print("As described.")
PY
timeout 60 env/bin/python run.py
