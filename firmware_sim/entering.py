"""A gateway from the shelf: it asks a door for its credential, tells what it does, and keeps what it got."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from . import approval, doors, owner_token
from .approval import is_waiting
from .display import Display
from .doors import Answer, Asked, Denied, Given, Shown, Unexpected, Wait, describe_token, find_meaning, shorten
from .flash import Draft, Kept, read_kept
from .identity import BadInput, normalise_serial, require_serial

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping

    from .doors import Door

SITE = "http://127.0.0.1:8000"
NAMES = ("site", "organisation", "serial", "token", "device_id", "access_key", "access_secret", "mqtt_url")
"""What a maker gives: as an option, as a variable of the environment in capitals, or in the maker's file."""
DOORS = {**doors.DOORS, **approval.DOORS, **owner_token.DOORS}
TIMEOUT = 20.0  # seconds
LARGEST = 64 << 10  # bytes of an answer
LONGEST_TEXT = 300  # characters of an answer that are shown
BUSY = (429, 503)
MOST_TRIES = 5
LONGEST_WAIT = 60  # seconds
MOST_REFUSALS = 5  # of the broker, in a row: some two minutes
GIVEN_UP = (
    f"The broker refused {MOST_REFUSALS} times in a row what this gateway kept: the credential was revoked or "
    "replaced, or the device is locked or retired; its page says which, under refused connects. Once an "
    "admin let it in again, start again; to ask the door anew, remove the file of --flash first."
)


class Refused(Exception):
    """Say why the gateway does not come in, and what to do next, in one line."""


@dataclass(frozen=True)
class Entry:
    """Describe how a gateway comes in: by which door of which site, with what, and where it keeps what it gets."""

    door: str
    site: str
    given: Given
    flash: Path
    mqtt_url: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    panel: tuple[str, int] | None = None


def add_options(top: ArgumentParser) -> None:
    group = top.add_argument_group("from the shelf", "One gateway that nobody gave a credential: a door does.")
    group.add_argument("--door", choices=sorted(DOORS), help="which kind of door it asks: docs/protocol.md, Doors")
    group.add_argument("--site", metavar="URL", help=f"https://host or http://host:port (default: {SITE})")
    group.add_argument("--organisation", metavar="NAME", help="as in addresses, where no host name says it")
    group.add_argument(
        "--token",
        help="of the maker, unless for activate; other users of this machine see it: prefer env TOKEN or --given",
    )
    group.add_argument(
        "--given",
        type=Path,
        metavar="FILE",
        help=f"what the maker gave, as a JSON object of: {', '.join(NAMES)}",
    )
    group.add_argument(
        "--flash",
        type=Path,
        metavar="FILE",
        help="where it keeps its credential (default: beside --given, else var/firmware/SERIAL.json)",
    )


def read_entry(options: Namespace, env: Mapping[str, str]) -> Entry:
    """Return what options, environment and the maker's file say. Raises BadInput."""
    many = options.devices or options.fleet or options.only or options.excluded
    if many or (options.access_key and DOORS[options.door].asks):
        raise BadInput("--door is for one gateway that has no credential yet. Leave out what names others, or --door.")
    file = _read_file(options.given) if options.given else {}
    values = {name: getattr(options, name) or env.get(name.upper()) or file.get(name) or "" for name in NAMES}
    values = {name: value.strip() for name, value in values.items()}
    serial = values["serial"]
    if not serial:
        raise BadInput("Missing --serial. Give it, or a maker's file that has it with --given.")
    try:
        require_serial(serial)
    except ValueError as error:
        raise BadInput(f"Bad --serial: {error}. Give it as on the label.") from error
    if not (values["token"].isascii() and values["token"].isprintable()):  # it goes into a header
        raise BadInput("Bad --token: it has signs that no token has. Copy it whole from where it was given.")
    return Entry(
        door=options.door,
        site=_read_site(values["site"] or SITE, values["organisation"]),
        given=Given(serial, values["token"], values["device_id"], values["access_key"], values["access_secret"]),
        flash=options.flash or _choose_flash(options.given, serial),
        mqtt_url=values["mqtt_url"],
        tls=_make_tls(options.ca_file),
        panel=None if options.panel is None else (options.panel_host, options.panel),
    )


def enter(entry: Entry, *, quiet: bool = False) -> Kept:
    """Return what the gateway connects with: what it kept, or what the door gives it now. Raises BadInput, Refused."""
    tell = _hush if quiet else _tell
    serial = entry.given.serial
    if kept := read_kept(entry.flash, serial):
        tell(f"Gateway {serial}: {entry.flash} has its credential since an earlier start: the door is not asked again.")
        return kept
    door = DOORS[entry.door]
    if lacking := [f"--{name.replace('_', '-')}" for name in door.needs if not getattr(entry.given, name)]:
        where = "It stands on the device's page" if "--device-id" in lacking else "Its maker gives it"
        raise BadInput(f"Missing {', '.join(lacking)}. {where}; a variable or --given FILE can hold it, too.")
    with Draft(entry.flash) as draft:
        asks = ", and no credential. It asks the door:" if door.asks else ": it asks nobody."
        tell(f"Gateway {serial} comes from the shelf with {door.words}{asks}")
        if said := describe_token(entry.given.token):
            tell(f"  (its token is {said})")
        try:
            kept = _walk(entry, door, tell)
        except Denied as denied:
            raise Refused(_explain(entry, door, denied.answer)) from denied
        except (Unexpected, ValueError) as error:
            raise Refused(f"The answer of {entry.site} is not a door's: {error}. Check --site and --door.") from error
        draft.keep(kept)
    if kept.label:
        tell(f"Its label says {kept.label.replace(entry.given.token, shorten(entry.given.token))}")
    tell(f"It is in the registry. It keeps its credential in {entry.flash}, which only you can read, and connects:")
    tell(f"  client id {kept.device_id}, user name {kept.access_key}, password {shorten(kept.access_secret)}")
    return kept


