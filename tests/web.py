"""A browser without JavaScript: cookies, CSRF tokens, redirects; standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener


@dataclass
class Page:
    url: str
    status: int
    text: str


@dataclass
class Browser:
    base: str
    cookies: CookieJar = field(default_factory=CookieJar)
    opener: OpenerDirector = field(init=False)

    def __post_init__(self) -> None:
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def get(self, path: str, **headers: str) -> Page:
        return self._open(Request(self.base + path, headers=headers))

    def post(self, path: str, **fields: str) -> Page:
        token = next((cookie.value for cookie in self.cookies if "csrf" in cookie.name), None)
        body = urlencode({"csrfmiddlewaretoken": token or "", **fields}).encode()
        return self._open(Request(self.base + path, data=body, headers={"Referer": self.base + path}))

    def sign_in(self, email: str, password: str) -> Page:
        self.get("/accounts/login/")
        page = self.post("/accounts/login/", login=email, password=password)
        if "/accounts/login/" in page.url:
            raise RuntimeError(f"could not sign in as {email}")
        return page

    def _open(self, request: Request) -> Page:
        try:
            with self.opener.open(request, timeout=20) as answer:
                return Page(answer.url, answer.status, answer.read().decode())
        except HTTPError as error:
            return Page(error.url or "", error.code, error.read().decode())


def option_value(page: str, label: str) -> str:
    """The value of the first <option> whose text contains `label`."""
    match = re.search(rf'<option value="(\d+)"[^>]*>[^<]*{re.escape(label)}', page)
    if not match:
        raise LookupError(label)
    return match[1]
