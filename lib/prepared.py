"""Queries that are built and written down as SQL once, and then only asked: most of what a small look-up costs is that.

    @prepared
    def select_attributes(version: int) -> QuerySet[Attribute]:
        return Attribute.objects.filter(version=version)

    attributes = select_attributes(device.version_id)  # a list

    @prepared_update
    def count(door: int) -> Update:
        return Update(Door.objects.filter(pk=door, ended_at=None), {"made": F("made") + 1})

    won = count(door.pk) == 1

PostgreSQL keeps the plan, too; `prepared_by_values` is for what it plans well only by its values.

What is kept goes by the *shape* of what is given: a whole number (`int`), a UUID, the length of a text or of bytes, and
a tuple of such; for a `Stand`, such as a person, what it says of itself; all else (None, True, members of enumerations,
types) by its value. For a new shape the function is called with made-up values, and where these stand among the
parameters, the given ones stand from then on. So the function may not look at numbers and texts, only hand them on to
the query, as they are or as a text's beginning (`startswith`): where a made-up value is found in another form, the
query is built each time.
While `checked` is true, as in all tests, that raises `Unpreparable`; and each query is built anyway and has to be the
same, SQL and parameters: docs/decisions/0045. While `remembers` is true as well, one that was the same is not built
again for the same values: as long as nothing that functions look at beside them is changed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models.sql import UpdateQuery

from lib.db.statements import Preparing, keeps_statements, write_constants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet
    from django.db.models.sql.compiler import SQLCompiler

P = ParamSpec("P")
Row = TypeVar("Row")

log = logging.getLogger(__name__)

checked = remembers = False
MOST = 500  # shapes of one function
UNKNOWN: Any = object()
MADE_UP, LETTER = 9_100_000_000_000_000_000, 0xE000  # a number that no row has; a letter for private use
APART = 1_000_000  # so that nothing counted up from one made-up number is another


class Limit(int):
    """A number of rows, which stands in the SQL itself: a plan is of one."""


class Whole(str):
    """A text that is handed on as it is, whatever its length: many values as one, as `lib.columns` writes them."""


class Unpreparable(TypeError):
    """Say that a function does more with a value than to hand it on."""


class Stand(Protocol):
    """What is more than a value, and can be stood in for by one of its kind with other values: told by its
    `make_stand_in`."""

    def list_values(self) -> tuple[Any, ...]:
        """Return all that queries may take from it."""

    def make_stand_in(self, values: tuple[Any, ...]) -> Any:
        """Return one that differs in these values alone."""


@dataclass
class Plan:
    """Hold a query as it was written down, and for its parameters which of the given values they are.

    `kept` is its text with all but the given values in it, once it was asked on PostgreSQL.
    """

    rows: QuerySet[Any]
    compiler: SQLCompiler
    sql: str
    parameters: tuple[Any, ...]
    places: list[tuple[int, int, bool]]  # of a parameter, of a value, and whether it is that one's beginning
    kept: str | None = None
    right: set[tuple[Any, ...]] = field(default_factory=set)  # values for which it was the same

    def fill(self, values: list[Any]) -> tuple[Any, ...]:
        """Return the parameters for these values."""
        filled = list(self.parameters)
        for place, number, begins in self.places:
            value = values[number]
            given = _write_beginning(self.compiler, value) if begins else value
            if type(given) is UUID and type(filled[place]) is str:
                given = given.hex  # as SQLite has it
            filled[place] = given if type(given) is type(filled[place]) else type(filled[place])(given)
        return tuple(filled)

    def update(self, parameters: tuple[Any, ...]) -> int:
        with connections[self.rows.db].cursor() as cursor:
            cursor.execute(self.sql, parameters)
            return int(cursor.rowcount)

    def ask(self, parameters: tuple[Any, ...], *, keeps: bool) -> list[Any]:
        rows, query, compiler = _twin(self.rows), _twin(self.rows.query), _twin(self.compiler)
        sql, compiler.connection = self.sql, connections[rows.db]
        if keeps and keeps_statements(compiler.connection):
            sql, parameters = self._keep(compiler.connection, parameters)
            compiler.connection = Preparing(compiler.connection)
        compiler.as_sql = lambda *_, **__: (sql, parameters)
        query.get_compiler = lambda *_, **__: compiler
        rows._query = query
        return list(rows._iterable_class(rows))

    def _keep(self, connection: BaseDatabaseWrapper, parameters: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        """Return the text and the values that go into it."""
        given = [place for place, _, _ in self.places]
        if self.kept is None:
            self.kept = write_constants(connection, self.sql, parameters, given)
        return self.kept, tuple([parameters[place] for place in given])


def prepared(build: Callable[P, QuerySet[Any, Row]]) -> Callable[P, list[Row]]:
    """Decorate a function that returns a query by what is given in order: it returns the rows."""
    return _prepare(build, keeps=True)


def prepared_by_values(build: Callable[P, QuerySet[Any, Row]]) -> Callable[P, list[Row]]:
    """Decorate one whose query PostgreSQL plans each time, for what is given: how many rows are below a path, say, it
    can't tell without the path, and then takes the way of a few."""
    return _prepare(build, keeps=False)


