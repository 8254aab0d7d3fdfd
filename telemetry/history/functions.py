"""What databases compute of reports."""

from __future__ import annotations

import json
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