def _walk(entry: Entry, door: Door, tell: Callable[[str], None]) -> Kept:
    """Go through the door, step by step. Raises Refused."""
    walk, answer, said = door.walk(entry.given), None, ""
    with Display(entry.given.serial, entry.panel) as display:
        try:
            while True:
                match walk.send(answer):
                    case Asked() as asked:
                        answer = _ask_until_heard(entry, door, asked, _hush if said == asked.path else tell)
                        said = asked.path if is_waiting(answer) else ""
                    case Shown() as shown:
                        answer = None
                        where = f", and {display.show(shown)}" if entry.panel else ""
                        tell(f"  It shows the code {shown.code}{where}. {shown.words}")
                    case Wait(seconds):
                        answer = None
                        sleep(seconds)
        except StopIteration as done:
            kept: Kept = done.value
            _ = kept.identity
            return kept


def _ask_until_heard(entry: Entry, door: Door, asked: Asked, tell: Callable[[str], None]) -> Answer:
    """Ask, and ask again while the site is away or busy."""
    for tried in range(1, MOST_TRIES + 1):
        tell(f"  > {asked.method} {entry.site}{asked.path}")
        if asked.token:
            tell(f"  > Authorization: {asked.scheme} {shorten(asked.token)}")
        tell(f"  > {asked.content_type}: {asked.shown}")
        try:
            answer = _send(entry, asked)
        except ssl.SSLCertVerificationError as error:
            raise Refused(
                f"{entry.site} is not trusted: {error.verify_message}. Give its CA with --ca-file."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            failure, wait = f"{entry.site} does not answer: {error or type(error).__name__}", 2**tried
        else:
            tell(f"  < {answer.status} {answer.reason}: {_show(door, answer)}")
            if answer.status not in BUSY:
                return answer
            failure, wait = f"{entry.site} is busy: {_clean(answer.text)}", answer.retry_seconds or 2**tried
        if tried < MOST_TRIES:
            tell(f"  {failure}. The gateway asks again in {min(wait, LONGEST_WAIT)} s.")
            sleep(min(wait, LONGEST_WAIT))
    raise Refused(f"{failure}. Asked {MOST_TRIES} times. Check --site, or start again later.")


def _explain(entry: Entry, door: Door, answer: Answer) -> str:
    said = _clean(answer.text) if answer.text else answer.reason
    return f'The door refused {entry.given.serial}: {answer.status} "{said}". {find_meaning(door, answer)}'


def _send(entry: Entry, asked: Asked) -> Answer:
    """Send the one request. Raises OSError or HTTPException."""
    url = urlsplit(entry.site)
    host, port = url.hostname or "", url.port
    if url.scheme == "https":
        tls = entry.tls or ssl.create_default_context()
        line: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=tls)
    else:
        line = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": asked.content_type}
        if asked.token:
            headers["Authorization"] = f"{asked.scheme} {asked.token}"
        line.request(asked.method, url.path + asked.path, asked.body.encode(), headers)
        answer = line.getresponse()
        text = answer.read(LARGEST).decode("utf-8", "replace")
        after = answer.getheader("Retry-After", "")
        return Answer(answer.status, answer.reason, text, int(after) if after.isdecimal() and len(after) < 6 else 0)
    finally:
        line.close()


def _show(door: Door, answer: Answer) -> str:
    """Return what an answer said, for a person: secrets are shortened in one that lets in."""
    text = door.show(answer.text) if answer.status == 200 and answer.text else answer.text
    return _clean(text) or "(nothing)"


def _clean(text: str) -> str:
    """Return a stranger's text in one line that a terminal can show."""
    line = " ".join(text.split())
    line = "".join(each if each.isprintable() else "?" for each in line)
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"


def _read_file(path: Path) -> dict[str, str]:
    """Return what the maker's file says: a JSON object of `NAMES`. Raises BadInput."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}. Give the maker's file with --given.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no JSON. A maker's file is an object of: {', '.join(NAMES)}.") from error
    known = isinstance(values, dict) and all(name in NAMES and isinstance(values[name], str) for name in values)
    if not known:
        raise BadInput(f"{path} is no maker's file: it may have these, as texts: {', '.join(NAMES)}.")
    return dict(values)


def _read_site(text: str, organisation: str) -> str:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise BadInput(f"Bad --site: {error}. Give http://host:port or https://host.") from error
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise BadInput("Bad --site: it must look like http://host:port or https://host.")
    prefix = f"/o/{quote(organisation, safe='')}" if organisation else ""
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}{prefix}"


def _choose_flash(given: Path | None, serial: str) -> Path:
    return given.with_suffix(".flash.json") if given else Path("var/firmware") / f"{normalise_serial(serial)}.json"


def _make_tls(ca_file: Path | None) -> ssl.SSLContext | None:
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else None
    except OSError as error:
        raise BadInput(f"Cannot use --ca-file {ca_file}: {error.strerror or error}. Give a CA in PEM.") from error


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _hush(line: str) -> None:
    pass
