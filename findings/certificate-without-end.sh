#!/usr/bin/env bash
# cryptography 50.0.2 with Django 5.2.19: a device certificate without an end has an end that half the world can't show.
#
# One would guess: not_valid_after_utc of a valid certificate is an aware datetime like any other: stored, then shown in
# the organisation's time zone.
# What happens: IEEE 802.1AR device identities that never end carry 99991231235959Z, as RFC 5280 (4.1.2.5) prescribes.
# cryptography gives 9999-12-31 23:59:59 UTC, the last second that datetime holds: converting it to any zone east of
# Greenwich raises OverflowError, in Django's localtime() and in its `date` filter, west of it all is well.
#
# Why it matters here: a list of credentials that is shown in local time works in a test in UTC and with America/Denver,
# and is an error page for Europe/Berlin as soon as one such device is imported. Show it in UTC, or as "never".
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check cryptography==50.0.2 django==5.2.19 tzdata==2025.2 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
from datetime import UTC, datetime

import cryptography
import django
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.template import Context, Engine
from django.utils import timezone

settings.configure(USE_TZ=True, TIME_ZONE="UTC")
django.setup()
print("cryptography", cryptography.__version__, "| Django", django.__version__)
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "GENSET-0001")])
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
made = made.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
der = made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
assert b"99991231235959Z" in der
end = x509.load_der_x509_certificate(der).not_valid_after_utc
print("not_valid_after_utc:", end)
page = Engine(libraries={}).from_string('{{ end|date:"Y-m-d H:i" }}')
shown = {}
for zone in ("UTC", "America/Denver", "Europe/Berlin"):
    with timezone.override(zone):
        for way, show in (("localtime", lambda: timezone.localtime(end)), ("template", lambda: page.render(Context({"end": end})))):
            try:
                shown[zone, way] = str(show())
            except OverflowError as error:
                shown[zone, way] = f"OverflowError: {error}"
            print(f"{zone:15} {way:10} {shown[zone, way]}")
for way in ("localtime", "template"):
    assert "OverflowError" in shown["Europe/Berlin", way]
    assert "9999-12-31" in shown["America/Denver", way]
print("As described.")
PY
timeout 60 "$here/env/bin/python" "$here/run.py"
