"""Pages of rows from several tables, the newest first: by key, as `lib.paging` has them of one.

A row's key is its time, the rank of its source, and its primary key: all rows of a transaction have one time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import BooleanField, DateTimeField, F, Func, OuterRef, Subquery, Value

from lib.paging import PAGE_UNKNOWN, Order, Page
from lib.parsing import LARGEST
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet
    from django.db.models.sql.compiler import SQLCompiler

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOOK = 1000  # rows: as many as are read in a few milliseconds
ADDRESS = Order((("at", int), ("rank", int), ("pk", int)))  # microseconds since the epoch


class Key(NamedTuple):
    """Place a row among those of all sources; of one time a lower rank comes first, and the newer row."""

    at: datetime
    rank: int
    pk: int

    def bound(self, rank: int) -> tuple[datetime, int]:
        """Return the place among the rows of a source, by time and key, that it stands for there."""
        return self.at, self.pk if rank == self.rank else LARGEST if rank > self.rank else 0


class Row(NamedTuple):
    key: Key
    values: dict[str, Any]


class Source(NamedTuple):
    """Name rows with `at` and `pk`, and what is read of them; two of one rank have no row in common.

    `among`: a field of theirs and the few or many rows that it may point to. Each of these is asked for its newest, by
    an index on the field and the time: who has few rows among millions waits no longer than who has most of them.
    `around`: where that index has to pass over what is not asked for, these and others' rows of the same kind, by an
    index of their own: the nearest of them are looked through first.
    """

    rank: int
    rows: QuerySet[Any]
    fields: tuple[str, ...] = ()
    among: tuple[str, QuerySet[Any]] | None = None
    around: QuerySet[Any] | None = None

    def find(self, size: int, key: Key | None, *, backwards: bool = False) -> list[Row]:
        """Return so many of those behind the key, or before it, the nearest first."""
        rows = self._go_on(self.rows, key, backwards=backwards)
        if self.among is None:
            return self._read(rows, size, backwards=backwards)
        if self.around is not None:
            field, parents = self.among
            around = _sort(self._go_on(self.around, key, backwards=backwards), backwards=backwards).values("pk")
            # Nothing else is asked of them: another index would seem to serve what is known already.
            near = self.around.model._default_manager.filter(**{"pk__in": around[:LOOK], f"{field}__in": parents})
            found = self._read(near, size, backwards=backwards)
            if len(found) == size or not around[LOOK : LOOK + 1].exists():
                return found
        return self._read(_narrow(rows, self.among, size, backwards=backwards), size, backwards=backwards)

    def _go_on(self, rows: QuerySet[Any], key: Key | None, *, backwards: bool) -> QuerySet[Any]:
        if key is None:
            return rows
        at, pk = key.bound(self.rank)
        return rows.filter(Compared(">" if backwards else "<", Moment(F("at")), F("pk"), _moment(at), Value(pk)))

    def _read(self, rows: QuerySet[Any], size: int, *, backwards: bool) -> list[Row]:
        found = _sort(rows, backwards=backwards).values("at", "pk", *self.fields)[:size]
        return [Row(Key(values["at"], self.rank, values["pk"]), values) for values in found]


def find_page(sources: Sequence[Source], size: int, *, after: Key | None = None, before: Key | None = None) -> Page:
    """Return the page of `Row` behind a key, or the one before it; else the first."""
    backwards = before is not None
    found = [row for source in sources for row in source.find(size + 1, before or after, backwards=backwards)]
    found.sort(key=_get_place, reverse=not backwards)
    shown, further = found[:size], len(found) > size
    earlier, later = (further, bool(shown)) if backwards else (after is not None and bool(shown), further)
    shown = shown[::-1] if backwards else shown
    return Page(shown, write_key(shown[0].key) if earlier else "", write_key(shown[-1].key) if later else "")


def find_asked_page(sources: Sequence[Source], size: int, query: Mapping[str, str]) -> Page:
    """Return the page that an address asks for by `after` or `before`, else the first. Raises Refusal where it names
    one that can't be."""
    asked = [query.get(name, "") for name in ("after", "before")]
    after, before = map(parse_key, asked)
    if query.get("page") or any(text and key is None for text, key in zip(asked, (after, before), strict=True)):
        raise Refusal(PAGE_UNKNOWN)
    return find_page(sources, size, after=after, before=before)


