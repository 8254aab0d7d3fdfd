"""What tests ask of refusals."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.refusals import Kind


@contextmanager
def refused(*kinds: Kind, match: str | None = None) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """Expect a refusal of one of these kinds."""
    with pytest.raises(Refusal, match=match) as caught:
        yield caught
    assert caught.value.kind in kinds


def is_refusal(outcome: object, *kinds: Kind) -> bool:
    return isinstance(outcome, Refusal) and outcome.kind in kinds
