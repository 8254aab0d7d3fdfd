"""What databases compute of reports."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from django.db.models import FloatField, Func, IntegerField

if TYPE_CHECKING:
    from django.db.models import F


class Epoch(Func):
    """Compute whole seconds since the epoch."""

    output_field = IntegerField()
    template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS integer)"
        return self.as_sql(compiler, connection, template=template, **context)


class Number(Func):
    """Extract the number under a name in a JSON object, else null."""

    output_field = FloatField()

    def __init__(self, data: F, name: str) -> None:
        super().__init__(data)
        self.name = name

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        number = f"CASE jsonb_typeof({data} -> %s) WHEN 'number' THEN ({data} ->> %s)::double precision END"
        return number, (self.name, self.name)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        path = f"$.{json.dumps(self.name)}"
        number = f"CASE WHEN json_type({data}, %s) IN ('integer', 'real') THEN json_extract({data}, %s) END"
        return number, (path, path)


class Told(Number):
    """Extract the same, and of anything else that stands there infinity, which is none that is reported."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        number, params = super().as_postgresql(compiler, connection, **context)
        data, _ = compiler.compile(self.source_expressions[0])
        return f"COALESCE({number}, CASE WHEN {data} ? %s THEN 'Infinity'::double precision END)", (*params, self.name)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        number, params = super().as_sqlite(compiler, connection, **context)
        data, _ = compiler.compile(self.source_expressions[0])
        return f"COALESCE({number}, CASE WHEN json_type({data}, %s) IS NOT NULL THEN 9e999 END)", (*params, params[0])


def find_told(value: Any) -> float | None:
    """Return the number that a value is, or that `Told` extracted; None for anything else."""
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None
