from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.utils.timezone import now

from lib.zones import PersonClock
from tenants.models import Group, Role, User
from tenants.templatetags import ui

AT = datetime(2026, 11, 27, 3, 59, 37, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-100, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_ago(seconds: int, words: str) -> None:
    html = render("{% ago value %}", value=now() - timedelta(seconds=seconds))
    assert f">{words}</time>" in html
    assert 'datetime="' in html


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 h"), (48, "48 h"), (49, "2 days and 1 h"), (72, "3 days"), (87_600, "3,650 days")]
)
def test_hours(hours: int, words: str) -> None:
    assert render("{{ hours|in_hours }}", hours=hours) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (12 * 60 + 20, "12 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (65 * 60, "65 min"),
        (48 * 3600, "48 h 0 min"),
        (50 * 3600, "2 days and 2 h"),
        (72 * 3600, "3 days"),
    ],
)
def test_how_long_something_lasts(seconds: float, words: str) -> None:
    assert render("{{ span|lasting }}", span=timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (None, "2026-11-27 03:59:37 UTC"),
        (PersonClock("America/Los_Angeles"), "2026-11-26 19:59:37 PST"),
        (PersonClock("America/Los_Angeles", "12"), "2026-11-26 7:59:37 PM PST"),
    ],
)
def test_a_moment_is_told_by_the_readers_clock_and_kept_in_utc(clock: PersonClock | None, words: str) -> None:
    shown = render("{% when value %}", value=AT, clock=clock)
    assert f">{words}</time>" in shown
    assert 'datetime="2026-11-27T03:59:37+00:00" data-time="when"' in shown
    assert f'title="{words}"' in render("{% ago value %}", value=AT, clock=clock)


@pytest.mark.parametrize(
    ("tone", "picture"),
    [
        ("success", "check-circle-fill"),
        ("error", "exclamation-triangle-fill"),
        ("warning", "exclamation-triangle-fill"),
        ("info", "info-circle-fill"),
        ("debug", "info-circle-fill"),
    ],
)
def test_a_message_opens_with_a_picture_of_its_tone(tone: str, picture: str) -> None:
    assert f'.svg#{picture}"' in render("{% message_icon tone %}", tone=tone)


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, 0, 0), (0, 7, 0), (1, 3, 33), (199, 200, 99), (200, 200, 100)]
)
def test_a_job_is_done_when_all_of_it_is(done: int, total: int, percent: int) -> None:
    told = ui.progress(done, total, "Import")
    assert told["percent"] == percent
    assert "Import" in render("{% progress done total 'Import' %}", done=done, total=total)


@pytest.mark.parametrize(
    ("role", "path", "group", "manages"),
    [
        (Role.ADMIN, "00010002", "00010002", True),
        (Role.ADMIN, "00010002", "000100020005", True),
        (Role.ADMIN, "00010002", "0001", False),
        (Role.TECHNICIAN, "00010002", "00010002", False),
        (Role.ADMIN, "00010002", None, False),
        (Role.ADMIN, "0001", None, True),
    ],
)
def test_who_manages_a_group_or_where_there_is_none_the_organisation(
    role: Role, path: str, group: str | None, *, manages: bool
) -> None:
    user = User()
    user.grants = [(role, path)]
    assert ui.managed_by(Group(path=group) if group else None, user) is manages


@pytest.mark.parametrize(
    ("path", "name", "apart", "current"),
    [
        ("/journal/", "provisioning:journal", "", True),
        ("/journal/day/", "provisioning:journal-day", "", True),
        ("/journal/day/", "provisioning:journal-day", "provisioning:journal-day", False),
        ("/hooks/", "provisioning:hooks", "", False),
        ("/", "", "", False),
    ],
)
def test_a_line_of_the_administration_is_current_on_its_pages(
    path: str, name: str, apart: str, *, current: bool
) -> None:
    match = SimpleNamespace(view_name=name) if name else None
    context = Context({"request": SimpleNamespace(path=path, resolver_match=match)})
    shown = ui.adminlink(context, "provisioning:journal", "clock", "Journal", apart)
    assert (shown["url"], shown["current"]) == ("/journal/", current)
    assert ui.adminlink(context, "provisioning:no-such-page", "clock", "None") == {}


def test_the_names_above_a_group_are_those_that_one_may_see() -> None:
    trails = {"00010002": "Kanarra"}
    assert [
        render("{% trail trails group %}", trails=trails, group=Group(path=path)) for path in ("00010002", "0001")
    ] == [
        "Kanarra",
        "",
    ]


def test_no_time_at_all() -> None:
    assert render("{% ago value %}{% when value 'never' %}", value=None) == "–never"


def test_icons_are_decoration_unless_named() -> None:
    assert 'aria-hidden="true"' in render('{% icon "search" %}')
    named = render('{% icon "search" label=label %}', label="<b>")
    assert 'role="img" aria-label="&lt;b&gt;"' in named
    assert "aria-hidden" not in named


class Form(forms.Form):
    name = forms.CharField(help_text="As painted on it")
    agreed = forms.BooleanField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A")])


def test_an_error_stands_beside_its_field_and_is_named_by_it() -> None:
    html = render("{% field form.name %}", form=Form({"name": ""}))
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert "Fill this in." in html


def test_a_field_without_fault_says_nothing_of_errors() -> None:
    html = render("{% field form.name help='' max_length=3 %}", form=Form())
    assert "aria-invalid" not in html
    assert "aria-describedby" not in html
    assert 'max-length="3"' in html


def test_controls_have_their_classes() -> None:
    html = render("{% field form.agreed %}{% field form.kind %}", form=Form())
    assert 'class="form-check-input"' in html
    assert 'class="form-select"' in html
