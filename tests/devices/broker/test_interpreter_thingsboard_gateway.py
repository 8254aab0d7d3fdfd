"""What an interpreter makes of ThingsBoard's gateway API: reports and commands of the devices that are tied, and
nothing of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devices.broker import refused_topics
from devices.broker.interpreter import thingsboard_gateway
from devices.broker.interpreter.iot_hub import Said
from devices.broker.interpreter.thingsboard_gateway import Gateway
from devices.models import RefusedAttempt
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish
from devices.ties import operations as ties
from tests.builders import make_device
from tests.devices.broker.embedded.topics import commands, states

if TYPE_CHECKING:
    from devices.models import Device
    from tests.conftest import World

pytestmark = pytest.mark.django_db
TOKEN = "a1" * 20


@pytest.fixture
def device(world: World) -> Device:
    """For which the placed one speaks."""
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    return device


@pytest.fixture
def gateway(world: World) -> Gateway:
    connect = Connect(0x82, 60, "", "", b"", TOKEN, None)
    return Gateway(connect, TOKEN, device_id=world.placed.device_id, types={})


def say(gateway: Gateway, topic: str, content: Any, *, qos: int = 1) -> Said:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    packet = Publish(qos << 1, f"v1/gateway/{topic}", 5 if qos else 0, payload).build()
    if look := gateway.look_first(packet):
        look()
    return gateway.hear_device(packet)


def reports(said: Said) -> list[tuple[str, Any]]:
    read = [Publish.read(packet) for packet in said.to_broker if packet.type == packets.Type.PUBLISH]
    return [(each.topic, json.loads(each.payload)) for each in read]


def asked(said: Said) -> list[tuple[int, str]]:
    """What is subscribed and unsubscribed there."""
    kinds = packets.Type.SUBSCRIBE, packets.Type.UNSUBSCRIBE
    return [
        (packet.type, packets.read_filters(packet, with_qos=packet.type == kinds[0])[1][0][0])
        for packet in said.to_broker
        if packet.type in kinds
    ]


def count_refused(device: Device) -> set[str]:
    refused_topics.refused_topics.count()
    return set(RefusedAttempt.objects.filter(device=device).values_list("reason", flat=True))


def test_each_moment_is_a_report_of_the_device_it_names(world: World, device: Device, gateway: Gateway) -> None:
    moments = [{"rpm": 1}, {"ts": 1700000000000, "values": {"rpm": 2}}]
    said = say(gateway, "telemetry", {device.serial.lower(): moments})
    assert reports(said) == [
        (states(device), {"data": {"rpm": 1}}),
        (states(device), {"data": {"rpm": 2}, "time": 1700000000000}),
    ]
    assert asked(said) == [
        (packets.Type.SUBSCRIBE, commands(device))
    ]  # as theirs does, whom it reports for is connected
    assert said.to_device == ()
    sent = [packet for packet in said.to_broker if packet.type == packets.Type.PUBLISH]
    first, last = (packets.build_answer(packets.Type.PUBACK, Publish.read(each).packet_id) for each in sent)
    assert gateway.hear_broker(first) == Said()
    assert gateway.hear_broker(last).to_device == (packets.build_answer(packets.Type.PUBACK, 5),)
    again = say(gateway, "attributes", {device.device_id: {"rpm": 3}}, qos=0)
    assert (reports(again), asked(again)) == ([(states(device), {"data": {"rpm": 3}})], [])


def test_a_command_is_a_call_and_its_answer_the_result(device: Device, gateway: Gateway) -> None:
    said = say(gateway, "connect", {"device": device.serial, "type": "default"})
    assert asked(said) == [(packets.Type.SUBSCRIBE, commands(device))]
    assert said.to_device == (packets.build_answer(packets.Type.PUBACK, 5),)
    granted = packets.build_suback(int.from_bytes(said.to_broker[0].body[:2]), [1])
    assert gateway.hear_broker(granted) == Said()
    sent = {"id": "c1", "name": "restart", "payload": {"in": 5}, "time": {"$date": "2026-01-01T00:00:00.000Z"}}
    command = Publish(2, commands(device), 9, json.dumps(sent).encode()).build()
    [told] = gateway.hear_broker(command).to_device
    call = {"device": device.serial, "data": {"id": 1, "method": "restart", "params": {"in": 5}}}
    assert (Publish.read(told).topic, json.loads(Publish.read(told).payload)) == ("v1/gateway/rpc", call)
    answered = say(gateway, "rpc", {"device": device.serial, "id": 1, "data": {"ok": True}})
    result = {"data": {"commandAnswer": {"id": "c1", "status": "done", "result": {"ok": True}}}}
    assert reports(answered) == [(states(device), result)]
    assert reports(say(gateway, "rpc", {"device": device.serial, "id": 2, "data": 1})) == []  # nobody called
    gone = say(gateway, "disconnect", {"device": device.serial})
    assert asked(gone) == [(packets.Type.UNSUBSCRIBE, commands(device))]
    assert asked(say(gateway, "disconnect", {"device": device.serial})) == []


@pytest.mark.parametrize("topic", ["telemetry", "attributes", "connect", "disconnect", "rpc", "attributes/request"])
@pytest.mark.parametrize("whose", ["a neighbour's", "another organisation's", "nobody's", "untied"])
def test_of_others_nothing_comes_through_and_it_goes_on(
    world: World, device: Device, gateway: Gateway, topic: str, whose: str
) -> None:
    name = {
        "a neighbour's": world.waiting.serial,
        "another organisation's": world.foreign.device_id,
        "nobody's": "no such",
        "untied": device.serial,
    }[whose]
    if whose == "untied":
        ties.untie(device=device, gateway=world.placed, by=world.owner)
    content: dict[str, Any] = {"device": name, "id": 1, "data": {}}
    if topic in ("telemetry", "attributes"):
        content = {name: [{"rpm": 1}]}
    said = say(gateway, topic, content)
    assert said.to_broker == ()
    assert said.to_device[0] == packets.build_answer(packets.Type.PUBACK, 5)
    assert count_refused(world.placed) == {"speaks-for-untied-device"}


def test_beside_others_those_that_are_tied_are_heard(world: World, device: Device, gateway: Gateway) -> None:
    said = say(gateway, "telemetry", {world.waiting.serial: [{"rpm": 1}], device.serial: [{"rpm": 2}]})
    assert reports(said) == [(states(device), {"data": {"rpm": 2}})]


def test_who_is_tied_meanwhile_is_known(
    world: World, gateway: Gateway, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = make_device(world.version, group=world.anaheim, by=world.owner)
    assert reports(say(gateway, "telemetry", {later.serial: [{"rpm": 1}]})) == []
    ties.tie(device=later, gateway=world.placed, by=world.owner)
    assert reports(say(gateway, "telemetry", {later.serial: [{"rpm": 1}]})) == []  # it was asked about just now
    monkeypatch.setattr(thingsboard_gateway, "LOOK_AGAIN", 0.0)
    assert len(reports(say(gateway, "telemetry", {later.serial: [{"rpm": 1}]}))) == 1
    packet = Publish(0, "v1/gateway/telemetry", 0, json.dumps({later.serial: [{}]}).encode()).build()
    assert gateway.look_first(packet) is None  # who is known is not asked about


@pytest.mark.parametrize("sent", [b"", b"[1]", b"\xff", b"[" * 100_000])
def test_what_can_not_be_read_is_dropped_as_the_gateways(world: World, gateway: Gateway, sent: bytes) -> None:
    said = say(gateway, "telemetry", sent)
    assert [Publish.read(packet).topic for packet in said.to_broker] == [states(world.placed)]


def test_odd_values_reach_the_device_they_name(device: Device, gateway: Gateway) -> None:
    assert reports(say(gateway, "telemetry", {device.serial: 5})) == [(states(device), 5)]
    odds: list[dict[str, Any]] = [{"device": 5}, {"device": [1]}, {"device": {}}, {}]
    for odd in odds:
        for topic in ("connect", "rpc", "attributes/request", "claim"):
            assert say(gateway, topic, odd).to_device
    with pytest.raises(Malformed):
        say(gateway, "telemetry", {device.serial: [{"rpm": 1}] * 2001})
    with pytest.raises(Malformed):
        gateway.hear_device(Packet(0x34, Publish(4, "v1/gateway/connect", 5, b"{}").build().body))


def test_it_is_told_that_there_are_no_shared_attributes(device: Device, gateway: Gateway) -> None:
    said = say(gateway, "attributes/request", {"device": device.serial, "id": 3, "keys": ["a"], "client": False})
    answer = Publish.read(said.to_device[1])
    assert (answer.topic, json.loads(answer.payload)) == (
        "v1/gateway/attributes/response",
        {"id": 3, "device": device.serial, "values": {}},
    )
