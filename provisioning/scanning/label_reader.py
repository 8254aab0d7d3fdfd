"""Reading what was scanned, photographed, typed or opened: the serials that it may stand for, or what it is instead."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.identity import label_facts, makers_labels, named_values, serials
from devices.identity.label_text import MAX_TEXT, clean_text, normalise_host
from devices.identity.label_tiers import Misread, Tier, rank_serials, write_addresses
from lib.refusals import Refusal
from provisioning.refusals import NOT_A_LABEL
from provisioning.scanning import foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from devices.identity.label_tiers import Tiers

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


@dataclass(frozen=True)
class Reading:
    """Hold the serials that a text may stand for, in tiers; `what` names the text if no device has any of these.

    An earlier tier counts before a later one; within one, two devices are one too many, and so are two different ones
    of the `rivals`, known or not.
    """

    tiers: tuple[tuple[str, ...], ...]
    what: str | None = None
    rivals: frozenset[str] = frozenset()

    @property
    def candidates(self) -> list[str]:
        return [serial for tier in self.tiers for serial in tier]


def read_label(
    text: str,
    *,
    origins: Collection[str],
    names: Mapping[str, str] | None = None,
    fits: Callable[[str], bool] | None = None,
) -> Reading:
    """Return what the text may stand for: itself before all that it may be read as.

    A bare serial, this site's address of one (`/d/<serial>` at one of `origins`, such as `https://devices.example`,
    by whatever scheme or none), or a maker's label (devices.identity.makers_labels), whose fields may be called as an
    organisation's `names` say (devices.identity.label_facts). `fits`: whether an id of whatever is such a serial as
    the organisation has. Raises Refusal.
    """
    text = clean_text(text)
    if not text:
        raise refuse_text("an empty text")
    if len(text) > MAX_TEXT:
        raise refuse_text("a text far too long for a label")
    own = _read_own_names(text, names or {})
    try:
        text = _read_address(text, origins)
    except Refusal as refusal:
        return _read_query(text, own, refusal)
    what = foreign.name_foreign(text)
    try:
        found = [] if what else _read_makers_label(text)
    except Misread as misread:
        found, what = [], None if own else str(misread)
    if any(tier.is_weak for tier in found):
        found = [Tier(filter(fits, tier), tier) for tier in found] if fits else []
        what = None if own or any(found) else "a data record without a serial"
    if fits:
        found = [Tier(tier, filter(fits, tier.rivals)) if tier.is_bare else tier for tier in found]
    reading = _keep([Tier([text]), *own, *found], what)
    if not reading.tiers:
        raise refuse_text(what or _explain_none(text))
    return reading


def _read_own_names(text: str, names: Mapping[str, str]) -> Tiers:
    """Return what the fields hold that an organisation has named: the serial, then the DevEUI."""
    if not names:
        return []
    facts = label_facts.read_facts(text, names)
    tiers = [rank_serials([facts.serial] if facts.serial else []), Tier(write_addresses(facts.dev_eui))]
    return [tier for tier in tiers if tier]


def _read_query(text: str, own: Tiers, refusal: Refusal) -> Reading:
    """Read the query of an address that is none of ours, which nobody is led to. Raises the refusal for any other."""
    tiers = [*own, *(named_values.read_query(text) or [])] if re.match("https?://", text, re.IGNORECASE) else []
    if (reading := _keep(tiers, refusal.facts.get("what"))).tiers:
        return reading
    raise refusal


def refuse_text(what: str) -> Refusal:
    """Return the refusal of a text that is `what`: “a Wi-Fi code”."""
    return Refusal(NOT_A_LABEL, field="text", what=what)


def _read_makers_label(text: str) -> Tiers:
    forms = (
        makers_labels.read_tr005,
        makers_labels.read_plate,
        makers_labels.read_gs1,
        named_values.read_record,
        makers_labels.read_address,
        named_values.read_lines,
    )
    found = next((tiers for form in forms if (tiers := form(text)) is not None), [])
    ended = text.rstrip(" .,;")  # as in a list or a sentence
    return found if found or ended == text else [Tier([ended])]


def _keep(tiers: Tiers, what: str | None) -> Reading:
    kept = tuple(filter(None, map(_keep_serials, tiers)))
    return Reading(kept, what, frozenset(text for tier in tiers for text in _keep_serials(tier.rivals)))


def _keep_serials(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those of the texts that a device can have, as the registry keeps them."""
    plain = [text for text in texts if not _find_strange(text) and serials.is_plausible(text)]
    return tuple(dict.fromkeys(map(serials.canonical, plain)))


def _find_strange(text: str) -> str | None:
    """Return a character that no serial has and none is written with; None if there is none."""
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn"}
    invisible = (character for character in text if unicodedata.category(character) in unseen)
    others = (character for character in text if not character.isascii() and serials.canonical(character))
    return next(invisible, None) or next(others, None)


def _explain_none(text: str) -> str:
    strange = _find_strange(text)
    if strange and unicodedata.category(strange)[0] == "C":
        return "a text with invisible control characters"
    return f"a text with a letter that no serial has, “{strange}”" if strange else "a text that is no serial number"


def _read_address(text: str, origins: Collection[str]) -> str:
    """Return the serial of this site's address, or of a GS1 Digital Link; any other text as it is."""
    here = {normalise_host(urlsplit(origin).netloc) for origin in origins}
    if not _SCHEME.match(text):
        if normalise_host(text.partition("/")[0]) not in here or "/" not in text:
            return text
        text = f"//{text}"
    try:
        url = urlsplit(text)
        host = url.hostname or ""
    except ValueError:
        raise refuse_text("a broken web address") from None
    if url.scheme.lower() not in {"http", "https", ""}:
        raise refuse_text(foreign.name_foreign(text) or "a link that is no web address")
    if normalise_host(url.netloc) not in here:
        return _read_elsewhere(text, host)
    path = unquote(url.path)
    if not path.lower().startswith("/d/"):
        return _read_elsewhere(text, "")
    return clean_text(path[3:].strip("/"))


def _read_elsewhere(text: str, host: str) -> str:
    if tiers := makers_labels.read_gs1_link(text):
        return tiers[0][0]
    if not host:
        raise refuse_text("an address of this site, but not a device's")
    if text.startswith("//"):
        raise refuse_text("a text that is no serial number")
    raise refuse_text(f"the address of another site ({host[:60]})")
