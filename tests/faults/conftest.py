"""What of these tests needs a part that no package of this system brings is run where it is named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess


def _hands_certificates_on() -> bool:
    """Whether the HAProxy at hand is 2.9 or newer."""
    haproxy = os.environ.get("HAPROXY") or shutil.which("haproxy")
    said = subprocess.run([haproxy, "-v"], capture_output=True, text=True, check=True).stdout if haproxy else ""
    version = re.search(r"version (\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= (2, 9)


HANDS_ON = _hands_certificates_on()
collect_ignore = [] if HANDS_ON else ["test_rabbitmq_certificates.py"]


def pytest_report_header() -> str:
    return (
        ""
        if HANDS_ON
        else "left out: tests/faults/test_rabbitmq_certificates.py (HAPROXY names no HAProxy from 2.9 on)"
    )
