"""Clients that are known by the certificate of their TLS connection alone: docs/protocol.md.

To the broker each is one device like all others, by the certificate's hash and a ticket, which says that its key was
proved just now. So whoever could revoke a secret can end what a certificate may do.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Self

from devices.broker.interpreter import version5
from devices.broker.interpreter.iot_hub import NOT_AUTHORISED
from devices.broker.interpreter.murano import Murano
from devices.broker.interpreter.plain import Plain
from devices.credentials.certificates import make_ticket
from devices.mqtt import packets
from devices.mqtt.text_values import read_types
from lib.refusals import Refusal

if TYPE_CHECKING:
    from devices.broker.interpreter.callers import Caller, Doors
    from devices.broker.interpreter.plain import Interpreter
    from devices.mqtt.packets import Connect, Packet


class CertificateHolder(NamedTuple):
    """Hold a client of whose TLS connection the front told a certificate."""

    connect: Connect
    is_next: bool = False  # it speaks MQTT 5

    @classmethod
    def greet(cls, connect: Connect, *, is_next: bool = False) -> Self | None:
        """Return the client; None for one that sends a password, by which it wants to be known."""
        return cls(connect, is_next) if connect.password is None else None

    def find(self, doors: Doors, caller: Caller) -> Interpreter | Packet:
        """Return who interprets for it, or what it is answered. Raises Refusal where it was refused too often."""
        try:
            credential = doors.certify(caller, {self.connect.username or "", self.connect.client_id} - {""})
        except Refusal as refusal:
            if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise
            answer = packets.build_connack(NOT_AUTHORISED)
            return version5.say_next(answer) if self.is_next else answer
        device, ticket = credential.device, make_ticket(credential.access_key)
        interpreter: Interpreter
        if self.connect.client_id == device.device_id:  # it speaks our own MQTT
            account = self.connect._replace(username=credential.access_key, password=ticket)
            interpreter = Plain(account.build())
        else:
            interpreter = Murano(
                self.connect,
                ticket,
                device_id=device.device_id,
                types=read_types(device.version_id),
                access_key=credential.access_key,
            )
        return version5.Version5(interpreter) if self.is_next else interpreter
