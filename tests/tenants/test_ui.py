from __future__ import annotations

from datetime import timedelta

import pytest
from django import forms
from django.template import Context, Template
from django.utils.timezone import now


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
