"""Variables that are found quickly are what Django finds, whatever stands in the context."""

from __future__ import annotations

from collections import OrderedDict, UserDict, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from django.template import Context, Engine
from django.utils.functional import SimpleLazyObject, cached_property
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st


class Silent(Exception):
    silent_variable_failure = True


class Pair(NamedTuple):
    first: str = "<one>"
    second: str = "two"


class Thing:
    """Have one of each that templates know."""

    name = "<thing>"
    none = None
    zero = 0
    empty = ""

    def __init__(self) -> None:
        self.own = "own"
        self.deep = {"key": [{"name": "<deep>"}]}

    def call(self) -> str:
        return "<called>"

    def call_with(self, needed: str) -> str:
        return needed

    def delete(self) -> str:
        return "deleted"

    delete.alters_data = True  # type: ignore[attr-defined]

    @property
    def quiet(self) -> str:
        raise Silent

    @property
    def lacking(self) -> str:
        raise AttributeError("within")

    @cached_property
    def kept(self) -> str:
        return "kept"

    def __str__(self) -> str:
        return "<str>"


class Uncalled:
    do_not_call_in_templates = True
    name = "uncalled"

    def __call__(self) -> str:
        return "called"


class Keys:
    """Have keys, and attributes of the same names."""

    name = "attribute"

    def __getitem__(self, key: str) -> str:
        if key in ("name", "0"):
            return f"item {key}"
        raise KeyError(key)


class Slots:
    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "slot"


VALUES: dict[str, Any] = {
    "thing": Thing(),
    "lazy": SimpleLazyObject(Thing),
    "pair": Pair(),
    "keys": Keys(),
    "slots": Slots(),
    "kind": Thing,
    "uncalled": Uncalled(),
    "call": lambda: {"name": "<made>"},
    "words": {
        "name": "<word>",
        "items": "own items",
        "0": "zero",
        "none": None,
        "call": lambda: "<c>",
        "thing": Thing(),
    },
    "numbers": {1: "one", "1": "text one"},
    "proxy": MappingProxyType({"name": "<proxy>"}),
    "ordered": OrderedDict(name="<ordered>"),
    "user": UserDict(name="<user>"),
    "row": ["<zero>", {"name": "one"}, (1, 2)],
    "text": "<text>",
    "safe": mark_safe("<b>safe</b>"),
    "number": 1234567,
    "half": 0.5,
    "decimal": Decimal("1.50"),
    "truth": True,
    "none": None,
    "at": datetime(2026, 11, 30, 8, 15, tzinfo=UTC),
    "error": ValueError("<wrong>"),
    "percent": "100% {{ text }}",
}
OWN = ["name", "none", "zero", "empty", "own", "call", "call_with", "delete", "quiet", "lacking", "kept", "nothing"]
OTHERS = ["items", "keys", "first", "0", "1", "1.name", "2.1", "9", "upper", "year", "thing.name", "args.0"]
NAMES = [*OWN, *OTHERS, "nothing.more", "deep.key.0.name", "thing.deep.key.0.name"]
FILTERS = ["", "|default:'none'", "|default_if_none:thing.own", "|upper", "|safe", "|length", "|add:number", "|first"]


def make_engines(invalid: str = "") -> list[Engine]:
    inner = [("django.template.loaders.locmem.Loader", SOURCES)]
    kinds = ("django.template.loaders.cached.Loader", "lib.rendering.folding.Loader")
    return [Engine(loaders=[(kind, inner)], string_if_invalid=invalid) for kind in kinds]


SOURCES: dict[str, str] = {}


def write(engine: Engine, source: str, **more: Any) -> str:
    """Return what is written, or as which error it ends."""
    SOURCES[source] = source
    default = defaultdict(lambda: "<default>", name="given")  # which each look fills
    try:
        return engine.get_template(source).render(Context({**VALUES, "default": default, **more}))
    except Exception as error:
        return f"{type(error).__name__}"


ENGINES = make_engines()


