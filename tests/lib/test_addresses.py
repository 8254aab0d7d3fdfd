"""Under which address what comes from a machine is counted."""

from __future__ import annotations

import pytest

from lib.addresses import normalise_address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:0DB8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("unix", ""),
        ("192.0.2.7:5", ""),
        ("192.0.2.0/24", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_ipv6_counts_by_its_64_and_what_is_no_address_as_none(address: str | None, counted: str) -> None:
    assert normalise_address(address) == counted
