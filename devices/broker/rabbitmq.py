"""RabbitMQ's questions, as its plugin `rabbitmq_auth_backend_http` posts them: forms, answered by a word."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from devices.broker.authorization import Question
from devices.broker.doors import Answer, Door

if TYPE_CHECKING:
    from devices.broker.authorization import Action
    from devices.broker.doors import Facts

EXCHANGE = "amq.topic"
QUEUE = "mqtt-subscription-"
UNROUTED = "handover.unrouted"
"""Keeps reports that no queue wanted."""
CONNECTIONS = "handover.connections"
"""Keeps who came and who left, until the site has read it."""
DIVIDED = "handover.parts"
"""Takes each report to the queue of its part, by a hash of the topic."""
ACTIONS: dict[str, Action] = {"write": "publish", "read": "subscribe"}
TO_MQTT = str.maketrans({".": "/", "/": ".", "*": "+"})
MOST_FIELDS = 40


def read_form(body: bytes) -> Facts:
    """Return the form's fields; of anything else none."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def answer(allowed: bool) -> Answer:
    return Answer(200, "text/plain", b"allow" if allowed else b"deny")


def ask_user(asked: Facts) -> Question | None:
    return Question(asked.get("username", ""), asked.get("password", ""), asked.get("client_id", ""))


def ask_vhost(asked: Facts) -> Question | None:
    return _ask_identity(asked) if asked.get("vhost") == "/" else None


def ask_resource(asked: Facts) -> Question | None:
    """Ask of an exchange, which is everybody's, since `ask_topic` decides what passes, or a queue, its client's."""
    kind, name = asked.get("resource"), asked.get("name", "")
    if (kind, name) == ("exchange", EXCHANGE):
        return _ask_identity(asked) if asked.get("permission") in ACTIONS else None
    if (kind, name) == ("exchange", DIVIDED) and asked.get("permission") in ACTIONS:  # the site's alone
        return Question(asked.get("username", ""), client_id=_read_client_id(asked), queue=name)
    if kind == "queue" and name in {UNROUTED, CONNECTIONS} and asked.get("permission") == "read":  # the site's alone
        return Question(asked.get("username", ""), client_id=_read_client_id(asked), queue=name)
    if kind != "queue" or not name.startswith(QUEUE):
        return None
    return Question(asked.get("username", ""), client_id=_read_client_id(asked), queue=name.removeprefix(QUEUE))


def ask_topic(asked: Facts) -> Question | None:
    action = ACTIONS.get(asked.get("permission", ""))
    if action is None or asked.get("name") != EXCHANGE:
        return None
    name = asked.get("routing_key", "").translate(TO_MQTT)
    return Question(asked.get("username", ""), client_id=_read_client_id(asked), action=action, topic=name)


def _ask_identity(asked: Facts) -> Question:
    return Question(asked.get("username", ""), client_id=_read_client_id(asked))


def _read_client_id(asked: Facts) -> str | None:
    return asked.get("client_id", asked.get("variable_map.client_id"))


DOORS = {
    f"broker/rabbitmq/{name}": Door(f"rabbitmq-{name}", read_form, ask, answer)
    for name, ask in (("user", ask_user), ("vhost", ask_vhost), ("resource", ask_resource), ("topic", ask_topic))
}
