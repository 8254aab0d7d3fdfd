"""Who may connect to the broker, and who may publish or subscribe what. Every broker's question ends here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from django.conf import settings

from devices import refusals
from devices.broker import refused_connects, refused_topics
from devices.commands import subscriptions
from devices.credentials import certificates, standing
from devices.credentials import operations as credentials
from devices.models import Credential, Device, Tie
from devices.mqtt import client, parts, topics
from lib.parsing import remove_nul

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from devices.credentials.standing import Use

Action = Literal["publish", "subscribe", "receive"]


@dataclass(frozen=True, slots=True)
class Question:
    """Hold what a broker asks, in nobody's words: with a password who connects, else what a client may do.

    `client_id` is None where the broker did not tell it. `queue` begins with the client id of its owner.
    """

    username: str
    password: str | None = None
    client_id: str | None = None
    action: Action | None = None
    topic: str = ""
    retain: bool = False
    queue: str | None = None


class Attempt(NamedTuple):
    """Hold who wants to connect."""

    username: str
    secret_hash: bytes
    client_id: str
    is_certified: bool = False  # by a ticket

    @classmethod
    def of(cls, username: str, password: str, client_id: str) -> Self:
        is_certified = certificates.is_ticket(username, password)
        return cls(username, b"" if is_certified else credentials.hash_secret(password), client_id, is_certified)

    def fits(self, credential: Credential | None) -> bool:
        """Decide whether it shows the secret of this credential, or the proof of its key, under its device's name."""
        if self.is_certified:
            is_right = credential is not None and credential.kind == Credential.Kind.CERTIFICATE
        else:
            is_right = credentials.matches_secret(credential, self.secret_hash)
            is_right &= credential is not None and credential.kind == Credential.Kind.ACCESS_KEY
        return is_right and credential is not None and credential.device.device_id == self.client_id


@dataclass(frozen=True, slots=True)
class Caller:
    """Identify whose client it is: a device's, or (with no device ID) the site's own."""

    username: str
    device_id: str | None = None
    limited: bool = False  # it sent too much, and is to say nothing for a time
    speaks_for: frozenset[str] = frozenset()  # device IDs, beside its own


@dataclass(frozen=True, slots=True)
class Identity:
    """Identify a device, or the site's own account, which has none, with the rows that the database gave."""

    username: str
    device: Device | None = None
    credential: Credential | None = None  # only of a connect
    limited: bool = False  # it sent too much, and is to say nothing for a time
    speaks_for: frozenset[str] = frozenset()  # device IDs, beside its own

    @property
    def device_id(self) -> str | None:
        return self.device.device_id if self.device else None


def answer_question(question: Question) -> bool:
    """Answer the question from the database."""
    if question.password is None:
        identity = _with_ties(identify(question.username), question)
    else:
        identity = admit(question.username, question.password, question.client_id or "")
    return is_permitted(question, identity)


def _with_ties(identity: Identity | None, question: Question) -> Identity | None:
    """Add for whom it speaks, where the topic is not its own."""
    named = topics.parse_topic(question.topic)
    if identity is None or identity.device is None or named is None or named.device_id == identity.device_id:
        return identity
    return replace(identity, speaks_for=find_spoken_for([identity.device.pk]).get(identity.device.pk, frozenset()))


def is_permitted(question: Question, caller: Caller | Identity | None) -> bool:
    """Decide whether this caller may do what is asked, and note what that means."""
    if may(question, caller):
        if caller is not None:
            note_subscription(caller, question.action, question.topic)
        return True
    if caller is not None and question.action is not None and _is_own(question, caller):
        note_refused_topic(caller, question.action, question.topic)
    return False


def may(question: Question, caller: Caller | Identity | None) -> bool:
    """Decide whether this caller may do what is asked; a client id that is told must be the device's."""
    if caller is None or not _is_own(question, caller):
        return False
    if question.queue is not None:
        return caller.device_id is None or question.queue.startswith(caller.device_id)
    if question.action is None:
        return True
    return may_use_topic(caller, question.action, question.topic, retain=question.retain)


def _is_own(question: Question, caller: Caller | Identity) -> bool:
    return not caller.device_id or question.client_id in (None, caller.device_id)


def note_refused_topic(caller: Caller | Identity, action: Action, topic: str) -> None:
    """Note that a device was refused, if that is since the topic is not its own: not since it sends too much, or for
    a flag."""
    if caller.device_id and action != "receive" and not caller.limited and not may_use_topic(caller, action, topic):
        refused_topics.note_refusal(caller.device_id)


def note_refused_publish(caller: Caller | Identity, topic: str, *, retain: bool) -> None:
    """Note what a broker dropped of a device: a topic that is not its own, or a message to be kept on its own one."""
    if retain and caller.device_id and not caller.limited and may_use_topic(caller, "publish", topic):
        refused_topics.note_refusal(caller.device_id, refusals.RETAINED)
    else:
        note_refused_topic(caller, "publish", topic)


def note_subscription(caller: Caller | Identity, action: Action | None, topic: str) -> None:
    """Note that a device, or its gateway, subscribes to its commands: what waits is sent then."""
    named = topics.parse_topic(topic) if action == "subscribe" and caller.device_id else None
    if named is not None:
        subscriptions.note_subscription(named.device_id)