@pytest.mark.parametrize("value", [*VALUES, "default"])
def test_each_name_of_each_value_is_what_django_finds(value: str) -> None:
    plain, quick = ENGINES
    sources = [f"{{{{ {value}{f'.{name}' if name else ''} }}}}" for name in ["", *NAMES]]
    assert [write(quick, source) for source in sources] == [write(plain, source) for source in sources]


@pytest.mark.parametrize("filters", FILTERS)
def test_filters_are_given_the_same(filters: str) -> None:
    plain, quick = ENGINES
    sources = [
        f"{{{{ {value}{filters} }}}}"
        for value in [*VALUES, "thing.name", "thing.none", "words.none", "nothing", "thing.nothing"]
    ]
    assert [write(quick, source) for source in sources] == [write(plain, source) for source in sources]


@pytest.mark.parametrize(
    "source",
    [
        "{% if nothing %}x{% else %}y{% endif %}",
        "{% if thing.nothing or thing.none %}x{% elif words.name == '<word>' %}y{% endif %}",
        "{% if thing.quiet %}x{% else %}y{% endif %}",
        "{% if number > 5 and not none %}x{% endif %}",
        "{% if text in row %}x{% else %}y{% endif %}",
        "{% for key, value in words.items %}{{ key }}{% endfor %}",
        "{% for key, value in ordered.items %}{{ key }}={{ value }};{% endfor %}",
        "{% for each in row %}{{ forloop.counter }}{{ forloop.last }}{{ each }}{{ each.name }}{% empty %}-{% endfor %}",
        "{% for each in nothing %}x{% empty %}none{% endfor %}",
        "{% for one, other in pairs %}{{ one.name }}{{ other }}{% endfor %}",
        "{% with thing.deep.key as found %}{{ found.0.name }}{% endwith %}{{ found }}",
        "{% with text=nothing %}[{{ text }}]{% endwith %}[{{ text }}]",
        "{% autoescape off %}{{ text }}{{ thing.name }}{{ thing }}{{ number }}{% endautoescape %}",
        "{{ 'a <literal>' }}{{ 5 }}{{ -1.5 }}{{ True }}{{ None }}",
        "{{ _('text') }}{{ forloop.counter }}",
        "{% firstof nothing none text %}{% firstof thing.nothing 'else' %}",
        "{{ block.super }}{{ csrf_token }}",
        "{% cycle 'a' text as turn %}{{ turn }}{% cycle turn %}{{ turn }}",
        "{% regroup pairs|dictsort:'0' by 1 as grouped %}{% for each in grouped %}{{ each.grouper }}{% endfor %}",
        "{% widthratio number 10 half %}",
        "{{ thing.call_with.more }}{{ kind.name }}{{ uncalled.name }}{{ uncalled }}",
    ],
)  # fmt: skip
def test_tags_see_the_same(source: str) -> None:
    plain, quick = ENGINES
    pairs = [(Pair(), "<b>"), (Thing(), mark_safe("<i>"))]
    first = write(plain, source, pairs=pairs)
    assert [write(quick, source, pairs=pairs) for _ in range(2)] == [
        first.replace(" object at 0x", " object at 0x")
    ] * 2


@pytest.mark.parametrize("invalid", ["?", "[%s]"])
def test_what_is_missing_is_written_as_the_site_says(invalid: str) -> None:
    plain, quick = make_engines(invalid)
    for source in (
        "{{ nothing }}",
        "{{ thing.nothing.more }}",
        "{{ nothing|upper }}",
        "{{ thing.quiet }}",
        "{{ thing.call_with }}",
    ):
        assert write(quick, source) == write(plain, source)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "items"]), inner, max_size=3)
        ),
    )
)
def test_whatever_json_is_in_the_context(value: Any) -> None:
    plain, quick = ENGINES
    for source in (
        "{{ value }}",
        "{{ value.a }}",
        "{{ value.0.b }}",
        "{{ value.items }}",
        "{{ value.a.0|default:'-' }}",
    ):
        assert write(quick, source, value=value) == write(plain, source, value=value)
