#!/usr/bin/env bash
# tb-mqtt-client 1.13.14 (tb-paho-mqtt-client 2.1.2), ThingsBoard's client, beside paho-mqtt 2.1.0.
#
# One would guess: a client library stands beside whatever else is installed; where two of them can't, pip's resolver
# says so, or `pip check` does afterwards.
# What happens: it requires a fork of paho under another name, whose package is `paho` as well. pip writes it over
# paho-mqtt's files without a word and `pip check` finds nothing broken; every program of that environment runs the
# fork from then on, while the metadata still says paho-mqtt 2.1.0. Uninstalled again, it takes the package along:
# pip lists paho-mqtt, and `import paho.mqtt` fails.
#
# Why it matters here: whoever moves a ThingsBoard fleet tests with both clients at hand, and a site's own consumer is
# paho. Give this client an environment of its own; a lock with hashes does not show the difference.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
pip() { "$here/env/bin/pip" "$@" --disable-pip-version-check 2>"$here/pip" || { cat "$here/pip"; exit 1; }; }
pip install --quiet paho-mqtt==2.1.0
cat >"$here/look.py" <<'PY'
import base64
import hashlib
import importlib.metadata

import paho.mqtt


def digest(file):
    return base64.urlsafe_b64encode(hashlib.sha256(file.locate().read_bytes()).digest()).rstrip(b"=").decode()


ours = importlib.metadata.distribution("paho-mqtt")
other = [str(file) for file in ours.files if file.hash and digest(file) != file.hash.value]
print(f"the metadata says {ours.version}, the module {paho.mqtt.__version__}; files that are not paho-mqtt's: {other}")
PY
before=$("$here/env/bin/python" "$here/look.py")
pip install --quiet tb-mqtt-client==1.13.14 tb-paho-mqtt-client==2.1.2
checked=$(pip check)
after=$("$here/env/bin/python" "$here/look.py")
pip uninstall --quiet --yes tb-mqtt-client tb-paho-mqtt-client
listed=$(pip list --format freeze | grep '^paho-mqtt')
imported=$("$here/env/bin/python" -c 'import paho.mqtt' 2>&1 | tail -1 || true)
printf '%s\n' "alone:       $before" "beside it:   $after" "pip check:   $checked" \
  "uninstalled: pip lists $listed; import: $imported"
[[ $before == *"says 2.1.0, the module 2.1.0; files that are not paho-mqtt's: []" ]]
[[ $after == *"says 2.1.0, the module 2.1.2; files"*"paho/mqtt/client.py"* ]]
[[ $checked == "No broken requirements found." ]]
[[ $listed == "paho-mqtt==2.1.0" && $imported == *"No module named 'paho'"* ]]
