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
    """Accept the id of a row in the user's scope: `Choice(lambda user: Group.objects.manageable_by(user))`."""

    default_error_messages = {
        "does_not_exist": "There is no such choice: {pk_value}.",
        "incorrect_type": "Send an id: a whole number.",
        "another_name": "{pk_value} is called {name}. Send the id alone, or its own name with it.",
    }

    def __init__(self, scope: Callable[[User], QuerySet[Any]], **kwargs: Any) -> None:
        self.scope = scope
        super().__init__(**kwargs | {"queryset": User.objects.none()})

    def get_queryset(self) -> QuerySet[Any]:
        user = self.context.get("user")
        return self.scope(user) if user else User.objects.none()

    def to_internal_value(self, data: Any) -> Any:
        """Take an id, or what answers show of the row: its id and name. What is stored stays where it is sent
        unchanged, though it may not be chosen any more: of a row that is changed, the `instance` of `read`."""
        if isinstance(data, dict) and data.keys() == {"id", "name"}:
            row = self.to_internal_value(data["id"])
            if str(row) != data["name"]:
                self.fail("another_name", pk_value=data["id"], name=row)
            return row
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type")
        stored = getattr(self.root.instance, self.source or "", None)
        if isinstance(stored, Model) and stored.pk == data:
            return stored
        if not 0 < data <= LARGEST:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(data)  # type: ignore[arg-type]
