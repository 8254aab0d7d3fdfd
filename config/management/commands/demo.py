from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, connections

from config.demo import credentials_file, door_commands, hooks, organisations, places, shelf
from config.demo.processes import LOOPBACK, Parts, Ports, load_secrets, strip_account
from config.demo.supervisor import Failed, Supervisor, stop_with_parent
from devices.identity import serials
from lib.db.migration_history import HALF_WAY, is_half_way

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path

    from devices.models import Device

BANNER = """
  Handover is up ({seconds:.0f} s): {site}
  The gateways' buttons and labels:  http://127.0.0.1:{panel}

  Accounts, all with the password {password}:
{accounts}

  Try this: open http://127.0.0.1:{panel}/gateways/{serial}: that is the device in the field, with its label.
  Open the site beside it, sign in as technician@sadler.example, choose Register device,
  scan the label (or type the serial {printed}), press the device's button, give it a name and a group.

  To play a device yourself, use a spare one: {spares}.
  Its credentials are in {file}; docs/protocol.md says what it speaks.

  Two back ends are told of each device that is placed: {site}/hooks/ (as {owner}); lines of “hooks” say what came.

{shelf}  MQTT broker: {mqtt}. Over TLS: https://localhost:{https} and mqtts://localhost:{mqtts};
  {authority} is the authority that clients are to trust.

  Stop with Ctrl-C; everything is kept in {folder}.
"""


class Command(BaseCommand):
    help = "Run the whole system in the foreground, with demo data and simulated gateways."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fleet", type=int, default=0, metavar="N", help="simulate N more devices, for load")

    def handle(self, *args: Any, fleet: int, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo has well-known passwords: set DEMO=1 to say that you want it.", returncode=2)
        if "MAKELEVEL" in os.environ:
            stop_with_parent()
        try:
            self._run(fleet)
        except Failed as error:
            raise CommandError(str(error), returncode=2) from None

    def _run(self, fleet: int) -> None:
        began = time.monotonic()
        os.umask(0o077)
        folder = _make_private_folder()
        with _lock_folder(folder), Supervisor(sys.stdout) as supervisor:
            ports = Ports.from_environment()
            file = folder / "demo" / "devices.csv"
            self._prepare(supervisor, ports, file, fleet)
            parts = Parts(folder, ports, spares=organisations.list_spares(), devices=file)
            for process in parts.all():
                if not supervisor.stopping:
                    supervisor.start(process)
            if not supervisor.stopping:
                supervisor.print(_format_banner(ports, file, time.monotonic() - began))
            supervisor.watch()

    def _prepare(self, supervisor: Supervisor, ports: Ports, file: Path, fleet: int) -> None:
        try:
            supervisor.say("demo", f"database: {connection.vendor}")
            if is_half_way(connection):
                raise Failed(f"{HALF_WAY} Nothing was changed. {_tell_how_to_begin_anew()}")
            call_command("migrate", verbosity=0, interactive=False)
            call_command("collectstatic", verbosity=0, interactive=False)
            # What is sealed here the processes are to read.
            settings.SECRET_KEY = os.environ.get("SECRET_KEY") or load_secrets(settings.VAR_DIR)["SECRET_KEY"]
            devices = self._make_data(fleet)
            credentials_file.renew_file(file, devices)
            if mute := places.renew_places(file.parent / places.FILE, devices, organisations.list_homes()):
                supervisor.say("demo", f"{places.OLD.format(number=mute)} {_tell_how_to_begin_anew()}")
            panels = ports.list_panels(shelf.PANELS)
            mqtt_url, slug = _read_broker(ports), organisations.KANARRA.slug
            shelf.renew_files(file.parent, slug, site=ports.site, mqtt_url=mqtt_url, panels=panels)
            hooks.renew_hooks(file.parent, slug, port=ports.hooks)
        except OperationalError as error:
            raise Failed(f"The database of DATABASE_URL does not answer: {error}") from None
        except OSError as error:
            raise _explain_unwritable(error, settings.STATIC_ROOT, "STATIC_ROOT") from None
        finally:
            connections.close_all()

    def _make_data(self, fleet: int) -> list[Device]:
        """Make the data while nobody listens yet: what it announces, and asks of workers, is lost on nobody."""
        logging.disable(logging.WARNING)
        try:
            return organisations.load_organisations(fleet=fleet)
        finally:
            logging.disable(logging.NOTSET)


def _tell_how_to_begin_anew() -> str:
    if connection.vendor == "sqlite":
        way = f"Move {settings.VAR_DIR} away (mv), or name another folder in VAR_DIR"
    else:
        way = "Name another database in DATABASE_URL"
    return f"{way}, and start the demo again."


def _make_private_folder() -> Path:
    folder: Path = settings.VAR_DIR
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "lock").touch()
    except OSError as error:
        raise _explain_unwritable(error, folder, "VAR_DIR") from None
    return folder


def _explain_unwritable(error: OSError, folder: Path, variable: str) -> Failed:
    return Failed(
        f"{error.filename or folder} can't be written ({error.strerror}): "
        f"set {variable} to a folder that is yours and has room, e.g. {variable}=/tmp/handover."
    )


def _lock_folder(folder: Path) -> IO[str]:
    """Lock the folder, which two demos can't share. The lock ends with the process, however it ends."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failed(f"A demo runs from {folder} already: stop it, or set VAR_DIR to another folder.") from None
    return lock


def _format_banner(ports: Ports, file: Path, seconds: float) -> str:
    width = max(len(email) for email, _, _ in organisations.ACCOUNTS)
    accounts = "\n".join(
        f"    {email:<{width}}  {role.label} of {place}" for email, place, role in organisations.ACCOUNTS
    )
    waiting = organisations.find_waiting_serial()
    connections.close_all()
    return BANNER.format(
        seconds=seconds,
        site=ports.site,
        owner=organisations.ACCOUNTS[0][0],
        panel=ports.panel,
        password=organisations.read_password(),
        accounts=accounts,
        serial=waiting,
        printed=serials.format_in_fours(waiting),
        spares=" and ".join(organisations.list_spares()),
        file=file,
        mqtt=_read_broker(ports),
        folder=settings.VAR_DIR,
        shelf=_format_shelf(file.parent),
        https=ports.https,
        mqtts=ports.mqtts,
        authority=settings.TLS_AUTHORITY,
    )


def _read_broker(ports: Ports) -> str:
    """Return the address of the broker that is used, without its account."""
    return strip_account(os.environ.get("MQTT_URL") or f"mqtt://{LOOPBACK}:{ports.mqtt}")


def _format_shelf(folder: Path) -> str:
    if not (commands := door_commands.read_commands(folder)):
        return ""
    lines = "".join(f"    with {each.words}:\n      {each.line}\n" for each in commands)
    return f"  Devices on the shelf, without a credential, come in by a door. In another terminal:\n{lines}\n"
