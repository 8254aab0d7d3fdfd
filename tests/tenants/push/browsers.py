"""A browser that subscribed, at a push service of its own: it reads what is sent to it, as browsers do."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from lib import web_push
from tenants.models import PushSubscription
from tenants.push import operations

if TYPE_CHECKING:
    from lib.web_push import Key
    from tenants.models import User
    from tests.receivers import Got, Receiver


@dataclass
class Browser:
    """Hold what a browser makes when it subscribes, and keeps."""

    endpoint: str
    key: Key = field(default_factory=web_push.make_key)
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def sent(self) -> dict[str, str]:
        """What it posts to the site."""
        p256dh = web_push.encode(web_push.write_point(self.key))
        return {"endpoint": self.endpoint, "p256dh": p256dh, "auth": web_push.encode(self.auth)}

    def subscribe(self, user: User, **more: str) -> PushSubscription:
        return operations.subscribe(user=user, **self.sent, **more)

    def read(self, got: Got) -> dict[str, Any]:
        """Return the message, from somebody who may send it. Raises ValueError, and what jwt does."""
        assert got.headers["content-encoding"] == "aes128gcm"
        assert int(got.headers["ttl"]) > 0
        scheme, _, rest = got.headers["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(", "))
        assert scheme == "vapid"
        public = ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, web_push.decode(parts["k"]))
        origin = "/".join(self.endpoint.split("/")[:3])
        jwt.decode(parts["t"], public, ["ES256"], audience=origin)
        said: dict[str, Any] = json.loads(web_push.decrypt(got.body, self.key, self.auth))
        return said


def browser_at(service: Receiver, name: str = "one") -> Browser:
    return Browser(f"https://localhost:{service.port}/push/{name}")
