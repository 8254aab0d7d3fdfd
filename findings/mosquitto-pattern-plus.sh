#!/usr/bin/env bash
# Mosquitto 2.0.11 (Debian 12): with a pattern in its ACL, a user name that holds "+" or "#" may connect and do nothing.
#
# One would guess: a password line lets "pw+8h" in, `pattern readwrite devices/%c/state` gives each client its own
# topic whatever its user name, and a name that the broker could not serve would be refused by mosquitto_passwd,
# as one with ":" is, or at CONNECT.
# What happens: mosquitto_passwd writes the line and CONNECT succeeds. As soon as the ACL file holds any pattern line,
# even one that uses only %c, everything that such a client publishes is denied, and over MQTT 3.1.1 a QoS 1 publish
# that is denied is acknowledged: the device believes all is well. "/" in the name does no harm.
#
# Why it matters here: keys in base64 hold "+" (about three of ten keys of 24 characters do), so a part of a batch of
# devices stays silent without an error on any side, and phone numbers as names (+49…) all do.
# Needs Debian's packages mosquitto and mosquitto-clients.
set -euo pipefail
here=$(mktemp -d); broker=
trap '[ -z "$broker" ] || kill "$broker" 2>/dev/null || true; rm -rf "$here"' EXIT
PATH="$PATH:/usr/sbin"
for tool in mosquitto mosquitto_passwd mosquitto_pub mosquitto_sub; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install mosquitto=2.0.11* mosquitto-clients=2.0.11*"; exit 2; }
done
version=$( (mosquitto -h || true) | sed -n 's/^mosquitto version //p'); echo "mosquitto $version"
[ "$version" = 2.0.11 ] || { echo "Described for 2.0.11."; exit 1; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$here"; chmod 755 .
touch passwords
for name in site plain 'pw+8h' 'pw/8h'; do mosquitto_passwd -b passwords "$name" secret 2>/dev/null; done
mosquitto_passwd -b passwords 'pw:8h' secret 2>&1 | sed 's/^/mosquitto_passwd for a name with a colon: /' || true
printf '%s\n' 'user site' 'topic readwrite #' '' 'pattern readwrite devices/%c/state' >acl
printf '%s\n' "listener $port 127.0.0.1" "password_file $here/passwords" "acl_file $here/acl" >conf
chmod 644 passwords acl conf
mosquitto -c conf >log 2>&1 & broker=$!
for _ in $(seq 50); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
# The kept session takes what comes, so that nothing hangs on the moment of subscribing.
mosquitto_sub -p "$port" -u site -P secret -i site -c -q 1 -t 'devices/#' -E
number=0
for name in plain 'pw+8h' 'pw/8h'; do
  number=$((number + 1))
  mosquitto_pub -p "$port" -u "$name" -P secret -i "dev$number" -q 1 -t "devices/dev$number/state" -m "from $name"
  echo "$name: connected, published at QoS 1, acknowledged (exit $?)"
done
arrived=$(mosquitto_sub -p "$port" -u site -P secret -i site -c -q 1 -t 'devices/#' -W 2 || true)
echo "Arrived:"; printf '  %s\n' "${arrived//$'\n'/$'\n  '}"
[ "$arrived" = $'from plain\nfrom pw/8h' ] || { echo "That has changed."; exit 1; }
echo "As described."