def _prepare(build: Callable[P, QuerySet[Any, Row]], *, keeps: bool) -> Callable[P, list[Row]]:
    plans: dict[Any, Plan | None] = {}

    @wraps(build)
    def ask(*args: P.args, **kwargs: P.kwargs) -> list[Row]:
        assert not kwargs
        found = _find_plan(plans, build, args)
        return list(build(*args, **kwargs)) if found is None else found[0].ask(found[1], keeps=keeps)

    return ask


class Update(NamedTuple):
    """Hold rows of one table, and what is to be set of them."""

    rows: QuerySet[Any]
    to: Mapping[str, Any]


def prepared_update(build: Callable[P, Update]) -> Callable[P, int]:
    """Decorate a function that returns an update by what is given in order: it does that, and returns how many rows it
    changed."""
    plans: dict[Any, Plan | None] = {}

    @wraps(build)
    def update(*args: P.args, **kwargs: P.kwargs) -> int:
        assert not kwargs
        if (found := _find_plan(plans, build, args)) is None:
            rows, to = build(*args, **kwargs)
            return rows.update(**to)
        return found[0].update(found[1])

    return update


def _find_plan(
    plans: dict[Any, Plan | None], build: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Plan, tuple[Any, ...]] | None:
    """Return the plan for what is given, with its parameters; None where there can't be one."""
    values: list[Any] = []
    shape = _read_shape(args, values)
    plan = plans.get(shape, UNKNOWN)  # asked once: another thread may forget it meanwhile
    if plan is UNKNOWN:
        plan = _keep(plans, shape, _try_plan(build, args))
    if plan is None:
        return None
    return _compare(build, args, plan, values) if checked else (plan, plan.fill(values))


def _keep(plans: dict[Any, Plan | None], shape: Any, plan: Plan | None) -> Plan | None:
    if len(plans) >= MOST:
        plans.clear()
    plans[shape] = plan
    return plan


def _read_shape(given: Any, values: list[Any]) -> Any:
    """Return what of it a plan goes by, and add the rest to the values."""
    kind = type(given)
    if kind is int or kind is UUID:
        values.append(given)
        return kind
    if kind is str or kind is bytes or kind is Whole:
        values.append(given)
        return kind, 0 if kind is Whole else len(given)
    if kind is tuple:
        return tuple([_read_shape(each, values) for each in given])
    if hasattr(given, "make_stand_in"):  # through what is lazy, too
        return kind, _read_shape(given.list_values(), values)
    return given


def _make_up(given: Any, made: list[Any]) -> Any:
    """Return something of the same shape, and add the values of which it is made, in the same order."""
    kind = type(given)
    if kind is int:
        made.append(MADE_UP + APART * len(made))
        return made[-1]
    if kind is UUID:
        made.append(UUID(int=MADE_UP + APART * len(made)))
        return made[-1]
    if kind is str or kind is Whole:
        made.append(chr(LETTER + len(made)) * (len(given) if kind is str else 1))
        return made[-1]
    if kind is bytes:
        made.append(bytes([len(made) % 256]) * len(given))
        return made[-1]
    if kind is tuple:
        return tuple([_make_up(each, made) for each in given])
    if hasattr(given, "make_stand_in"):  # through what is lazy, too
        return given.make_stand_in(_make_up(given.list_values(), made))
    return given


