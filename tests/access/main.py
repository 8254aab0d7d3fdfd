"""Signing in, the device's pages, and the technician's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import RecipeVersion
from devices.recipes import command_lines, pictures
from provisioning.windows import operations as windows
from tests.access import ANY_ADMIN, ELSEWHERE, MEMBERS, OPEN, SIGNED_IN, Row, everybody, placed
from tests.access.recipes import make_picture
from tests.provisioning.conftest import report_press
from tests.tenants.organisations.test_theme import PNG

if TYPE_CHECKING:
    from tests.conftest import World


def blinking(world: World) -> dict[str, object]:
    lines = command_lines.clean_lines([{"name": "identify"}])
    RecipeVersion.objects.filter(pk=world.waiting.version_id).update(commands=lines)
    return window(world)


def window(world: World) -> dict[str, object]:
    opened = windows.open_window(device=world.waiting, by=world.technician)
    report_press(world.waiting)
    return {"key": opened.key}


def pictured_window(world: World) -> dict[str, object]:
    make_picture(world.version.recipe, world.owner)
    return window(world) | {"digest": pictures.find_digest(world.version.recipe_id)}


def logo(world: World) -> dict[str, object]:
    world.kanarra.logo = PNG
    world.kanarra.save()
    return {"slug": world.kanarra.slug, "digest": world.kanarra.logo_digest}


def theme(world: World) -> dict[str, object]:
    return {"slug": world.kanarra.slug, "digest": world.kanarra.theme_digest}


REGISTER = (302, 404, 200, 200, 200, 200, 200)
MY_WINDOW = (302, 404, 200, 404, 404, 404, 404)
BROKER = everybody(404)

ROWS: dict[str, Row] = {
    "healthz": Row(everybody(503)),
    "metrics": Row(everybody(404)),  # without its token
    "log": Row(ELSEWHERE),
    "log-export": Row(ELSEWHERE),
    "provisioning:journal": Row(ANY_ADMIN),
    "provisioning:journal-day": Row(ANY_ADMIN),
    "provisioning:journal-export": Row(ANY_ADMIN),
    "manifest": Row(OPEN),
    "service-worker": Row(OPEN),
    "offline": Row(OPEN),
    "favicon": Row(ELSEWHERE),
    "authority": Row(everybody(404)),  # the tests' site has none
    "account_login": Row(everybody(302, anonymous=200)),
    "account_logout": Row(everybody(200, anonymous=302)),
    "account_reauthenticate": Row(SIGNED_IN),
    "account_inactive": Row(OPEN),
    "account_change_password": Row(SIGNED_IN),
    "account_reset_password": Row(OPEN),
    "account_reset_password_done": Row(OPEN),
    "account_reset_password_from_key": Row(OPEN, kwargs=lambda world: {"uidb36": "1", "key": "x-y"}),
    "account_reset_password_from_key_done": Row(OPEN),
    "mfa_index": Row(SIGNED_IN),
    "mfa_authenticate": Row(ELSEWHERE),
    "mfa_reauthenticate": Row(ELSEWHERE),
    "mfa_activate_totp": Row(ELSEWHERE),
    "mfa_deactivate_totp": Row((302, *[404] * 6)),
    "mfa_view_recovery_codes": Row((302, *[404] * 6)),
    "mfa_generate_recovery_codes": Row(ELSEWHERE),
    "mfa_download_recovery_codes": Row((302, *[404] * 6)),
    "tenants:account": Row(SIGNED_IN),
    "tenants:theme": Row((404, 200, 200, 200, 200, 200, 404), kwargs=theme),
    "tenants:logo": Row((404, 200, 200, 200, 200, 200, 404), kwargs=logo),
    "devices:list": Row(SIGNED_IN),
    "devices:tree": Row((302, 200, 200, 200, 200, 404, 404), kwargs=lambda world: {"pk": world.sadler.pk}),
    "devices:connections": Row(MEMBERS, kwargs=placed),
    "devices:label": Row(MEMBERS, kwargs=placed),
    "devices:label-svg": Row(MEMBERS, kwargs=placed),
    "devices:rabbitmq-user": Row(BROKER, "post"),
    "devices:rabbitmq-vhost": Row(BROKER, "post"),
    "devices:rabbitmq-resource": Row(BROKER, "post"),
    "devices:rabbitmq-topic": Row(BROKER, "post"),
    "telemetry:dashboard": Row(MEMBERS, kwargs=placed),
    "telemetry:overview": Row((302, 200, 200, 200, 200, 404, 404), kwargs=lambda world: {"pk": world.sadler.pk}),
    "telemetry:live": Row(MEMBERS, kwargs=placed),
    "telemetry:stream": Row(MEMBERS, kwargs=placed),
    "telemetry:series": Row(MEMBERS, kwargs=placed, data=lambda world: {"attribute": "rpm"}),
    "telemetry:timeline": Row(MEMBERS, kwargs=placed),
    "telemetry:export": Row(MEMBERS, kwargs=placed),
    "telemetry:export-parquet": Row(MEMBERS, kwargs=placed),
    "telemetry:events": Row(MEMBERS, kwargs=placed),
    "provisioning:register": Row(REGISTER),
    "provisioning:scan": Row((302, 404, 404, 404, 404, 404, 404), "post", data=lambda world: {"text": "NOSUCHDEVICE"}),
    "provisioning:window": Row(MY_WINDOW, kwargs=window),
    "provisioning:stream": Row((302, 404, 200, 404, 404, 404, 404), kwargs=window),
    "provisioning:window-picture": Row((302, 404, 200, 404, 404, 404, 404), kwargs=pictured_window),
    "provisioning:prove": Row((302, 404, 422, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:place": Row((302, 404, 422, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:identify": Row((302, 404, 302, 404, 404, 404, 404), "post", kwargs=blinking),
    "provisioning:cancel": Row((302, 404, 302, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:label": Row((302, 302, 302, 302, 302, 404, 404), kwargs=placed),
    "provisioning:label-upper": Row((302, 302, 302, 302, 302, 404, 404), kwargs=placed),
}
