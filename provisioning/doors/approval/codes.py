"""Codes that a device shows, and by which whoever stands before it finds it among those that wait.

Eight letters without vowels, as RFC 8628 (6.1) has them: no two look alike, and they make no words. 34 bits for what
waits an hour at most, and is looked up by people who signed in.
"""

from __future__ import annotations

import secrets

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8


def make_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def show_code(code: str) -> str:
    """Return the code as a device shows it: `WDJB-MJHT`."""
    return f"{code[:4]}-{code[4:]}"


def read_code(text: str) -> str:
    """Return the code that was typed, in any case, with or without dash and spaces; "" for what is none."""
    code = "".join(character for character in text.upper() if character not in " -\u2010\u2011\u2012\u2013\u2014_.\t")
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else ""
