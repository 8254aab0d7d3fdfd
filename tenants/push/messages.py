"""What a browser is sent: a line, and the page that a click on it opens; nothing else leaves the site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lib import web_push
from lib.outgoing.addresses import read_target
from lib.outgoing.client import Message
from tenants.models.push import LONGEST
from tenants.push.keys import find_contact

if TYPE_CHECKING:
    from lib.web_push import Key
    from tenants.models import PushSubscription

TTL_SECONDS = 24 * 3600  # for which a service keeps it for a browser that is away
LONGEST_TITLE = 200


class Note(NamedTuple):
    title: str
    path: str  # of this site


def build_message(subscription: PushSubscription, note: Note, key: Key) -> Message:
    """Return what is posted to the browser's push service."""
    target = read_target(subscription.endpoint, longest=LONGEST)
    said = json.dumps({"title": note.title[:LONGEST_TITLE], "path": note.path}).encode()
    browser = web_push.Browser(bytes(subscription.p256dh), bytes(subscription.auth))
    headers = [
        ("Authorization", web_push.write_authorization(target, key, contact=find_contact())),
        ("Content-Encoding", web_push.CONTENT_ENCODING),
        ("TTL", str(TTL_SECONDS)),
        ("Urgency", "high"),
    ]
    return Message(target, web_push.encrypt(said, browser), headers, "application/octet-stream")
