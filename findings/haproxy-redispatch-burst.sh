#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12): `option redispatch` burns thirty retries within milliseconds while two servers refuse.
#
# One would guess: `retries 30` with HAProxy's pause between attempts (a second, or `timeout connect` if that is
# shorter) waits some seconds for servers that are restarting, and redispatch only lets the last attempts, or every
# Nth, go to another server.
# What happens: where the attempt may go to another server there is no pause. With `option redispatch` in any form
# (bare, 1, 3) and two servers that still count as up, all retries are over in a few milliseconds and the client has
# its 503. Without redispatch, or with one server alone, the pauses are there.
#
# Why it matters here: two authorisation processes behind HAProxy are restarted together; the broker takes 503 for
# "no", and tells every connecting device that its password is wrong, long before a health check noticed anything.
# Needs Debian's package haproxy, and python3.
set -euo pipefail
here=$(mktemp -d); proxy=
trap '[ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true; rm -rf "$here"' EXIT
PATH="$PATH:/usr/sbin"
command -v haproxy >/dev/null || { echo "haproxy is missing: apt-get install haproxy=2.6.12*"; exit 2; }
version=$(haproxy -v | sed -nE 's/^HAProxy version (2\.6\.[0-9]+).*/\1/p'); echo "haproxy $version"
[ "$version" = 2.6.12 ] || { echo "Described for 2.6.12."; exit 1; }
cd "$here"
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Prints how long the answer took, in milliseconds. Nobody listens at the servers' ports.
ask() { # servers, further lines
  local port; port=$(free)
  {
    printf 'defaults\n mode http\n timeout connect 300ms\n timeout client 60s\n timeout server 60s\n retries 30\n%s\n' "$2"
    printf 'listen gates\n bind 127.0.0.1:%s\n balance leastconn\n' "$port"
    for number in $(seq "$1"); do printf ' server s%s 127.0.0.1:%s\n' "$number" "$(free)"; done
  } >conf
  haproxy -f conf >log 2>&1 & proxy=$!
  python3 - "$port" <<'PYTHON'
import sys, time, urllib.error, urllib.request
address = f"http://127.0.0.1:{sys.argv[1]}/"
for _ in range(100):
    asked = time.monotonic()
    try:
        urllib.request.urlopen(address, timeout=60)
    except urllib.error.HTTPError as error:
        assert error.code == 503, error.code
        print(round((time.monotonic() - asked) * 1000))
        break
    except OSError:
        time.sleep(0.05)
PYTHON
  kill "$proxy"; wait "$proxy" 2>/dev/null || true; proxy=
}
none=$(ask 2 ''); bare=$(ask 2 ' option redispatch'); third=$(ask 2 ' option redispatch 3'); one=$(ask 1 ' option redispatch')
echo "two servers, no redispatch:    503 after $none ms"
echo "two servers, redispatch:       503 after $bare ms"
echo "two servers, redispatch 3:     503 after $third ms"
echo "one server, redispatch:        503 after $one ms"
[ "$none" -gt 5000 ] && [ "$one" -gt 5000 ] && [ "$bare" -lt 1000 ] && [ "$third" -lt 1000 ] || { echo "That has changed."; exit 1; }
echo "As described."
