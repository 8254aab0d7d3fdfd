"""Who calls at a door: which organisation host and path name, and what a device says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.doors.device_http import read_identity, read_text
from provisioning.doors.organisations import find_organisation
from provisioning.doors.refusals import DOOR_UNKNOWN
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World


@pytest.fixture
def _domains(settings: Settings) -> None:
    settings.DEVICE_DOMAINS = ["m2.example", "Api.Example."]


@pytest.mark.usefixtures("_domains")
@pytest.mark.parametrize(
    ("host", "named", "found"),
    [
        ("kanarra.m2.example", "", "kanarra"),
        ("KANARRA.M2.Example:8443", "", "kanarra"),
        ("kanarra.m2.example.", "", "kanarra"),
        ("other.api.example", "", "other"),
        ("m2.example", "", None),
        ("m2.example", "kanarra", "kanarra"),
        ("elsewhere.example", "other", "other"),
        ("kanarra.m2.example", "kanarra", "kanarra"),
        ("a.kanarra.m2.example", "", None),
        ("kanarra.m2.example.evil.example", "", None),
        ("kanarram2.example", "", None),
        ("", "", None),
    ],
)
def test_the_organisation_is_named_by_host_or_path(world: World, host: str, named: str, found: str | None) -> None:
    organisation = find_organisation(host, named)
    assert (organisation.slug if organisation else None) == found


@pytest.mark.usefixtures("_domains")
@pytest.mark.parametrize(
    ("host", "named"),
    [("nobody.m2.example", ""), ("m2.example", "nobody"), ("kanarra.m2.example", "other"), ("m2.example", "Kanarra")],
)
def test_one_that_is_not_there_or_two_are_refused_alike(world: World, host: str, named: str) -> None:
    with refused(DOOR_UNKNOWN):
        find_organisation(host, named)


@pytest.mark.usefixtures("_domains")
def test_where_no_domain_is_a_doors_a_host_names_nobody(world: World, settings: Settings) -> None:
    settings.DEVICE_DOMAINS = []
    assert find_organisation("kanarra.m2.example") is None


@pytest.mark.parametrize(
    ("said", "text"),
    [("Pump 1", "Pump 1"), (" x ", " x "), ("", ""), ("Größe", "Größe"), ("a\0b", ""), ("a\nb", ""), ("a\u202eb", "")]
    + [(said, "") for said in (None, 7, True, ["x"], {"a": 1})],
    ids=repr,
)
def test_what_is_text_is_read_and_all_else_is_nothing(said: object, text: str) -> None:
    assert read_text({"name": said}, "name") == text
    assert read_text({}, "name") == ""


@pytest.mark.parametrize(
    ("said", "identity"),
    [
        *(("SN-1", "SN-1"), (" SN-1 ", "SN-1"), ("", ""), ("   ", ""), (None, "")),
        *(("a\0b", None), ("\n\0", None), ("a\u202eb", None), (7, None), (0, None), (False, None), ([], None)),
    ],
    ids=repr,
)
def test_an_identity_that_is_no_text_is_not_taken_for_none(said: object, identity: str | None) -> None:
    assert read_identity({"id": said}, "id") == identity
    assert read_identity({}, "id") == ""
