"""Whose word counts about a request's address, scheme and certificate: by the connection's peer, never by a header."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from lib.trusted_proxies import BY_PROXY, UNIX, came_by_proxy, hear_proxy, read_networks

HEADERS = [(b"x-forwarded-for", b"6.6.6.6, 10.9.8.7"), (b"x-forwarded-proto", b"https"), (b"client-cert", b":AA==:")]
HERE = ("127.0.0.1", 8000)
SOCKET = ("/var/site.socket", None)


def hear(client: Any, server: Any = HERE, headers: Any = HEADERS) -> dict[str, Any]:
    return hear_proxy({"type": "http", "scheme": "http", "client": client, "server": server, "headers": headers})


@pytest.mark.parametrize(
    ("proxies", "client", "server"),
    [
        ([UNIX], None, SOCKET),
        (["10.0.0.2"], ("10.0.0.2", 5), HERE),
        (["192.0.2.0/24", "10.0.0.0/29"], ("10.0.0.2", 5), HERE),
        (["10.0.0.2"], ("::ffff:10.0.0.2", 5), HERE),
        (["2001:db8::/64"], ("2001:db8::7", 5), HERE),
    ],
)
def test_the_proxy_tells_where_a_request_comes_from(
    settings: Any, proxies: list[str], client: Any, server: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    told = hear(client, server)
    assert (told["client"], told["scheme"], told[BY_PROXY]) == (["10.9.8.7", 0], "https", True)
    bare = hear(client, server, [(b"x-forwarded-for", b"nobody"), (b"x-forwarded-proto", b"ftp")])
    assert (bare["client"], bare["scheme"], bare[BY_PROXY]) == (client, "http", True)


@pytest.mark.parametrize(
    ("proxies", "client"),
    [
        ([], ("127.0.0.1", 5)),
        ([UNIX], ("127.0.0.1", 5)),
        ([UNIX], None),  # a TCP connection that was reset before anybody asked whose it is
        ([UNIX], ("unix", 5)),
        (["10.0.0.2"], ("10.0.0.3", 5)),
        (["10.0.0.2"], ("nobody", 5)),
        (["10.0.0.2"], None),
    ],
)
def test_nobody_else_does(settings: Any, proxies: list[str], client: Any) -> None:
    settings.TRUSTED_PROXIES = proxies
    told = hear(client)
    assert (told["client"], told["scheme"], told.get(BY_PROXY)) == (client, "http", None)


def test_no_header_marks_a_request() -> None:
    request = RequestFactory().get("/", headers={BY_PROXY: "1", "Client-Cert": ":AA==:"})
    assert not came_by_proxy(request)
    marked: Any = {BY_PROXY: True}
    assert came_by_proxy(RequestFactory().get("/", **marked))


@pytest.mark.parametrize("wrong", ["proxy", "10.0.0.2/24", ""])
def test_what_is_no_address_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValueError):
        read_networks((UNIX, wrong))
