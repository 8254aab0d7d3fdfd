"""What a window's page shows, and what its stream tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest
from django.template.loader import render_to_string

from devices.models import RefusedAttempt
from devices.recipes import pictures
from devices.streams import Seen, encode_shown
from provisioning.models import Window
from provisioning.presence.challenge import draw_symbol
from provisioning.presence.methods import CODES
from provisioning.windows import identify as blinking
from provisioning.windows import operations as windows
from provisioning.windows.access import get_window, is_known
from provisioning.windows.forms import PlaceForm, ProofForm

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from devices.models import Device
    from tenants.models import User

FRAGMENT = "provisioning/windows/_window.html"
MOST = 65_536  # letters that a stream carries: an answer is compressed, a stream is not


def build_context(
    user: User,
    window: Window,
    device: Device,
    version: str,
    form: PlaceForm | None = None,
    proof: ProofForm | None = None,
) -> dict[str, Any]:
    """Return what the fragment is rendered with: `device` of `load_device`, `version` of `build_version`, `form` and
    `proof` where they were filled in."""
    if form is None and window.state == Window.State.PRESSED:
        form = PlaceForm(user=user, device=window.device, label=window.label)
    known = is_known(user, window.device)
    seconds = max(0, ceil((window.deadline - window.now).total_seconds()))
    return {
        "window": window,
        "device": device,
        "form": form,
        "proof": (proof or ProofForm(method=window.method)) if window.method in CODES else None,
        "picture": pictures.find_digest(window.device.version.recipe_id)
        if window.state == Window.State.WAITING
        else "",
        "symbol": draw_symbol(window.challenge) if window.challenge else "",
        "seconds": seconds,
        "time_left": f"{seconds // 60}:{seconds % 60:02}",
        "version": version,
        "mine": window.device if known and window.device.group_id else None,
        "known": known,
        "blinks": blinking.can_identify(window.device),
        "attempts": windows.list_attempts(window, device, known=known),
    }


def build_version(window: Window, device: Device) -> str:
    """Return what the page shows; while a form is being filled in, only the window's own state counts, and while a code
    is typed that, a bar, and what is refused meanwhile."""
    if window.state != Window.State.WAITING:
        return window.state
    shown = [str(window.state)]
    if window.method not in CODES or device.status in windows.BARRED:
        shown.append(str(device.status))
    refused_since = device.attempted_at is not None and device.attempted_at >= window.opened_at
    attempts = RefusedAttempt.objects.of(device).since(window.opened_at)
    if refused_since and (attempted := attempts.mark_last()):
        shown += [str(attempted), str(attempts.count())]
    return "-".join(shown)


@dataclass
class Progress:
    """Follow a window for the page that is open on it, in one sign-in.

    A new version comes with its fragment, for whoever stands there: docs/decisions/0061. `get_user` is asked at each
    look (`tenants.accounts.sessions.SignIn`), `shown` is the version that the page shows, `secret` its CSRF cookie's,
    without which it can't be given forms.
    """

    get_user: Callable[[], User]
    key: UUID
    shown: str
    secret: str | None

    def check(self) -> Seen | None:
        """Gate anew, from the rows: a role taken away, a disabled user or a sign-in that ended ends the stream."""
        try:
            user = self.get_user()
            window = get_window(user, self.key)
        except Http404:
            return None
        device = windows.load_device(window)
        version = build_version(window, device)
        event = b"" if version == self.shown else self._write(user, window, device, version)
        self.shown = version
        ended = window.state not in {Window.State.WAITING, Window.State.PRESSED}
        return Seen(version, (window.deadline - window.now).total_seconds(), final=ended, event=event)

    def _write(self, user: User, window: Window, device: Device, version: str) -> bytes:
        """Return the event, or nothing where the page has to fetch its fragment."""
        if self.secret is None:
            return b""
        request = HttpRequest()
        request.user = user
        request.META["CSRF_COOKIE"] = self.secret
        html = render_to_string(FRAGMENT, build_context(user, window, device, version), request)
        return encode_shown(version, html) if len(html) <= MOST else b""
