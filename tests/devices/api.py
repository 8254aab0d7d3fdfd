"""How tests talk to the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.test import Client

from tenants.models import Role
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from tenants.models import Group, User

V1 = "/api/v1/"


class Program:
    """One person's, in a browser's session or with a token for a group."""

    def __init__(self, user: User, group: Group | None = None, role: Role = Role.ADMIN) -> None:
        self.client, self.headers = Client(), dict[str, str]()
        if group is None:
            self.client.force_login(user)
        else:
            made = tokens.create(by=user, name="Script", group=group, role=role)
            self.headers["Authorization"] = f"Bearer {made.secret}"

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(V1 + path, query, headers=self.headers)

    def post(self, path: str, data: object = None, key: str = "") -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return self.client.post(V1 + path, data or {}, "application/json", headers=headers)

    def send(self, path: str, data: dict[str, Any], key: str = "") -> Any:
        """As a form with files."""
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return self.client.post(V1 + path, data, headers=headers)

    def patch(self, path: str, data: object) -> Any:
        return self.client.patch(V1 + path, data, "application/json", headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(V1 + path, headers=self.headers)


def kind(answer: Any) -> str:
    """Of a problem, which it has to be."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    told = answer.json()
    assert told["status"] == answer.status_code
    return str(told["type"]).partition("#problem-")[2]


def places(answer: Any) -> list[str]:
    """Where the errors of a refusal are."""
    assert kind(answer)
    assert answer.status_code == 400
    return [each.get("pointer") or each.get("parameter") for each in answer.json()["errors"]]


def body(answer: Any) -> str:
    """Of a file, without its mark."""
    return content(answer).decode("utf-8-sig")


def content(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    given: bytes = async_to_sync(_joined)(answer) if answer.streaming else answer.content
    return given


async def _joined(answer: Any) -> bytes:
    return b"".join([part async for part in answer])


def told(answer: Any) -> dict[str, str]:
    """Parameter -> why it is refused."""
    assert (answer.status_code, kind(answer)) == (400, "invalid"), answer.content
    return {each["parameter"]: each["detail"] for each in answer.json()["errors"]}
