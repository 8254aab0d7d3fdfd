"""The gates of registration: what a technician may open a window on, and the windows that are theirs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.http import Http404

from devices.access import share_organisation
from devices.identity import label_text, serials
from devices.identity.label_facts import LabelFacts, read_facts
from devices.models import Device
from devices.recipes.label_rules import find_names
from devices.recipes.organisation_format import fits_formats, list_serial_lengths, makes_checked_serials
from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning.models import Window
from provisioning.refusals import AMBIGUOUS_LABEL, SERIAL_LENGTH, SERIAL_MISTYPED, UNKNOWN_SERIAL
from provisioning.scanning import label_reader
from tenants.access import get_row

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from django.db.models import QuerySet

    from provisioning.scanning.label_reader import Reading
    from tenants.access import Viewer
    from tenants.models import ApiToken, User


def find_scanned(user: User, text: str, *, origins: Collection[str]) -> tuple[Device | None, Device | None]:
    """Return the device of a label: as one that the user may register, and as one that they see; None where not.

    `origins` are the site's own (provisioning.scanning.label_reader). Raises Refusal where it is neither.
    """
    names, organisation = find_names(user.organisation_id), user.organisation
    reading = label_reader.read_label(
        text, origins=origins, names=names, fits=lambda id_: fits_formats(organisation, id_)
    )
    device, visible = _find_by_tiers(user, reading)
    if device or visible:
        return device, visible
    if reading.what:
        raise label_reader.refuse_text(reading.what)
    raise refuse_serial(user, reading.candidates[0])


def read_scanned_facts(user: User, text: str) -> LabelFacts:
    """Return what the label says beside its serial, its fields called as the user's organisation calls them."""
    return read_facts(label_text.clean_text(text), find_names(user.organisation_id))


def find_labelled(user: User, text: str, *, origins: Collection[str]) -> tuple[Device | None, Device | None]:
    """Return what `find_scanned` does, and nothing where that refuses."""
    with suppress(Refusal):
        return find_scanned(user, text, origins=origins)
    return None, None


def refuse_serial(user: User, serial: str) -> Refusal:
    """Return the refusal of a serial that is no device's, or of one that is not for this user: the same."""
    if makes_checked_serials(user.organisation) and serials.is_mistyped(serial):
        return Refusal(SERIAL_MISTYPED, field="text")
    typed, lengths = len(serials.canonical(serial)), list_serial_lengths(user.organisation)
    if not {typed, len(serial.strip())} & {*lengths} and {typed - 1, typed + 1} & {*lengths}:
        return Refusal(SERIAL_LENGTH, field="text", typed=typed, lengths=" or ".join(map(str, lengths)))
    return Refusal(UNKNOWN_SERIAL, field="text")


def _find_by_tiers(user: User, reading: Reading) -> tuple[Device | None, Device | None]:
    """Return the first tier's device. Raises Refusal where a tier names two, of which one may be unknown or hidden."""
    keys = {serials.fold(candidate) for candidate in reading.candidates}
    registrable, visible = (
        {device.serial_key: device for device in scope.filter(serial_key__in=keys)}
        for scope in (
            Device.objects.registrable_by(user).select_related("organisation", "version"),
            Device.objects.visible_to(user).select_related("group"),
        )
    )
    known = registrable | visible
    for tier in reading.tiers:
        here = sorted({serials.fold(candidate) for candidate in tier} & known.keys())
        named = {key: known[key].serial for key in here}
        told = {serials.join_writings(key) for key in here}
        for rival in filter(reading.rivals.__contains__, tier if known else ()):
            if (one := serials.join_writings(serials.fold(rival))) not in told:
                told.add(one)
                named[one] = rival
        if len(named) > 1:
            raise Refusal(AMBIGUOUS_LABEL, field="text", serials=" and ".join(named[key] for key in sorted(named)))
        if here:
            return registrable.get(here[0]), visible.get(here[0])
    return None, None


def is_known(user: Viewer, device: Device) -> bool:
    """Decide whether what the device did before is for whoever registers it to know: of a tenant's, if they see it."""
    return device.group_id is None or Device.objects.visible_to(user).filter(pk=device.pk).exists()


def get_window(user: Viewer, key: UUID, token: ApiToken | None = None) -> Window:
    if token is not None:
        window = get_row(_load_windows(user, token), key=key)
    elif found := _select_window(user, key):
        (window,) = found
    else:
        raise Http404
    share_organisation(user, window.device)
    return window


@prepared
def _select_window(user: Viewer, key: UUID) -> QuerySet[Window]:
    return _load_windows(user).filter(key=key)


def _load_windows(user: Viewer, token: ApiToken | None = None) -> QuerySet[Window]:
    scope = Window.objects.visible_to(user, token).with_state()
    return scope.select_related("device__group", "device__model", "device__version")
