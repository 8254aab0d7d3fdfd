"""What the pages of jobs share: how far one is, and the stream that says that it got further."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from django.http import Http404
from django.utils import timezone

from devices import streams
from devices.jobs import leases
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from devices.models.job import Job
    from tenants.accounts.sessions import SignIn

    Gate = Callable[[User, UUID], Job]

SPACING = 0.5  # seconds between two looks at a job that never rests


def build_context(job: Job) -> dict[str, object]:
    """Return the context of templates/devices/jobs/job.html."""
    context: dict[str, object] = {"job": job, "version": compute_version(job), "moving": job.is_working}
    if job.is_working:
        progress = leases.progress(job)
        context |= {
            "progress": progress,
            "left": format_time_left(progress),
            "late": leases.is_late(job, timezone.now()),
        }
    return context


def compute_version(job: Job) -> str:
    """Return a text that changes whenever the page would."""
    if not job.is_working:
        return job.state
    stopping = "stopping" if job.cancel_asked_at else ""
    return f"{job.state}-{leases.progress(job).rows}-{leases.is_late(job, timezone.now())}-{stopping}"


def format_time_left(progress: leases.Progress) -> str:
    """Return the time left, as roughly as it is known: seconds below 90 s, else minutes."""
    if progress.seconds_left is None:
        return "–"
    seconds = ceil(progress.seconds_left)
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"


async def stream(request: HttpRequest, gate: Gate, key: UUID) -> HttpResponseBase:
    """Stream that the job has got further, and nothing of what is in it."""

    def look(user: User, sign_in: SignIn) -> streams.Topic:
        return streams.Topic(leases.topic(gate(user, key)), partial(look_at_job, sign_in.get_user, gate, key))

    return await streams.serve(request, look, spacing=SPACING)


def look_at_job(get_user: Callable[[], User], gate: Gate, key: UUID) -> streams.Seen | None:
    """Return the job's version, or None where the gate no longer opens: it is asked anew, so that a role taken away, a
    disabled user or a sign-in that ended ends the stream."""
    try:
        job = gate(get_user(), key)
    except Http404:
        return None
    return streams.Seen(compute_version(job), final=not job.is_working)
