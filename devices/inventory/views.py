from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from devices.access import manages
from devices.attention import reading
from devices.inventory import group_tree
from devices.inventory import listing as device_listing
from devices.inventory.filters import DeviceFilter
from lib import parsing
from tenants.access import get_group
from tenants.models import Role

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import Device
    from lib.paging import Page
    from tenants.access import SignedIn
    from tenants.models import Group, User


@require_safe
@login_required
@vary_on_headers("HX-Request", "HX-Target")
def device_list(request: SignedIn) -> HttpResponse:
    """Show home: the group tree beside the devices; for htmx the devices alone."""
    user, query, form = request.user, request.GET.dict(), DeviceFilter(request.GET.dict(), user=request.user)
    group = get_group(user, query["group"]) if query.get("group") else None
    count, page = device_listing.find_page(form, user, group)
    groups = [device.group for device in page.rows if device.group]
    context: dict[str, object] = {"form": form, "group": group, "page": page, "count": count}
    context |= {"trails": group_tree.list_trails(user, groups), "owner": user.owns_organisation}
    summary, attention = _summarise(user, form, group, reading.pick(page.rows))
    context |= {"attention": attention, "summary": summary}
    context |= _build_selecting(request, page)
    if request.htmx.target == "devices":
        return render(request, "devices/inventory/_list.html", context)
    needing = summary is None or group is not None or summary.needing > 0
    return render(
        request,
        "devices/inventory/list.html",
        context | {"steps": group_tree.walk_steps(group_tree.build_outline(user, group, needing=needing))},
    )


def _summarise(
    user: User, form: DeviceFilter, group: Group | None, needing: list[Device]
) -> tuple[reading.Summary | None, dict[int, list[reading.Shown]]]:
    """Return the first line of home, of all that is listed where nothing narrows it, else None; and what those of the
    page that need attention need it for."""
    if form.active or form.data.get("waiting"):
        return None, reading.fetch(needing)
    return reading.summarise(user, group.path if group else None, needing)


def _build_selecting(request: SignedIn, page: Page) -> dict[str, object]:
    """Return what admins may tick on this page, and the query by which they mean all that match."""
    user = request.user
    if not user.reach(Role.ADMIN):
        return {}
    query = request.GET.copy()
    for name in ("after", "before", "order", "select"):
        query.pop(name, None)
    selecting = request.GET.get("select") == "1"
    return {
        "pickable": {device.pk for device in page.rows if manages(user, device)},
        "selecting": selecting,
        "query": query.urlencode(),
    }


@require_safe
@login_required
def group_children(request: SignedIn, pk: int) -> HttpResponse:
    """Show what the tree has below one group, fetched when it is opened."""
    start = parsing.parse_whole_number(request.GET.get("skip", ""))
    parent = group_tree.fetch_children(request.user, get_group(request.user, pk), skip=start)
    return render(request, "devices/inventory/_tree.html", {"steps": group_tree.walk_steps(parent.children, parent)})
