"""Labels for many devices: whose, which, how they look, and the worker that makes thousands."""

from __future__ import annotations

import os
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
import redis
from asgiref.sync import async_to_sync
from django.db.models.functions import Now
from django.utils.timezone import now

from devices import streams, tasks
from devices.access import get_sheet
from devices.jobs import files, leases, progress
from devices.labels import documents, printing
from devices.models import Device, Event, File, Import, LabelPrintJob
from tenants.models import User
from tests import builders
from tests.devices.labels.reading import codes, pictures
from tests.signing_in import make_look
from tests.tenants.organisations.test_theme import PNG

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks
    from pytest_django.fixtures import Settings

    from tests.conftest import World

FULL = {
    "stock": "l7651",
    "dpi": "300",
    "level": "Q",
    "quiet": "4",
    "start": "1",
    "content": "serial",
    "with_name": "on",
}
HTMX = {"HX-Request": "true", "HX-Target": "preview"}


def pdf_of(client: Client, **given: str) -> list[str]:
    """The texts of the codes that are printed."""
    answer = client.post("/labels/print/", FULL | given)
    assert answer["Content-Type"] == "application/pdf", answer.content.decode()
    return [text for page in pictures(answer.content, 300) for text in codes(page)]


@pytest.mark.parametrize(
    ("who", "names"), [("owner", ["waiting", "placed", "foreign"]), ("admin", ["placed"]), ("stranger", ["alien"])]
)
def test_each_admin_prints_their_own(client: Client, world: World, who: str, names: list[str]) -> None:
    client.force_login(getattr(world, who))
    assert sorted(pdf_of(client)) == sorted(getattr(world, name).serial for name in names)
    event = Event.objects.get(kind=Event.Kind.LABELS_PRINTED)
    user = getattr(world, who)
    assert (event.by, event.organisation, event.device) == (user, user.organisation, None)
    assert event.data == {"count": len(names), "of": "all devices"}


def test_by_the_device_list_s_query(client: Client, world: World) -> None:
    client.force_login(world.owner)
    sadler = str(world.sadler.pk)
    assert pdf_of(client, group=sadler) == pdf_of(client, q="aheim") == [world.placed.serial]
    assert pdf_of(client, waiting="1") == [world.waiting.serial]
    Device.objects.filter(pk=world.foreign.pk).update(tags={"site": "roof"})
    assert pdf_of(client, tag="site:roof", status="never") == [world.foreign.serial]
    [*_, last] = Event.objects.filter(kind=Event.Kind.LABELS_PRINTED).order_by("pk")
    assert last.data == {"count": 1, "of": "status never, tag site:roof"}


def test_of_one_import(client: Client, world: World) -> None:
    client.force_login(world.owner)
    made = Import.objects.create(organisation=world.kanarra, by=world.owner, version=world.version, total=1)
    Device.objects.filter(pk__in=[world.waiting.pk, world.alien.pk]).update(source=made)
    assert pdf_of(client, **{"import": str(made.key)}) == [world.waiting.serial]
    client.force_login(world.stranger)
    Device.objects.filter(pk=world.alien.pk).update(source=None)
    foreign = client.post("/labels/print/", FULL | {"import": str(made.key)})
    absent = client.post("/labels/print/", FULL | {"import": str(uuid4())})
    assert foreign.status_code == absent.status_code == 422


def test_serials_one_by_one_in_their_order(client: Client, world: World) -> None:
    client.force_login(world.owner)
    more = [builders.make_device(world.version) for _ in range(3)]
    typed = "\r\n".join([more[2].serial.lower(), f" {more[0].serial_grouped} ", "", more[1].serial, more[2].serial])
    answer = client.post("/labels/print/", FULL | {"serials": typed})
    [page] = pictures(answer.content, 300)
    assert sorted(codes(page)) == sorted(device.serial for device in more)
    first = client.post("/labels/preview/", FULL | {"serials": typed}, headers=HTMX).content.decode()
    assert f"The first label: {more[2].serial_grouped}" in first.replace("\n", " ")


@pytest.mark.parametrize("who", ["admin", "owner"])
def test_a_serial_of_others_is_as_unknown_as_one_of_nobody(client: Client, world: World, who: str) -> None:
    client.force_login(getattr(world, who))
    for serial in (world.alien.serial, "N0SUCHDEV1CE"):
        answer = client.post("/labels/print/", FULL | {"serials": f"{world.placed.serial}\n{serial}"})
        assert answer.status_code == 422
        assert f"Not found among your devices: {serial}. Correct or remove them." in answer.content.decode()
    assert not Event.objects.filter(kind=Event.Kind.LABELS_PRINTED).exists()


