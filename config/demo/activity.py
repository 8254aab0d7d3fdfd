"""What an admin of the demo's maker has done so far: an import, tags, an archived group, an invitation."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices import imports
from devices.bulk_actions import eligibility, runner
from devices.bulk_actions.eligibility import Params
from devices.identity import serials
from devices.models import BulkAction, Device, Import, RecipeVersion
from tenants.audit import log as audit_log
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, Invitation, Role
from tenants.models.invitation import LASTS, hash_token

if TYPE_CHECKING:
    from tenants.models import Organisation, User

FILE = "factory-batch-7.csv"
PREFIX = "KANARRB"
SITE = "Hilltop Children's Hospital"
CUSTOMER = "Sadler-Isberg"
CLOSED = "Closed clinic"
GUEST = "new.colleague@sadler.example"
CONTRACTS = {"full service": ("KP001", "Harbor main", "Cascade main"), "parts only": ("Boise backup",)}


@transaction.atomic
def make_activity(organisation: Organisation, version: RecipeVersion, *, by: User) -> None:
    """Make it once and whole: what a visitor changed or removed afterwards stays so."""
    if Import.objects.filter(organisation=organisation).exists():
        return
    _import_batch(version, by)
    for contract, names in CONTRACTS.items():
        _tag_devices(organisation, contract, names, by)
    if customer := Group.objects.filter(path__startswith=organisation.root.path, depth=2, name=CUSTOMER).first():
        _archive_clinic(customer, by)
        _invite(organisation, customer, by)


def _import_batch(version: RecipeVersion, by: User) -> None:
    """Import six devices of a batch for a hospital; two rows did not fit and were skipped."""
    rows = [
        f"{serial},Hilltop {number},{SITE},7" for number, serial in enumerate(map(_make_serial, range(1, 7)), start=1)
    ]
    lines = ["Serial,Name,Site,Batch", *rows[:3], "KANARRB0O4XX,Misread,,7", *rows[3:], rows[0]]
    data = "\r\n".join(lines).encode()
    importing = imports.upload(by=by, version=version, name=FILE, chunks=[data])
    matched = imports.match(
        importing=importing,
        by=by,
        columns=["serial", "name", "group", "tag:Batch"],
        encoding=importing.encoding,
        delimiter=importing.delimiter,
        group=None,
        all_or_nothing=False,
        name_pattern="",
    )
    if matched:
        imports.work(importing.pk)
    if imports.start(importing=importing, by=by):
        imports.work(importing.pk)


def _make_serial(number: int) -> str:
    payload = f"{PREFIX}{number:03}"
    return payload + serials.compute_check_characters(payload)


def _tag_devices(organisation: Organisation, contract: str, names: tuple[str, ...], by: User) -> None:
    devices = Device.objects.filter(organisation=organisation, name__in=names)
    params = Params(tag="contract", value=contract)
    preview = eligibility.preview(devices, BulkAction.Kind.TAG, params)
    if preview.total:
        ticked: dict[str, object] = {"ticked": True}
        kind, digest = BulkAction.Kind.TAG, preview.digest
        action = runner.start(kind=kind, params=params, devices=devices, selection=ticked, previewed=digest, by=by)
        runner.run(action=action)


def _archive_clinic(customer: Group, by: User) -> None:
    groups.archive(group=groups.create(parent=customer, name=CLOSED, by=by), by=by)


@transaction.atomic
def _invite(organisation: Organisation, customer: Group, by: User) -> None:
    """Invite as if mailed three days ago; nobody holds its link."""
    Invitation.objects.create(
        organisation=organisation,
        group=customer,
        role=Role.VIEWER,
        email=GUEST,
        by=by,
        token_hash=hash_token(secrets.token_urlsafe(32)),
        sent_at=Now() - timedelta(days=3),
        expires_at=Now() + LASTS - timedelta(days=3),
    )
    what = f"{GUEST} invited as {Role.VIEWER.label} of {customer}"
    audit_log.record(AuditEntry.Kind.INVITATION, group=customer, by=by, what=what)
