"""What a browser would send of a page's form: read from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser


class PageForm(HTMLParser):
    """Read the form with this `action`; empty: the first one that has none."""

    def __init__(self, page: bytes, action: str = "") -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.action, self.inside, self.area, self.select = action, False, "", ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = has.get("action", "") == self.action and has.get("method") == "post"
        if not self.inside:
            return
        if tag == "option" and self.select:
            known = self.sent.setdefault(self.select, [has["value"]])
            if "selected" in has:
                known[:] = [has["value"]]
        name = has.get("name", "")
        if tag == "textarea":
            self.area, self.sent[name] = name, [""]
        elif tag == "select":
            self.select = name
        elif tag == "input" and has.get("type") != "file" and name:
            is_choice = has.get("type") in {"checkbox", "radio"}
            if not is_choice or "checked" in has:
                self.sent.setdefault(name, []).append(has.get("value", "on" if is_choice else ""))

    def handle_data(self, data: str) -> None:
        if self.area:
            self.sent[self.area][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area:
            self.sent[self.area] = [self.sent[self.area][0].removeprefix("\n").replace("\n", "\r\n")]
            self.area = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.inside = False
