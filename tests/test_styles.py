"""Each page loads the style sheets that its classes stand in; messages and buttons have one look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES, SHEETS = Path(settings.BASE_DIR) / "templates", Path(settings.BASE_DIR) / "static/css"
EVERYWHERE = {"tokens.css", "site.css", "content.css"}  # templates/_head.html
# Bootstrap's, which a sheet of ours says more of where it needs to.
BOOTSTRAP = {"visually-hidden", "form-check-label", "offcanvas-lg"}
PAGES = sorted(
    str(path.relative_to(TEMPLATES))
    for path in TEMPLATES.rglob("*.html")
    if not path.name.startswith("_") and "{% extends" in path.read_text()
)


def find_classes(text: str) -> set[str]:
    said = (re.sub(r"\{[%{].*?[%}]\}", " ", classes) for classes in re.findall(r'class="([^"]*)"', text))
    return {name for classes in said for name in classes.split()}


def find_styled(sheet: Path) -> set[str]:
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", sheet.read_text(), flags=re.DOTALL)
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))


def read_whole(name: str, seen: set[str]) -> str:
    """Read a template with all that it extends and includes."""
    if name in seen or not (TEMPLATES / name).exists():
        return ""
    seen.add(name)
    text = (TEMPLATES / name).read_text()
    parts = re.findall(r'\{% (?:include|extends) "([^"]+)"', text)
    return text + "".join(read_whole(part, seen) for part in parts)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_what_styles_it(page: str) -> None:
    whole = read_whole(page, set())
    loaded = EVERYWHERE | set(re.findall(r"css/(\w+\.css)", whole))
    styled = {sheet.name: find_styled(sheet) for sheet in SHEETS.glob("*.css")}
    known = set().union(*(styled[name] for name in loaded))
    elsewhere = set().union(*styled.values()) - known - BOOTSTRAP
    own = find_classes(whole) - {"field"}  # every form's, with a margin less in some
    assert own & elsewhere == set()


@pytest.mark.parametrize("page", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")))
def test_messages_and_buttons_are_of_one_family(page: str) -> None:
    text = re.sub(r"\{% comment %\}.*?\{% endcomment %\}", "", (TEMPLATES / page).read_text(), flags=re.DOTALL)
    classes = find_classes(text)
    assert not {name for name in classes if re.match(r"(alert|notice|callout)(-|$)", name)}
    buttons = {name for name in classes if name.startswith("btn-")}
    ours = {"btn-primary", "btn-quiet", "btn-danger", "btn-wide", "btn-lg", "btn-copy", "btn-close"}
    assert buttons <= ours
    for opened in re.findall(r'class="message [^>]*>\s*(.{0,40})', text):
        assert re.match(r'\{% (icon|message_icon|if) |<svg class="icon"', opened), opened
