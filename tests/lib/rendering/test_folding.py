"""Folded templates write what Django's write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.template import Context, Engine
from django.urls import reverse, set_script_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = {"ui": "tenants.templatetags.ui", "static": "django.templatetags.static"}
SOURCES = {
    "included.html": "{% load ui %}[{% icon 'lock' %}{{ title }}{% url 'devices:list' as home %}{{ home }}]",
    "fixed.html": "{% load ui %}{% icon 'lock' %}{% message_icon 'warning' %}",
    "home.html": "{% url 'devices:list' %}",
    "homes.html": "{% include 'home.html' %}",
    "context.html": "{{ template }}{{ dicts }}{{ autoescape }}{{ render_context }}{% if template %}x{% endif %}",
    "once.html": "{% load ui %}{% icon 'lock' %}{% csrf_token %}<i>{{ answer }}</i>",
    "each.html": "{% include 'once.html' %}{% url 'devices:list' %}",
    "base.html": "<{% block one %}one{% endblock %}|{% block two %}{% include 'fixed.html' %}{% endblock %}>",
    "page.html": "{% extends 'base.html' %}{% block one %}{{ block.super }} {{ thing.name }}{% endblock %}",
    "turn.html": "{% for x in numbers %}{% cycle 'a' 'b' %}{% include 'included.html' with title=x %}{% endfor %}",
    "self.html": "{{ n }}{% if n.more %}{% with n=n.more %}{% include 'self.html' %}{% endwith %}{% endif %}",
    "missing.html": "{{ nothing }}{{ thing.nothing }}{{ thing.nothing|default:'none' }}{% if nothing %}x{% endif %}"
    "{{ thing.broken }}{{ thing.method }}{{ numbers.1 }}{{ numbers.9 }}{{ words.key }}{{ words.items }}{{ none.x }}",
    "values.html": "{{ text }}{{ number }}{{ truth }}{{ none }}{% autoescape off %}{{ text }}{% endautoescape %}",
    "urls.html": "{% url 'telemetry:dashboard' serial=serial %} {% url 'devices:tree' pk=number %} "
    "{% url 'telemetry:nothing' serial=serial as none %}{{ none }}.",
}


class Thing:
    name = "<thing>"

    @property
    def broken(self) -> str:
        raise LookupError

    def method(self) -> str:
        return "called"


def make_engine(loader: str) -> Engine:
    inner = [("django.template.loaders.locmem.Loader", SOURCES)]
    return Engine(loaders=[(loader, inner)], libraries=LIBRARIES)


def write(engine: Engine, name: str) -> str:
    values: dict[str, Any] = {
        "thing": Thing(),
        "numbers": [1, 2, 3],
        "n": {"more": {"more": {}}},
        "words": {"key": "<value>"},
        "text": "<b>",
        "number": 1234,
        "truth": True,
        "none": None,
        "serial": "A B/1%",
    }
    if name == "urls.html":
        values["serial"] = "AB-12"
    try:
        return engine.get_template(name).render(Context(values))
    except LookupError:
        return "LookupError"


@pytest.fixture(params=["/", "/below/"])
def _prefix(request: pytest.FixtureRequest) -> Iterator[None]:
    set_script_prefix(request.param)
    yield
    set_script_prefix("/")


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.usefixtures("_prefix")
def test_it_writes_the_same(name: str) -> None:
    plain = make_engine("django.template.loaders.cached.Loader")
    folded = make_engine("lib.rendering.folding.Loader")
    expected = write(plain, name)
    assert [write(folded, name) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("name", ["urls.html", "home.html", "homes.html"])
def test_an_address_follows_the_prefix_of_the_site(name: str) -> None:
    folded = make_engine("lib.rendering.folding.Loader")
    first = write(folded, name)
    set_script_prefix("/below/")
    try:
        assert write(folded, name).startswith("/below/")
        assert reverse("devices:list").startswith("/below/")
    finally:
        set_script_prefix("/")
    assert write(folded, name) == first


@pytest.mark.parametrize("name", ["once.html", "each.html"])
def test_what_is_of_one_answer_is_not_kept(name: str) -> None:
    template = make_engine("lib.rendering.folding.Loader").get_template(name)
    for number in range(3):
        written = template.render(Context({"csrf_token": f"token-{number}", "answer": number}))
        assert f'value="token-{number}"' in written
        assert f"<i>{number}</i>" in written
