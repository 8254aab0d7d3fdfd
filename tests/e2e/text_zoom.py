"""Text at twice its size on a phone: clock and words stay whole, nothing is cut off, nothing scrolls sideways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.browser import too_wide

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = [
    *("/", "/?waiting=1", "/manage/", "/devices/new/?how=one", "/devices/new/?how=many", "/imports/", "/recipes/"),
    *("/models/", "/settings/", "/settings/serials/", "/labels/", "/actions/", "/groups/", "/people/", "/tokens/"),
    *("/journal/", "/journal/?kind=placements", "/journal/day/", "/account/", "/account/sessions/"),
]
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TWICE = "document.documentElement.style.fontSize = '200%'"

# Words and a clock's digits on two lines, and text that its own box cuts off. A serial or an address may break.
BROKEN = r"""() => {
    const found = [];
    const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
        && !element.closest(".visually-hidden, .row-head, thead, svg, select, noscript, .serial, code, pre");
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode, element = node.parentElement;
        if (!element || !node.data.trim() || !shown(element)) continue;
        for (const word of node.data.matchAll(/\p{L}{2,16}(?![\p{L}\p{N}@._-])|\d{1,2}:\d{2}/gu)) {
            const before = node.data[word.index - 1] ?? " ";
            if (/[\p{L}\p{N}@._-]/u.test(before)) continue;
            const range = document.createRange();
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
            const lines = new Set(boxes.map((box) => Math.round(box.top)));
            if (lines.size > 1) found.push(`broken: ${word[0]}`);
        }
        const style = getComputedStyle(element);
        const cut = (overflow, inner, outer) => ["hidden", "clip"].includes(overflow) && inner > outer + 1;
        if (cut(style.overflowX, element.scrollWidth, element.clientWidth)
            || cut(style.overflowY, element.scrollHeight, element.clientHeight)) {
            found.push(`cut: ${node.data.trim().slice(0, 60)}`);
        }
        const box = element.getBoundingClientRect();
        const beyond = box.width && box.right > innerWidth + 1 && box.left < innerWidth;
        if (beyond && !element.closest(".table-wrap, [tabindex='0']")) {
            found.push(`beyond: ${node.data.trim().slice(0, 60)}`);
        }
    }
    return [...new Set(found)];
}"""


def look_at_twice_the_size(page: Page, url: str) -> list[str]:
    answer = page.goto(url)
    assert answer
    assert answer.status == 200, url
    page.evaluate(TWICE)
    page.evaluate(TWO_FRAMES)  # in which scripts see the new size
    broken: list[str] = page.evaluate(BROKEN)
    return [*broken, *too_wide(page)]
