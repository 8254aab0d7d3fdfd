"""The kinds of doors as pages and API see them: each brings its words, its settings and its part of a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.http import Http404

from provisioning.doors.activate import reopening
from provisioning.doors.activate.forms import ActivateForm, ContentForm, SerialsForm
from provisioning.doors.activate.operations import HOURS
from provisioning.doors.approval import operations as approval
from provisioning.doors.approval.forms import ApprovalForm, TokenForm
from provisioning.doors.jwt import issuing
from provisioning.doors.jwt.forms import JwtForm, KeyForm
from provisioning.doors.profile import operations as profile
from provisioning.doors.profile.forms import ProfileForm
from provisioning.models import Door, DoorContent, DoorKey

if TYPE_CHECKING:
    from collections.abc import Callable


class DoorKind(NamedTuple):
    """Describe a kind. `form` takes `kept=`, the settings of a door that is there, and has `settings`, what it keeps;
    `prepare` is called in the transaction that makes a door; `describe` gives what `template` shows; `make_token` makes
    one that devices show as it is, of `door`, `by` somebody."""

    words: str
    icon: str
    form: Callable[..., Any]
    template: str
    prepare: Callable[[Door], None] | None = None
    describe: Callable[[Door], dict[str, Any]] = lambda door: {}
    admits: str = Door.Admits.NEW  # unless its admin says otherwise
    make_token: Callable[..., tuple[DoorKey, str]] | None = None


def describe_activate(door: Door) -> dict[str, Any]:
    return {
        "hours": door.settings.get("hours", HOURS),
        "serials_form": SerialsForm(),
        "content_form": ContentForm(),
        "contents": DoorContent.objects.of(door),
        "has_authority": Path(settings.TLS_AUTHORITY).is_file(),
    }


KINDS: dict[str, DoorKind] = {
    Door.Kind.JWT: DoorKind(
        "Devices show a token that your factory signed, and get their credential. One token may serve a whole fleet.",
        "patch-check",
        JwtForm,
        "provisioning/doors/_jwt.html",
        issuing.claim_issuer,
        lambda door: {"key_form": KeyForm()},
    ),
    Door.Kind.PROFILE: DoorKind(
        "Devices share a token, and get all that their MQTT client needs for it. They ask again for a new credential.",
        "key",
        ProfileForm,
        "provisioning/doors/_profile.html",
        make_token=profile.make_token,
    ),
    Door.Kind.APPROVAL: DoorKind(
        "A device asks to come in and shows a code; somebody who stands before it finds it by that, and approves it.",
        "person-check",
        ApprovalForm,
        "provisioning/doors/_approval.html",
        describe=lambda door: {"token_form": TokenForm()},
        make_token=approval.make_token,
    ),
    Door.Kind.ACTIVATE: DoorKind(
        "Devices that were added before say their identity within their activation window, and get a token, choose a "
        "password, or bring a certificate. For firmware of West Connectivity and Exosite Murano.",
        "lightning-charge",
        ActivateForm,
        "provisioning/doors/_activate.html",
        reopening.claim_vendor,
        describe_activate,
        Door.Admits.LISTED,
    ),
}


def get_kind(name: str) -> DoorKind:
    """Return the kind of this name; raise the uniform 404 for none."""
    try:
        return KINDS[name]
    except KeyError:
        raise Http404 from None