def _try_plan(build: Callable[..., Any], args: tuple[Any, ...]) -> Plan | None:
    """Return the plan, or None where there can't be one, which is slower and no less right."""
    try:
        return _make_plan(build, args)
    except Unpreparable as error:
        if checked:
            raise
        log.warning("%s is not prepared: %s", build.__qualname__, error)
        return None


def _make_plan(build: Callable[..., Any], args: tuple[Any, ...]) -> Plan | None:
    """Return the plan for all of this shape; None where there is nothing to ask for, or a text is empty."""
    made: list[Any] = []
    built = build(*_make_up(args, made))
    if "" in made or b"" in made:
        return None
    compiler = _make_compiler(built)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return None
    rows = built.rows if isinstance(built, Update) else built
    if _has_made_up(sql):
        raise Unpreparable(f"{build.__qualname__}: a value stands in the SQL itself: {sql}")
    found = [_find(compiler, place, parameter, made) for place, parameter in enumerate(parameters)]
    return Plan(rows, compiler, sql, tuple(parameters), [each for each in found if each])


def _make_compiler(built: QuerySet[Any] | Update) -> SQLCompiler:
    if not isinstance(built, Update):
        selecting: SQLCompiler = built.query.get_compiler(built.db)
        return selecting
    query: UpdateQuery = built.rows.order_by().query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(dict(built.to))
    updating: SQLCompiler = query.get_compiler(built.rows.db)
    return updating


def _find(compiler: SQLCompiler, place: int, parameter: Any, made: list[Any]) -> tuple[int, int, bool] | None:
    plain = _unwrap(parameter)
    for number, value in enumerate(made):
        if isinstance(value, UUID) and plain == value.hex:
            return place, number, False
        if plain == value and (not isinstance(value, bytes) or isinstance(plain, bytes | memoryview)):
            return place, number, False
        if isinstance(value, str) and parameter == _write_beginning(compiler, value):
            return place, number, True
    if _has_made_up(str(plain)):
        raise Unpreparable(f"A value is handed on in another form: {parameter!r}")
    return None


def _unwrap(parameter: Any) -> Any:
    """Return what a driver's wrapper of bytes is around."""
    return getattr(parameter, "obj", parameter)


def _has_made_up(text: str) -> bool:
    return str(MADE_UP)[:9] in text or any(LETTER <= ord(letter) < LETTER + 0x1000 for letter in text)


def _write_beginning(compiler: SQLCompiler, text: str) -> str:
    return f"{compiler.connection.ops.prep_for_like_query(text)}%"


def _compare(
    build: Callable[..., Any], args: tuple[Any, ...], plan: Plan, values: list[Any]
) -> tuple[Plan, tuple[Any, ...]]:
    """Return the plan and its parameters, made anew if a setting is another one since; raise Unpreparable where it is
    not the query."""
    if remembers and tuple(values) in plan.right:
        return plan, plan.fill(values)
    sql, parameters = _make_compiler(build(*args)).as_sql()
    if not _is_same(plan, values, sql, parameters):
        anew = _make_plan(build, args)
        if anew is None or not _is_same(anew, values, sql, parameters):
            raise Unpreparable(f"{build.__qualname__} is another query for these values: {sql} {parameters}")
        plan = anew
    elif remembers:
        plan.right.add(tuple(values))
    return plan, tuple(parameters)


def _is_same(plan: Plan, values: list[Any], sql: str, parameters: Sequence[Any]) -> bool:
    return plan.sql == sql and [*map(_unwrap, plan.fill(values))] == [*map(_unwrap, parameters)]


def _twin(of: Any) -> Any:
    """Return a shallow copy; `copy.copy` of a query would ask it first."""
    twin = object.__new__(type(of))
    twin.__dict__.update(of.__dict__)
    return twin
