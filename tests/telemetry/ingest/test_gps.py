"""GPS positions in the ways in which devices write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.ingest import gps


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("37.33233141,-122.0312186", "37.3323314,-122.0312186"),
        (" +37.5 , -122 ", "37.5,-122"),
        ("0,-0.0", "0,0"),
        ("-90,180", "-90,180"),
        ("37°19'56.39\"N,122°1'52.38\"W", "37.3323306,-122.0312167"),
        ("37° 19\u2032 56.39\u2033 S, 122° E", "-37.3323306,122"),
        ("37°19.5'N,122°30'W", "37.325,-122.5"),
        ("$GPGLL,3719.940,N,12201.873,W,225444,A", "37.3323333,-122.0312167"),
        ("$GPGLL,4916.45,N,12311.12,W,225444,A,*1D", "49.2741667,-123.1853333"),
        ("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n", "48.1173,11.5166667"),
        ("$GNGGA,123519,4807.038,S,01131.000,W,2,08,0.9,545.4,M,46.9,M,,", "-48.1173,-11.5166667"),
        ({"lat": 37.5, "lng": -122}, "37.5,-122"),
        ({"lat": 37.5, "lon": -122, "altitude": 9}, "37.5,-122"),
        ({"latitude": 37.5, "longitude": -122}, "37.5,-122"),
        ({"type": "Point", "coordinates": [-122, 37.5]}, "37.5,-122"),
        ({"type": "Point", "coordinates": [-122, 37.5, 12.5]}, "37.5,-122"),
    ],
)
def test_one_form_is_kept(raw: object, kept: str) -> None:
    assert gps.read_position(raw) == kept
    assert gps.is_kept(kept)
    assert gps.read_position(kept) == kept


@pytest.mark.parametrize(
    "raw",
    [
        None,
        True,
        7,
        "",
        "37.5",
        "37.5,-122,12",
        "91,0",
        "0,180.1",
        "nan,0",
        "1e1,0",
        "\u0663\u0667,\u0660",
        "37°60'0\"N,122°0'0\"W",
        "37°19'56.39\"E,122°1'52.38\"N",
        "$GPGLL,3719.940,N,12201.873,S,225444,A",
        "$GPGLL,3719.940,N,12201.873,W,225444,V",
        "$GPGLL,3760.000,N,12201.873,W,225444,A",
        "$GPGLL,4916.45,N,12311.12,W,225444,A,*1E",
        "$GPGGA,123519,4807.038,N,01131.000,E,0,08,0.9,545.4,M,46.9,M,,",
        "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W",
        "$GPGLL",
        "1" * 300,
        {},
        {"lat": 37.5},
        {"lat": "37.5", "lng": "-122"},
        {"lat": True, "lng": 0},
        {"lat": 10**400, "lng": 0},
        {"lat": float("nan"), "lng": 0},
        {"type": "Point", "coordinates": [1]},
        {"type": "Point", "coordinates": ["1", "2"]},
        {"type": "LineString", "coordinates": [[1, 2]]},
        [37.5, -122],
    ],
    ids=str,
)
def test_what_is_no_position(raw: object) -> None:
    assert gps.read_position(raw) is None


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_place_is_told_in_words(lat: float, lng: float) -> None:
    kept = gps.read_position({"lat": lat, "lng": lng})
    assert kept is not None
    assert gps.read_position(kept) == kept
    assert gps.is_kept(kept)
    assert ("S" in gps.describe_position(kept)) == (float(kept.split(",")[0]) < 0)


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert gps.read_position(f"${text}") is None or gps.is_kept(gps.read_position(f"${text}"))
