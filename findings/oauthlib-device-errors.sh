#!/usr/bin/env bash
# oauthlib 4.0.1 with requests-oauthlib 2.0.0: the device grant has errors of its own, and the client never raises them.
#
# One would guess: DeviceClient polls with fetch_token(), and while nobody has approved it raises
# AuthorizationPendingError from the same package, oauthlib.oauth2.rfc8628; SlowDownError, ExpiredTokenError and
# AccessDenied likewise, as invalid_grant comes as InvalidGrantError.
# What happens: errors of an answer are looked up in rfc6749's module alone. The first three come as CustomOAuth2Error,
# and a refusal as that module's AccessDeniedError, which rfc8628's AccessDenied has nothing to do with. An `except` with
# the classes of the device grant imports, reads well, and catches nothing. Only the attribute `error` tells.
#
# Why it matters here: a device that comes in by approval is told authorization_pending at its first question, so its
# program ends there, before a person could have typed the code; and a test with a technician who was
# quicker than the first poll passes. Compare `error`, and add five seconds for slow_down oneself (RFC 8628, 3.5).
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check oauthlib==4.0.1 requests-oauthlib==2.0.0 \
  requests==2.34.2 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from oauthlib.oauth2 import DeviceClient, OAuth2Error
from oauthlib.oauth2.rfc8628.errors import AccessDenied, AuthorizationPendingError, ExpiredTokenError, SlowDownError
from requests_oauthlib import OAuth2Session

OWN = AuthorizationPendingError, SlowDownError, ExpiredTokenError, AccessDenied
answer = {}


class TokenEndpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(answer).encode()
        self.send_response(200 if "access_token" in answer else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def poll():
    session = OAuth2Session(client=DeviceClient("provisioning-token"))
    return session.fetch_token(address, device_code="a-device-code", include_client_id=True)


print(*(f"{name} {importlib.metadata.version(name)}" for name in ("oauthlib", "requests-oauthlib")))
server = HTTPServer(("127.0.0.1", 0), TokenEndpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/oauth/token"
raised = {}
for error in (*(each.error for each in OWN), "invalid_grant"):
    answer = {"error": error}
    try:
        poll()
    except OWN as caught:
        raised[error] = f"rfc8628's {type(caught).__name__}"
    except OAuth2Error as other:
        assert other.error == error
        raised[error] = type(other).__name__
    print(f"{error:22} raised {raised[error]}")
answer = {"access_token": "a-registration-token", "token_type": "Bearer"}
print("approved:", poll()["access_token"])
assert list(raised.values()) == [*["CustomOAuth2Error"] * 3, "AccessDeniedError", "InvalidGrantError"]
print("As described.")
PY
OAUTHLIB_INSECURE_TRANSPORT=1 timeout 60 "$here/env/bin/python" "$here/run.py"
