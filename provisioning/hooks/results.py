"""What became of one attempt to tell a back end, in words for its admins and operators."""

from __future__ import annotations

from lib.outgoing.results import (
    DONE,
    GONE,
    LIMIT_BYTES,
    LIMIT_SECONDS,
    NOT_HTTP,
    REDIRECT,
    REFUSED_ADDRESS,
    STATUS,
    TIMEOUT,
    TLS,
    TOO_LONG,
    UNREACHABLE,
    UNRESOLVED,
)

SKIPPED, ENDED, NO_SECRET, BROKEN = "skipped", "ended", "no-secret", "broken"

WORDS = {
    DONE: "It answered {status}.",
    SKIPPED: "Skipped by an admin.",
    ENDED: "It is called no more: an admin ended it.",
    STATUS: "It answered {status}. Anything but 2xx means that it did not take it.",
    GONE: "It answered 410: it wants to be told nothing more. End it here, or have it take messages again.",
    REDIRECT: "It answered {status}, a redirect, which is not followed. Enter the address to which it leads.",
    UNRESOLVED: "Its host name has no address. Compare the name, or ask who runs its DNS.",
    REFUSED_ADDRESS: "Its host name leads to a private or reserved address. The operator of this site may list its "
    "network (HOOK_NETWORKS).",
    UNREACHABLE: "The connection was not taken, or broke off. Is it up, and does its firewall let this site in?",
    TLS: "No TLS of version 1.2 or later came about: its certificate is not valid for this host name, or of a CA that "
    "this site does not know.",
    TIMEOUT: "Its answer was not complete within {seconds} seconds.",
    TOO_LONG: "Its answer has more than {bytes} bytes. An empty one is enough.",
    NOT_HTTP: "What it answered is no complete answer of HTTP/1.1.",
    NO_SECRET: "Its secret can't be read any more: this site's own secret changed. Make a new one.",
    BROKEN: "Something went wrong on our side. The cause is in the site's log.",
}


def describe(result: str, status: int | None) -> str:
    """Return the result in words; empty where there is none yet."""
    facts = {"status": status, "seconds": f"{LIMIT_SECONDS:.0f}", "bytes": f"{LIMIT_BYTES:,}"}
    return WORDS[result].format(**facts) if result in WORDS else result