def test_a_group_of_others_is_as_unknown_as_none(client: Client, world: World) -> None:
    client.force_login(world.admin)
    answers = [client.post("/labels/print/", FULL | {"group": pk}) for pk in (str(world.tekton.pk), "999999", "x")]
    assert {answer.status_code for answer in answers} == {422}
    assert b"Tekton" not in answers[0].content


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"start": "66"}, "A sheet of these has 65 labels."),
        ({"start": "0"}, "Labels are counted from 1"),
        ({"right": "11"}, "10 at most"),
        ({"stock": "none"}, "is not one of the choices"),
        ({"quiet": "1"}, "2 at least"),
        ({"q": "no such device"}, "No device that you manage is among these"),
        ({"status": "bogus"}, "filter of devices is not understood"),
        ({"serials": "\n".join(map(str, range(5001)))}, "These are 5,001 serials; 5,000 fit here."),
        ({"serials": "\0"}, "sign in it that can&#x27;t be kept"),
        ({"import": "x"}, "This is no key."),
    ],
)
def test_what_can_not_be_printed_is_said(client: Client, world: World, given: dict[str, str], cause: str) -> None:
    client.force_login(world.owner)
    answer = client.post("/labels/print/", FULL | given)
    assert answer.status_code == 422
    assert cause in answer.content.decode()
    fragment = client.post("/labels/preview/", FULL | given, headers=HTMX)
    assert fragment.status_code == 200
    assert cause in fragment.content.decode()


def test_the_page_takes_the_list_s_address(client: Client, world: World) -> None:
    client.force_login(world.owner)
    body = client.get("/labels/", {"group": world.anaheim.pk, "q": "Anaheim"}).content.decode()
    assert f'<option value="{world.anaheim.pk}" selected>\u2003\u2003\u2003Kaiser Permanente Anaheim</option>' in body
    assert "<strong>1</strong> label on <strong>1</strong> sheet" in body
    assert f"The first label: {world.placed.serial_grouped}" in body.replace("\n", " ")


def test_the_organisation_s_defaults(client: Client, world: World) -> None:
    client.force_login(world.owner)
    assert '<option value="serial" selected>' in client.get("/labels/").content.decode()
    assert "with_logo" not in client.get("/labels/").content.decode()
    world.kanarra.label_content, world.kanarra.logo = "url", PNG
    world.kanarra.save()
    body = client.get("/labels/", {"with_logo": "on"}).content.decode()
    assert '<option value="url" selected>' in body
    assert "with_logo" in body


def test_the_address_in_the_code(client: Client, world: World, settings: Settings) -> None:
    client.force_login(world.admin)
    assert pdf_of(client, content="url") == [f"HTTP://TESTSERVER/D/{world.placed.serial}"]
    settings.SITE_URLS = ["https://devices.example", "https://old.example"]
    assert pdf_of(client, content="url") == [f"HTTPS://DEVICES.EXAMPLE/D/{world.placed.serial}"]


