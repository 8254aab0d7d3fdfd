"""The addresses that devices call over HTTP, in the same document: docs/protocol.md as programs read it.

Each is in its vendor's words, and is also there below `/o/<organisation>`, where no host name says which one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.text import slugify

from lib.problem_json import CONTENT_TYPE as PROBLEM

TAG = "What devices call"
JSON, FORM, TEXT, CSV, ANY = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/csv",
    "*/*",
)
STRING: dict[str, Any] = {"type": "string"}
TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
OF_HTTP = (405, 413, 429, 503)
"""What each may answer for HTTP's own reasons: method, size, pace, and a site that is away for a moment."""
SERVERS = [
    {"url": "/"},
    {
        "url": "/o/{organisation}",
        "variables": {"organisation": {"default": "organisation", "description": "Its name."}},
    },
]
REFUSED: dict[str, Any] = {
    "error": {"type": "object", "required": ["error"], "properties": {"error": STRING}},
    "oauth": {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {"error": STRING, "error_description": STRING},
    },
    "problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": dict.fromkeys(("type", "title", "detail", "instance"), STRING) | {"status": {"type": "integer"}},
    },
}


class Address(NamedTuple):
    """Hold an address as its devices know it. `answers` and `refusals` are status -> (media type, schema), without a
    media type nothing but the status."""

    path: str
    method: str
    summary: str
    text: str
    answers: dict[int, tuple[str, dict[str, Any]] | None]
    refusals: dict[int, tuple[str, dict[str, Any]] | None]
    takes: str = ""
    body: dict[str, str] = {}  # name -> what it is
    needs: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    query: dict[str, str] = {}

    def describe(self) -> dict[str, Any]:
        told = [*self.headers.items()], [*self.query.items()]
        places = [({"in": "header"}, each) for each in told[0]] + [({"in": "query"}, each) for each in told[1]]
        parameters = [place | {"name": name, "schema": STRING, "description": text} for place, (name, text) in places]
        answers = self.answers | self.refusals
        described: dict[str, Any] = {
            "operationId": slugify(self.summary).replace("-", "_"),
            "summary": self.summary,
            "description": self.text,
            "tags": [TAG],
            "security": [],
            "servers": SERVERS,
            "parameters": parameters,
            "responses": {str(status): _describe_answer(status, answers[status]) for status in sorted(answers)},
        }
        if self.takes:
            schema: dict[str, Any] = {
                "type": "object",
                "properties": {name: STRING | {"description": text} for name, text in self.body.items()},
            }
            if self.needs:
                schema["required"] = [*self.needs]
            described["requestBody"] = {"content": {self.takes: {"schema": schema}}}
        return described


def _describe_answer(status: int, content: tuple[str, dict[str, Any]] | None) -> dict[str, Any]:
    words = "Done." if status < 300 else "Nothing changed." if status == 304 else "Refused."
    return {"description": words} | ({"content": {content[0]: {"schema": content[1]}}} if content else {})


