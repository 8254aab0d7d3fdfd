from __future__ import annotations

from django.db.models import IntegerField, Subquery


class CountRows(Subquery):
    """Count the rows of a query, as a value of another one."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()
    empty_result_set_value = 0