def test_warnings_are_shown_before_anything_is_printed(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.post("/labels/preview/", FULL | {"stock": "l4731"}, headers=HTMX).content.decode()
    assert "Modules of 0.25 mm are hard to scan: print at 600 dpi" in body


def test_nobody_s_groups_but_one_s_own_are_offered(client: Client, world: World) -> None:
    client.force_login(world.admin)
    body = client.get("/labels/").content.decode()
    assert ">Sadler-Isberg</option>" in body
    for name in ("Tekton", "Boise", "Kanarra</option>", "Elsewhere"):
        assert name not in body


def test_the_same_number_of_queries_for_any_number_of_devices(
    client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(world.owner)
    client.get("/labels/")
    for _ in range(20):
        builders.make_device(world.version)
    with django_assert_max_num_queries(14):
        client.get("/labels/")


# By a worker ----------------------------------------------------------------------------------


@pytest.fixture
def asked(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> LabelPrintJob:
    """The owner's three devices, as if they were too many for an answer."""
    monkeypatch.setattr(printing, "STRAIGHT", 2)
    client.force_login(world.owner)
    answer = client.post("/labels/print/", FULL)
    sheet = LabelPrintJob.objects.get()
    assert answer["Location"] == f"/labels/{sheet.key}/"
    return sheet


def taken(client: Client, sheet: LabelPrintJob) -> bytes:
    answer: Any = client.get(f"/labels/{sheet.key}/file/")
    assert answer.status_code == 200

    async def whole() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    content = async_to_sync(whole)()
    assert len(content) == int(answer["Content-Length"])
    return content


def test_thousands_are_made_by_a_worker(client: Client, world: World, asked: LabelPrintJob) -> None:
    assert "Waiting for a worker" in client.get(f"/labels/{asked.key}/").content.decode()
    assert client.get(f"/labels/{asked.key}/file/").status_code == 302
    tasks.make_sheet(asked.pk)
    body = client.get(f"/labels/{asked.key}/").content.decode()
    assert "3 labels are ready." in body
    first, second = taken(client, asked), taken(client, asked)
    assert first == second
    [page] = pictures(first, 300)
    assert len(codes(page)) == 3
    event = Event.objects.get(kind=Event.Kind.LABELS_PRINTED)
    assert (event.by, event.data) == (world.owner, {"count": 3, "of": "all devices"})
    assert "3 labels" in client.get("/labels/").content.decode()


def test_a_worker_is_told(
    asked: LabelPrintJob, client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    queue = redis.Redis.from_url(os.environ["REDIS_URL"])
    waiting = queue.llen("celery")
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/labels/print/", FULL)
    assert queue.llen("celery") == int(str(waiting)) + 1


def test_twice_made_is_once_made(asked: LabelPrintJob) -> None:
    tasks.make_sheet(asked.pk)
    tasks.make_sheet(asked.pk)
    assert (File.objects.count(), Event.objects.filter(kind=Event.Kind.LABELS_PRINTED).count()) == (1, 1)


def test_more_than_one_pdf_are_a_zip(client: Client, asked: LabelPrintJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PART", 2)
    LabelPrintJob.objects.update(given=asked.given | {"stock": "roll-50x25"})
    tasks.make_sheet(asked.pk)
    with ZipFile(BytesIO(taken(client, asked))) as archive:
        pages = [page for name in archive.namelist() for page in pictures(archive.read(name), 300)]
    assert (len(archive.namelist()), sum(len(codes(page)) for page in pages)) == (2, 3)


def test_a_living_worker_keeps_its_claim_and_a_dead_one_loses_it(asked: LabelPrintJob) -> None:
    LabelPrintJob.objects.update(state="running", worker=uuid4(), held_until=Now() + timedelta(minutes=1))
    assert leases.offer_abandoned(LabelPrintJob) == []
    tasks.make_sheet(asked.pk)
    assert not File.objects.exists()
    LabelPrintJob.objects.update(held_until=Now() - timedelta(seconds=1))
    assert leases.offer_abandoned(LabelPrintJob) == [asked.pk]
    tasks.make_sheet(asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.done) == ("done", 3)
    assert leases.offer_abandoned(LabelPrintJob) == []


def test_what_no_worker_was_told_of_is_found(asked: LabelPrintJob) -> None:
    assert leases.offer_abandoned(LabelPrintJob) == []  # a worker may yet come to it
    LabelPrintJob.objects.update(held_until=now() - timedelta(seconds=1))
    assert leases.offer_abandoned(LabelPrintJob) == [asked.pk]


def test_a_worker_that_lost_its_claim_stores_nothing(asked: LabelPrintJob, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.store_file

    def late(**given: Any) -> File:
        LabelPrintJob.objects.update(worker=uuid4())
        return real(**given)

    monkeypatch.setattr(files, "store_file", late)
    tasks.make_sheet(asked.pk)
    assert not File.objects.exists()
    assert not Event.objects.filter(kind=Event.Kind.LABELS_PRINTED).exists()


def test_cancelled(client: Client, asked: LabelPrintJob) -> None:
    assert client.post(f"/labels/{asked.key}/cancel/")["Location"] == "/labels/"
    tasks.make_sheet(asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.file, asked.is_working) == ("cancelled", None, False)
    assert not printing.cancel(sheet=asked, by=asked.by) if asked.by else False


def test_what_the_asker_may_not_any_more_is_not_made(client: Client, world: World, asked: LabelPrintJob) -> None:
    world.owner.memberships.update(group=world.tekton)
    tasks.make_sheet(asked.pk)
    [page] = pictures(taken(client, asked), 300)
    assert codes(page) == [world.foreign.serial]


def test_a_sheet_that_fails_says_why(client: Client, world: World, asked: LabelPrintJob) -> None:
    LabelPrintJob.objects.update(given=asked.given | {"serials": world.alien.serial})
    tasks.make_sheet(asked.pk)
    body = client.get(f"/labels/{asked.key}/").content.decode()
    assert "No labels were made." in body
    assert f"Not found among your devices: {world.alien.serial}" in body


def test_a_fault_of_ours_is_said_without_its_insides(
    client: Client, asked: LabelPrintJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **given: Any) -> int:
        raise RuntimeError("insides")

    monkeypatch.setattr(documents, "write_all", broken)
    tasks.make_sheet(asked.pk)
    body = client.get(f"/labels/{asked.key}/").content.decode()
    assert "Something went wrong on our side." in body
    assert "insides" not in body


def test_kept_for_a_day(client: Client, asked: LabelPrintJob) -> None:
    tasks.make_sheet(asked.pk)
    assert File.objects.get().expires_at - now() == pytest.approx(timedelta(days=1), abs=timedelta(minutes=1))
    File.objects.update(expires_at=now() - timedelta(seconds=1))
    tasks.clear_expired()
    assert "These labels are no longer kept." in client.get(f"/labels/{asked.key}/").content.decode()
    assert client.get(f"/labels/{asked.key}/file/").status_code == 302


def test_the_stream_says_when_it_is_ready(world: World, asked: LabelPrintJob) -> None:
    def seen(user: User) -> streams.Seen | None:
        return progress.look_at_job(make_look(user), get_sheet, asked.key)

    waiting = seen(world.owner)
    tasks.make_sheet(asked.pk)
    ready = seen(world.owner)
    assert waiting
    assert ready
    assert (waiting.version[:9], waiting.final, ready.version, ready.final) == ("waiting-0", False, "done", True)
    assert seen(world.admin) is None
