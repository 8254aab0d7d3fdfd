"""What a file changes of devices that are there: each has values of its own, noted in the action before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices.bulk_actions import runner
from devices.bulk_actions.eligibility import Params
from devices.imports.refusals import IMPORT_NOT_STARTABLE
from devices.jobs import leases
from devices.models import BulkAction, Change, Import
from lib.refusals import Refusal

if TYPE_CHECKING:
    from tenants.models import User


def start_changes(*, importing: Import, by: User) -> BulkAction:
    """Have what the check of an import found carried out; that ends the import. Raises Refusal."""
    whole = Q(refused=0) | Q(all_or_nothing=False)
    rows = Import.objects.filter(whole, pk=importing.pk, act=Import.Act.CHANGE, state=Import.State.CHECKED)
    with transaction.atomic():
        if rows.filter(changing__gt=0).update(state=Import.State.DONE, by=by, finished_at=Now()) != 1:
            raise Refusal(IMPORT_NOT_STARTABLE)
        action = BulkAction.objects.create(
            organisation=importing.organisation,
            by=by,
            kind=BulkAction.Kind.CHANGE,
            params=Params().as_json(),
            selection={"import": str(importing.key)},
            importing=importing,
            total=Change.objects.filter(importing=importing).count(),
            held_until=leases.compute_lease_end(),
        )
        runner.keep_changes(action, Change.objects.filter(importing=importing))
    return action
