"""What the answers of the door of approval tell a test."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db.models import F

from devices.credentials import operations as credentials
from devices.models import Credential
from lib.refusals import Refusal
from provisioning.doors import refused_attempts
from provisioning.models import (
    Door,
    DoorRefusal,
)

if TYPE_CHECKING:
    pass

CANCELLED = "/problems/deviceProvisioning/provisioningOperationCancelled"
EXPIRED = "/problems/deviceProvisioning/provisioningOperationExpired"
UNAUTHORIZED = "/problems/deviceProvisioning/unauthorized"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def problem(answer: Any, status: int) -> str:
    """Return the type of a problem, which it has to be."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Content-Length"] == str(len(answer.content))
    assert not answer.cookies
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail", "instance"}
    assert told["status"] == status
    return str(told["type"])


def reasons(door: Door) -> set[str]:
    refused_attempts.refused_attempts.count()
    return set(DoorRefusal.objects.of(door).values_list("reason", flat=True))


def works(answer: Any) -> bool:
    """Whether the credential of a connection string is one."""
    device_id, key, secret = answer.json()["connectionString"].rpartition("SharedAccessSignature=")[2].split(".")
    found = credentials.find_credential(access_key=key, access_secret=secret)
    return found is not None and found.device.device_id == device_id


def make_older(by: timedelta = timedelta(minutes=1)) -> None:
    """Let the credentials be as old as a device that asks again."""
    Credential.objects.update(created_at=F("created_at") - by)
    cache.clear()


def refused(do: Any, code: str) -> None:
    with pytest.raises(Refusal) as told:
        do()
    assert told.value.code.startswith(code)
