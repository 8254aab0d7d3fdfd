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
ACTIONS: dict[str, Action] = {"write": "publish", "read": "subscribe"}
TO_MQTT = str.maketrans({".": "/", "/": ".", "*": "+"})
MOST_FIELDS = 40


def read(body: bytes) -> Facts:
    """The form's fields; of anything else none."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def answer(allowed: bool) -> Answer:
    return Answer(200, "text/plain", b"allow" if allowed else b"deny")


def user(asked: Facts) -> Question | None:
    return Question(asked.get("username", ""), asked.get("password", ""), asked.get("client_id", ""))


def vhost(asked: Facts) -> Question | None:
    return _present(asked) if asked.get("vhost") == "/" else None


def resource(asked: Facts) -> Question | None:
    """The exchange is everybody's, since `topic` decides what passes through it; a queue is its client's."""
    kind, name = asked.get("resource"), asked.get("name", "")
    if (kind, name) == ("exchange", EXCHANGE):
        return _present(asked) if asked.get("permission") in ACTIONS else None
    if kind != "queue" or not name.startswith(QUEUE):
        return None
    return Question(asked.get("username", ""), client_id=_client_id(asked), queue=name.removeprefix(QUEUE))


def topic(asked: Facts) -> Question | None:
    action = ACTIONS.get(asked.get("permission", ""))
    if action is None or asked.get("name") != EXCHANGE:
        return None
    name = asked.get("routing_key", "").translate(TO_MQTT)
    return Question(asked.get("username", ""), client_id=_client_id(asked), action=action, topic=name)


def _present(asked: Facts) -> Question:
    return Question(asked.get("username", ""), client_id=_client_id(asked))


def _client_id(asked: Facts) -> str | None:
    return asked.get("client_id", asked.get("variable_map.client_id"))


DOORS = {
    f"broker/rabbitmq/{ask.__name__}": Door(f"rabbitmq-{ask.__name__}", read, ask, answer)
    for ask in (user, vhost, resource, topic)
}
