"""Readers who ask, and then take their time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from django.test import Client

if TYPE_CHECKING:
    from tenants.models import User


def cookies(user: User) -> str:
    """Of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    return "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())


def ask(port: int, path: str, cookie: str) -> socket.socket:
    """A request of which nothing is read yet, with little room for the answer."""
    asked = socket.socket()
    asked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asked.settimeout(60)
    asked.connect(("127.0.0.1", port))
    asked.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
    return asked