def _make_object(**texts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return JSON, {"type": "object", "required": [*texts], "properties": texts}


def _refuse(kind: str, schema: dict[str, Any], *statuses: int) -> dict[int, tuple[str, dict[str, Any]] | None]:
    return dict.fromkeys((*statuses, *OF_HTTP), (kind, schema))


CREDENTIAL = {"X-Exosite-CIK": "The device's token; or it is in `Authorization`, or a TLS client certificate is shown."}
DEVICE_TOKEN = {"Authorization": "`DeviceToken`, and the token."}
PROBLEMS = _refuse(PROBLEM, REFUSED["problem"], 400, 401, 403, 404, 409, 410, 423)
OAUTH = _refuse(JSON, REFUSED["oauth"], 400, 401)
REGISTRATION_TOKEN = _make_object(registrationToken=STRING, expirationTime=TIME)


def _describe_data(prefix: str, of: str) -> list[Address]:
    plain = _refuse(TEXT, STRING, 400, 401)
    values: dict[int, tuple[str, dict[str, Any]] | None] = {200: (FORM, STRING), 204: None}
    return [
        Address(
            f"/{prefix}:v1/stack/alias",
            "get",
            f"Read values{of}",
            "The names are the query: `?rpm&load`. With `Request-Timeout` it waits until one changes.",
            values | {304: None},
            plain,
            headers=CREDENTIAL
            | {"Request-Timeout": "Milliseconds.", "If-Modified-Since": "A moment as HTTP has it, or in seconds."},
        ),
        Address(
            f"/{prefix}:v1/stack/alias",
            "post",
            f"Write values{of}",
            "The body is `name=value&…`; what the query names is answered.",
            values,
            plain,
            FORM,
            headers=CREDENTIAL,
        ),
        Address(
            f"/{prefix}:v1/stack/record",
            "post",
            f"Record past values{of}",
            "The body is `alias=…`, then seconds since the epoch and the value then, as often as it likes.",
            {204: None},
            plain | {409: (FORM, STRING)},
            FORM,
            headers=CREDENTIAL,
        ),
    ]


ADDRESSES = [
    Address(
        "/api/register-device",
        "post",
        "Register with a signed token",
        "The door of signed tokens: the device is added, and is told its credential once.",
        {200: _make_object(deviceId=STRING, accessKey=STRING, accessSecret=STRING)},
        _refuse(JSON, REFUSED["error"], 403),
        JSON,
        {"token": "A JWT of the door's issuer.", "manufacturerId": "The serial."},
        ("token", "manufacturerId"),
    ),
    Address(
        "/ztp/cloudlocate/credentials",
        "post",
        "Register with a shared token",
        "The door of a shared token: the device is added, or gets its next credential.",
        {
            200: _make_object(
                hostname=STRING,
                brokerHost=STRING,
                port={"type": "integer"},
                clientId=STRING,
                username=STRING,
                password=STRING,
            )
        },
        _refuse(TEXT, STRING, 400, 403),
        JSON,
        {"token": "The door's token.", "hardwareId": "The serial.", "givenName": "Its name."},
        ("token",),
    ),
    Address(
        "/provisioning-operations/init",
        "post",
        "Wait for approval",
        "The door of approval: the device waits until somebody approves it by its code.",
        {200: _make_object(provisioningOperationId=STRING, verificationCode=STRING, expirationTime=TIME)},
        PROBLEMS,
        JSON,
        {"deviceId": "By which it goes from then on."},
        headers=DEVICE_TOKEN,
    ),
    Address(
        "/provisioning-operations/complete",
        "put",
        "Ask for the registration token",
        "202 while nobody decided.",
        {200: REGISTRATION_TOKEN, 202: None},
        PROBLEMS,
        JSON,
        {"provisioningOperationId": "As it was told."},
        ("provisioningOperationId",),
        DEVICE_TOKEN,
    ),
    Address(
        "/devices/register",
        "put",
        "Register with a registration token",
        "The device is added, or gets its next credential.",
        {
            200: _make_object(
                connectionString=STRING,
                iotHubHostName=STRING,
                connectionStringType=STRING,
                connectionStringExpiration=TIME,
                tokenRemainingLifetime={"type": ["string", "null"]},
            )
        },
        PROBLEMS,
        JSON,
        {"connectionStringType": "`SharedAccessSignature`."},
        headers=DEVICE_TOKEN,
    ),
    Address(
        "/devices/registration-tokens/refresh",
        "put",
        "Refresh the registration token",
        "The one before ends.",
        {200: REGISTRATION_TOKEN},
        PROBLEMS,
        JSON,
        {"registrationToken": "The one that it has."},
        ("registrationToken",),
        DEVICE_TOKEN,
    ),
    Address(
        "/oauth/device_authorization",
        "post",
        "Ask for a device code",
        "The door of approval for clients of RFC 8628.",
        {
            200: _make_object(
                device_code=STRING,
                user_code=STRING,
                verification_uri=STRING,
                verification_uri_complete=STRING,
                expires_in={"type": "integer"},
                interval={"type": "integer"},
            )
        },
        OAUTH,
        FORM,
        {"client_id": "The provisioning token.", "device_id": "By which it goes from then on."},
        ("client_id",),
    ),
    Address(
        "/oauth/token",
        "post",
        "Ask for an access token",
        "It is the registration token; `expires_in` is missing where it has no end.",
        {200: _make_object(access_token=STRING, token_type=STRING, refresh_token=STRING)},
        OAUTH,
        FORM,
        {
            "grant_type": "`urn:ietf:params:oauth:grant-type:device_code` or `refresh_token`.",
            "client_id": "The provisioning token.",
            "device_code": "As it was told.",
            "refresh_token": "The one that it has.",
        },
        ("grant_type", "client_id"),
    ),
    Address(
        "/provision/activate",
        "post",
        "Activate",
        "The door of activation: 200 is the token, 204 to a password or a certificate.",
        {200: (TEXT, STRING), 204: None},
        _refuse(TEXT, STRING, 400, 401, 403, 404, 409, 415),
        FORM,
        {
            "id": "The serial; `sn` with `vendor` and `model` by old firmware.",
            "vendor": "As the door has it.",
            "model": "As the door has it.",
            "sn": "The serial.",
            "password": "Where the door wants one.",
        },
    ),
    Address(
        "/provision/download",
        "get",
        "Download content",
        "Without `id` the names of all, a line each; with `info=true` what is known of one.",
        {200: (ANY, STRING), 206: (ANY, STRING)},
        _refuse(TEXT, STRING, 401, 403, 404, 416),
        headers=CREDENTIAL | {"Range": "`bytes=…`"},
        query={"id": "Its name.", "info": "`true`.", "vendor": "As the door has it.", "model": "As the door has it."},
    ),
    Address(
        "/timestamp",
        "get",
        "Ask for the time",
        "Whole seconds since the epoch.",
        {200: (TEXT, STRING)},
        _refuse(TEXT, STRING, 401),
    ),
    *_describe_data("onep", ""),
    *_describe_data("api", ", by the other prefix"),
]


def add_device_addresses(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the addresses that devices call, which are no views of the API."""
    for each in ADDRESSES:
        result["paths"].setdefault(each.path, {})[each.method] = each.describe()
    return result
