"""What is refused of asking for reports."""

from __future__ import annotations

from lib.refusals import declare

RANGE_UNKNOWN = declare(
    "range-unknown", "There is no range of this name.", "Give “range” as one of {known}; or “from” and “to”.", 400
)
RANGE_WITHOUT_START = declare("range-without-start", "“to” needs a “from”.", "Give both.", 400)
RANGE_BACKWARDS = declare(
    "range-backwards", "“from” must not be later than “to”.", "Give the earlier time as “from”.", 400
)
RANGE_TOO_LONG = declare(
    "range-too-long", "The range is longer than {days:,} days.", "Ask for {days:,} days at most: ten years.", 400
)
NO_TIME = declare(
    "no-time",
    "“{name}” is no time.",
    "Give milliseconds since the epoch, or ISO 8601 such as 2026-01-31T12:00:00Z.",
    400,
)
TIME_WITHOUT_ZONE = declare(
    "time-without-zone",
    "“{name}” does not say in which time zone it is.",
    "Write the zone behind it: 2026-01-31T12:00:00Z, or +01:00 instead of Z.",
    400,
)
TIME_IN_SECONDS = declare(
    "time-in-seconds",
    "“{name}” would be in the year 1973 or before: these look like seconds.",
    "Give milliseconds since the epoch, 13 digits.",
    400,
)
RANGE_TWICE = declare(
    "range-twice",
    "Both “range” and “from” say which time is meant.",
    "Give one of them: “range”, or “from” and “to”.",
    400,
)
STATE_UNKNOWN = declare(
    "state-unknown", "“{name}” is no text, nor on or off, that this device reports.", "{offered}", 400
)
ATTRIBUTE_UNKNOWN = declare("attribute-unknown", "“{name}” is not a number that this device reports.", "{offered}", 400)
