"""Fields that name rows by id, from among those that the user may use. Any other id does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Model
from rest_framework.relations import PrimaryKeyRelatedField

from lib.parsing import LARGEST
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet


class Choice(PrimaryKeyRelatedField[Model]):
    """`Choice(lambda user: Group.objects.manageable_by(user))`."""

    default_error_messages = {
        "does_not_exist": "There is no such choice: {pk_value}.",
        "incorrect_type": "Send an id: a whole number.",
    }

    def __init__(self, scope: Callable[[User], QuerySet[Any]], **kwargs: Any) -> None:
        self.scope = scope
        super().__init__(**kwargs | {"queryset": User.objects.none()})

    def get_queryset(self) -> QuerySet[Any]:
        user = self.context.get("user")
        return self.scope(user) if user else User.objects.none()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type")
        if not 0 < data <= LARGEST:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(data)  # type: ignore[arg-type]
