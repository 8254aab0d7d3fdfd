"""With which credentials a device may connect, and what is due when it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.models import Connection, Credential, CredentialUse, Device
from tests.devices.models.cast import ago

if TYPE_CHECKING:
    from tests.conftest import World


CREDENTIALS: dict[str, tuple[dict[str, Any], dict[str, Any], bool, bool]] = {
    "standing": ({}, {}, True, True),
    "with an end to come": ({"expires_at": ago(hours=-1)}, {}, True, True),
    "past its end": ({"expires_at": ago(seconds=1)}, {}, False, False),
    "revoked": ({"revoked_at": ago(seconds=1)}, {}, False, False),
    "of one that is locked": ({}, {"locked_at": ago(seconds=1)}, True, False),
    "of one that is retired": ({}, {"retired_at": ago(seconds=1)}, True, False),
    "of one that never connected in time": ({}, {"expires_at": ago(seconds=1)}, True, False),
}


@pytest.mark.parametrize("case", CREDENTIALS)
def test_with_which_credentials_a_device_may_connect(world: World, case: str) -> None:
    own, devices, standing, live = CREDENTIALS[case]
    Credential.objects.all().delete()
    Credential.objects.create(device=world.placed, access_key="k", secret_hash=b"", **own)
    Device.objects.filter(pk=world.placed.pk).update(activated_at=None, **devices)
    assert (Credential.objects.standing().exists(), Credential.objects.live().exists()) == (standing, live)


def test_what_is_due_when_a_credential_is_used(world: World) -> None:
    new = Credential.objects.create(device=world.placed, access_key="new", secret_hash=b"")
    old = Credential.objects.create(device=world.placed, access_key="old", secret_hash=b"", superseded_by=new)
    due = Credential.objects.with_due().with_limited()
    assert [(each.unnoted, each.has_former, each.limited) for each in (due.get(pk=new.pk), due.get(pk=old.pk))] == [
        (True, True, False),
        (True, False, False),
    ]
    Credential.objects.filter(pk=old.pk).update(revoked_at=Now())
    CredentialUse.objects.create(credential=new)
    Connection.objects.create(device=world.placed, last_seen_at=Now(), limited_until=ago(hours=-1))
    used = due.get(pk=new.pk)
    assert (used.unnoted, used.has_former, used.limited) == (False, False, True)
    CredentialUse.objects.update(last_at=ago(seconds=6))
    assert due.get(pk=new.pk).unnoted