def write_key(key: Key) -> str:
    return ADDRESS.write([(key.at - EPOCH) // timedelta(microseconds=1), key.rank, key.pk])


def parse_key(text: str) -> Key | None:
    """Return the key that `write_key` wrote; None for whatever is none."""
    if (values := ADDRESS.parse(text)) is None:
        return None
    try:
        return Key(EPOCH + timedelta(microseconds=values[0]), values[1], values[2])
    except OverflowError:
        return None


class Moment(Func):
    """Order by a time; on SQLite by the millisecond, since it writes three digits of a second or six."""

    output_field = DateTimeField()
    template = "%(expressions)s"

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:
        shown = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', %(expressions)s)"
        return self.as_sql(compiler, connection, template=shown)


class Compared(Func):
    """Compare the first half of the expressions with the second, as rows: an index finds the place."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, than: str, *expressions: Any) -> None:
        super().__init__(*expressions)
        self.than = than

    def as_sql(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        half = len(parts) // 2
        left, right = (", ".join(sql for sql, _ in side) for side in (parts[:half], parts[half:]))
        return f"({left}) {self.than} ({right})", [value for _, params in parts for value in params]


def _narrow(rows: QuerySet[Any], among: tuple[str, QuerySet[Any]], size: int, *, backwards: bool) -> QuerySet[Any]:
    """Return rows that have the nearest `size` among them, and few more.

    The nearest lie at those parents whose own nearest are the nearest, and no farther away than where one of those
    alone would fill the page.
    """
    field, parents = among
    own = _sort(rows.filter(**{field: OuterRef("pk")}), backwards=backwards)
    times, keys = own.values("at"), own.values("pk")
    first, key = (
        F(name).asc(nulls_last=True) if backwards else F(name).desc(nulls_last=True) for name in ("first", "key")
    )
    asked = parents.annotate(first=Subquery(times[:1]))
    ordered = list(asked.order_by(first).values_list("pk", "first")[: size + 1])
    if len(ordered) > size and ordered[size - 1][1] == ordered[size][1] is not None:
        # One statement wrote of more parents: their rows' keys say which are nearer, which costs as much again to ask.
        nearest = asked.annotate(key=Subquery(keys[:1])).order_by(first, key)
        ordered = list(nearest.values_list("pk", "first")[:size])
    chosen = {pk: at for pk, at in ordered[:size] if at}
    # Asked of the chosen alone: to count so far costs most where a parent has hardly a row that fits.
    lasts = parents.filter(pk__in=chosen).order_by().values_list(Subquery(times[size - 1 : size]), flat=True)
    farthest = [last for last in (*lasts, *[*chosen.values()][size - 1 :]) if last]
    rows = rows.filter(**{f"{field}__in": [*chosen]})
    if not farthest:
        return rows
    at = min(farthest) if backwards else max(farthest)
    return rows.filter(Compared("<=" if backwards else ">=", Moment(F("at")), _moment(at)))


def _sort(rows: QuerySet[Any], *, backwards: bool) -> QuerySet[Any]:
    moment = Moment(F("at"))
    return rows.order_by(moment.asc(), "pk") if backwards else rows.order_by(moment.desc(), "-pk")


def _moment(at: datetime) -> Moment:
    return Moment(Value(at, DateTimeField()))


def _get_place(row: Row) -> tuple[datetime, int, int]:
    return row.key.at, -row.key.rank, row.key.pk
