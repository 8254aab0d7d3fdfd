from __future__ import annotations

import pytest
from django.template import Context, Template

from devices.models import Device
from devices.templatetags.statuses import STATUSES


@pytest.mark.parametrize("value", [*Device.Status.values, "waiting"])
def test_a_status_has_words_and_a_picture(value: str) -> None:
    html = Template("{% load statuses %}{% status value %}").render(Context({"value": value}))
    words, picture = STATUSES[value]
    assert words in html
    assert f"#{picture}" in html