def connect(username: str, password: str, client_id: str) -> Identity | None:
    """Return whose connection this is, in one indexed query; None refuses. A device's client id is its device ID."""
    if _is_service(username, password):
        return Identity(username)
    if "\0" in username:
        return None
    credential = credentials.find_credentials([username]).get(username)
    if credential is None or not Attempt.of(username, password, client_id).fits(credential):
        return None
    return Identity(username, credential.device, credential, credential.limited)


def admit(username: str, password: str, client_id: str) -> Identity | None:
    """Return what `connect` does, and note the connect: the first with a credential, and then one a minute. One that is
    refused is noted, too."""
    identity = connect(username, password, client_id)
    note_connect(identity)
    if identity is None:
        refused_connects.note_refusal(username, password, client_id)
    return identity


def note_connect(identity: Identity | None) -> None:
    """Note that the credential was used. Never refuses a device, but may wait for the database's writers (SQLite)."""
    if identity and identity.credential:
        standing.note_use(identity.credential)


def identify(username: str) -> Identity | None:
    """Return whose connection it is that was let in before; None once credential or device may connect no longer."""
    own = client.parse_address(settings.MQTT_URL).username
    if own and compare_digest(username.encode(), own.encode()):
        return Identity(username)
    live = Credential.objects.live().filter(access_key=remove_nul(username))
    credential = live.with_limited().select_related("device").first()
    return Identity(username, credential.device, limited=credential.limited) if credential else None


def may_use_topic(caller: Caller | Identity, action: Action, topic: str, *, retain: bool = False) -> bool:
    """Decide whether a client may do that: a device sends its state and hears its commands, as exact topics, and those
    of the devices for which it speaks.

    The site's own account does the reverse, for all devices, and fences. Nobody retains.
    """
    if retain or caller.limited:
        return False
    if caller.device_id is None:
        return _service_may(action, topic)
    channel: topics.Channel = "state" if action == "publish" else "command"
    named = topics.parse_topic(topic)
    if named is None or named.channel != channel:
        return False
    return named.device_id == caller.device_id or named.device_id in caller.speaks_for


def find_spoken_for(devices: Iterable[int]) -> dict[int, frozenset[str]]:
    """Return, by primary key of those of the devices that speak for others, the device IDs of these; in one query."""
    found: dict[int, set[str]] = {}
    ties = Tie.objects.standing().filter(gateway__among=set(devices))
    for gateway, device_id in ties.values_list("gateway_id", "device__device_id"):
        found.setdefault(gateway, set()).add(device_id)
    return {gateway: frozenset(spoken_for) for gateway, spoken_for in found.items()}


def find_live_keys(access_keys: Iterable[str]) -> set[str]:
    """Return those of the keys with which a device may connect now, and is not shut out for sending too much."""
    keys = Credential.objects.live().filter(access_key__in=access_keys)
    return set(keys.exclude(Device.is_shut_out("device__")).values_list("access_key", flat=True))


class Known(NamedTuple):
    """Hold what the database says of an access key: whose it is, the hash of its secret (None where it has none),
    whether it is a certificate's, what its use has to note, and whether it lasts (`standing.Standing`)."""

    caller: Caller
    secret_hash: bytes | None
    certified: bool
    use: Use
    lasts: bool

    def lets_in(self, secret_hash: bytes, client_id: str) -> bool:
        """Decide whether who sent this may connect, in a time that tells nothing."""
        right = compare_digest(self.secret_hash or bytes(32), secret_hash)
        return right and self.secret_hash is not None and client_id == self.caller.device_id

    def lets_in_certified(self, client_id: str) -> bool:
        """Decide whether who proved the certificate's key may connect."""
        return self.certified and client_id == self.caller.device_id


def identify_many(usernames: Collection[str]) -> dict[str, Known]:
    """Return, by access key, whose they are with which a device may connect now, in two queries."""
    found = standing.find_standing({remove_nul(username) for username in usernames})
    ties = find_spoken_for(each.use.device for each in found) if found else {}
    return {
        each.access_key: Known(
            Caller(each.access_key, each.device_id, each.limited, ties.get(each.use.device, frozenset())),
            each.secret_hash,
            each.certified,
            each.use,
            each.lasts,
        )
        for each in found
    }


def identify_service(question: Question) -> Caller | None:
    """Return the site's own account, known without the database; None for anybody else."""
    own = client.parse_address(settings.MQTT_URL).username
    if not own or not compare_digest(question.username.encode(), own.encode()):
        return None
    if question.password is None or _is_service(question.username, question.password):
        return Caller(question.username)
    return None


def _is_service(username: str, password: str) -> bool:
    own = client.parse_address(settings.MQTT_URL)
    same_name = compare_digest(username.encode(), own.username.encode())
    same_password = compare_digest(password.encode(), own.password.encode())
    return bool(own.username and own.password) and same_name and same_password


def _service_may(action: Action, topic: str) -> bool:
    if topic == topics.FENCE:
        return True
    own = topics.parse_topic(topic)
    if action == "subscribe":
        # To commands for a moment, so as to end a gateway's subscription (mqtt.client.take_place).
        return topic.removeprefix(parts.SHARED) in topics.ALL_STATES or (own is not None and own.channel == "command")
    return own is not None and own.channel == ("command" if action == "publish" else "state")
