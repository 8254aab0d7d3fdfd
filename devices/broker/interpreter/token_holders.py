"""Clients that come by a token alone, in whichever vendor's words: each is looked up before it is interpreted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from devices.broker.interpreter import version5
from devices.broker.interpreter.iot_hub import NOT_AUTHORISED
from devices.broker.interpreter.murano import Murano
from devices.broker.interpreter.thingsboard_gateway import Gateway
from devices.credentials.tokens import TOKEN, derive_access_key
from devices.models import Credential
from devices.mqtt import packets
from devices.mqtt.text_values import read_types

if TYPE_CHECKING:
    from devices.broker.interpreter.by_token import ByToken
    from devices.broker.interpreter.version5 import Version5
    from devices.mqtt.packets import Connect, Packet


class TokenHolder(NamedTuple):
    """Hold a client that comes by a token, and is to be looked up."""

    connect: Connect
    token: str
    speaks: type[ByToken] = Murano
    is_next: bool = False  # it speaks MQTT 5

    @classmethod
    def greet(cls, connect: Connect, *, is_next: bool = False) -> Self | Packet | None:
        """Return the client, or what it is answered; None if it speaks another language. Exosite's devices say the
        token as the password of nobody, ThingsBoard's as a user name without a password."""
        username, password = connect.username, connect.password
        if username == "" and password is not None and not is_next:
            refusal = packets.build_connack(NOT_AUTHORISED)
            return cls(connect, password) if TOKEN.fullmatch(password) else refusal
        if password is None and username and TOKEN.fullmatch(username):
            return cls(connect, username, Gateway, is_next)
        return None

    def find(self) -> ByToken | Version5 | Packet:
        """Return who interprets for it, by one query; or what it is answered where the token is nobody's. Whether the
        device may connect is the broker's question."""
        known = Credential.objects.filter(access_key=derive_access_key(self.token)).select_related("device").first()
        if known is None:
            refusal = packets.build_connack(NOT_AUTHORISED)
            return version5.say_next(refusal) if self.is_next else refusal
        types = read_types(known.device.version_id)
        interpreter = self.speaks(self.connect, self.token, device_id=known.device.device_id, types=types)
        return version5.Version5(interpreter) if self.is_next else interpreter
