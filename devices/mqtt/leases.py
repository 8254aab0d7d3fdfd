"""Which consumer has which parts, in the database and by its clock.

A consumer that lives says so each second. One that is not heard of for LIVES has died: the others take its parts, which
means that they connect in its place, so that the broker ends whatever connection it may still have. A part is handed
over between two transactions, never within one: each that stores holds the parts that it is of (`hold`).
"""

from __future__ import annotations

import os
import socket
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices.models import ConsumerPart, ConsumerProcess
from devices.mqtt import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.db.models import QuerySet

EVERY_SECONDS = 1.0
LIVES = timedelta(seconds=5)


class Leases:
    """Be one of the consumers. `rearrange` takes into how many parts reports were divided before, and returns once
    the broker divides them anew; it may raise. `leave` takes the parts that are kept, before the others are anybody's:
    the broker is to have back what it delivered when the next one connects."""

    def __init__(
        self, rearrange: Callable[[int], None] = lambda _: None, leave: Callable[[set[int]], None] = lambda _: None
    ) -> None:
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._rearrange = rearrange
        self._leave = leave

    def renew(self) -> set[int]:
        """Say that this consumer lives, and return the parts that it has from now on."""
        count = parts.count_parts()
        live = self._beat(count)
        if live - {count}:  # consumers of before are still at work: they end, and then it is our turn
            self._leave(set())
            self.release()
            return set()
        if not self._has_been_divided(count):
            return set()
        return self._settle(self._find_share(count))

    def release(self) -> None:
        """Give up all parts."""
        ConsumerPart.objects.filter(holder=self.name).update(holder="")

    def end(self) -> None:
        """Leave: the others need not wait until this one is missed."""
        self.release()
        ConsumerProcess.objects.filter(name=self.name).delete()

    def hold(self, numbers: Collection[int]) -> None:
        """Keep parts from being handed over until the transaction ends. Raises parts.Lost where one is another's."""
        if not numbers:
            return
        own = ConsumerPart.objects.filter(number__in=numbers, holder=self.name).order_by("number").values_list("number")
        if connection.vendor == "postgresql":
            statement, params = own.query.sql_with_params()
            with connection.cursor() as cursor:
                cursor.execute(f"{statement} FOR SHARE", params)
                found = len(cursor.fetchall())
        else:
            found = own.count()
        if found < len(numbers):
            raise parts.Lost(f"of the parts {sorted(numbers)} {len(numbers) - found} are another consumer's")

    def _beat(self, count: int) -> set[int]:
        """Say it, and return into how many parts those divide that live."""
        until = Now() + LIVES
        if not ConsumerProcess.objects.filter(name=self.name).update(until=until, parts=count):
            ConsumerProcess.objects.create(name=self.name, until=until, parts=count)
            ConsumerProcess.objects.filter(until__lt=Now() - 1000 * LIVES).delete()
        return set(ConsumerProcess.objects.live().values_list("parts", flat=True))

    def _has_been_divided(self, count: int) -> bool:
        """Return whether reports are divided into so many parts; if not, one of the consumers sees to it now."""
        former = ConsumerPart.objects.count()
        if former == count:
            return True
        with transaction.atomic():
            ConsumerPart.objects.bulk_create([ConsumerPart(number=0)], ignore_conflicts=True)
        if not self._take(0):
            return False
        if (former or 1) != count:
            self._rearrange(former or 1)
        with transaction.atomic():
            ConsumerPart.objects.filter(number__gte=count).delete()
            rows = [ConsumerPart(number=number) for number in range(count)]
            ConsumerPart.objects.bulk_create(rows, ignore_conflicts=True)
        return True

    def _find_share(self, count: int) -> int:
        """Return how many parts are this consumer's: as many as every other's, and the first ones have one more."""
        names = sorted(ConsumerProcess.objects.live().values_list("name", flat=True))
        share, rest = divmod(count, len(names)) if names else (count, 0)
        return share + (self.name in names[:rest])

    def _settle(self, share: int) -> set[int]:
        """Give up what is more than its share, else take what nobody has; return what it has."""
        held = sorted(ConsumerPart.objects.filter(holder=self.name).values_list("number", flat=True))
        if more := held[share:]:
            self._leave(set(held[:share]))
            ConsumerPart.objects.filter(number__in=more, holder=self.name).update(holder="")
        if len(held) < share:
            for number in self._find_free().order_by("number").values_list("number", flat=True):
                if len(held) < share and self._take(number):
                    held.append(number)
        return set(held[:share])

    def _take(self, number: int) -> bool:
        """Take a part, if it is nobody's, or keep it; return whether that was so."""
        return self._find_free(or_held_by=self.name).filter(number=number).update(holder=self.name) == 1

    def _find_free(self, or_held_by: str = "") -> QuerySet[ConsumerPart]:
        is_free = ~Q(holder__in=ConsumerProcess.objects.live().values("name"))
        return ConsumerPart.objects.filter(is_free | Q(holder=or_held_by))
