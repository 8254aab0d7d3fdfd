"""How schemathesis asks the site in this process, by whichever part of the document."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as bounds
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemathesis import Case

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@contextmanager
def one_connection() -> Iterator[None]:
    """The requests run in the test's transaction; Django's own client connects these again after each of its own."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """With so many of them, the same ones each time."""
    most = bounds(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(7)(most(test))


def ask(case: Case[Any], headers: dict[str, str]) -> int:
    """Return the status; what it changed is undone. Fails where the answer is not as the document says."""
    with transaction.atomic():
        # Its transport in the process asks for compressed answers and does not unpack them.
        answer = case.call(headers={"Accept-Encoding": "identity"} | headers)
        case.validate_response(answer, checks=CHECKS)
        transaction.set_rollback(True)
    return int(answer.status_code)
