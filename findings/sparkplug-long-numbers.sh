#!/usr/bin/env bash
# sparkplug-payload 1.0.3 (npm, Eclipse Tahu's): what comes out is not what went in, though nothing complains.
#
# One would guess: a decoded payload has plain numbers where plain numbers were encoded; `seq` restarts at 0 with each
# birth, so `seq === 0` finds it, and `seq + 1` is the next one.
# What happens: seq, timestamp and every Int64, UInt64 and DateTime come back as Long objects: `seq === 0` is false
# for a birth, `seq + 1` is the text "01", JSON.stringify writes {"low":…,"high":…}, and a timestamp in a column of numbers
# is an object. Int32 and Boolean in the same payload are plain values. Ordering by < works, which hides it.
#
# Why it matters here: whoever translates a Sparkplug gateway to this site's reports (`time` in milliseconds) sends an
# object for the time, and takes each message for a gap in the sequence, which asks the gateway for a rebirth each time.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
cd "$here"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$here" sparkplug-payload@1.0.3 >npm 2>&1 || { cat npm; exit 1; }
cat >run.mjs <<'JS'
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const codec = createRequire(import.meta.url)("sparkplug-payload").get("spBv1.0");
console.log("sparkplug-payload", JSON.parse(readFileSync("node_modules/sparkplug-payload/package.json")).version);
const moment = 1700000000123;
const given = {
  timestamp: moment,
  seq: 0,
  metrics: [
    { name: "rpm", type: "Int32", value: 1800 },
    { name: "running", type: "Boolean", value: true },
    { name: "hours", type: "UInt64", value: 41 },
    { name: "served", type: "DateTime", value: moment },
  ],
};
const { timestamp, seq, metrics } = codec.decodePayload(codec.encodePayload(given));
const value = Object.fromEntries(metrics.map((each) => [each.name, each.value]));
console.log("seq === 0:", seq === 0, "| seq + 1:", JSON.stringify(seq + 1), "| seq < 1:", seq < 1);
console.log("timestamp as JSON:", JSON.stringify(timestamp), "| Number(timestamp):", Number(timestamp));
for (const [name, each] of Object.entries(value)) console.log(name, typeof each, JSON.stringify(each));
assert.deepEqual([seq === 0, seq + 1, seq < 1], [false, "01", true]);
assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(timestamp))), ["low", "high", "unsigned"]);
assert.deepEqual(Object.values(value).map((each) => typeof each), ["number", "boolean", "object", "object"]);
assert.equal(Number(timestamp), moment); // what the sender meant
console.log("As described.");
JS
timeout 60 node run.mjs
