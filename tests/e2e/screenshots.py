"""Takes the pictures of docs/screenshots from a running dashboard, such as that of `make demo`.

python -m tests.e2e.screenshots http://127.0.0.1:8501 manager@acme.test 'the password' docs/screenshots

The three pages on desktop and phone in light, the review page on the desktop in dark too; with `all` as a fifth
argument every page in both, the sign-in form included. Prints what should not have happened: requests to other hosts,
dialogs, errors on the console.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.support import browser as browsers

SIZES = {"desktop": browsers.DESKTOP, "phone": browsers.PHONE}
WANTED = {
    *(f"{page}-{size}.png" for page in ("calls", "review", "overview") for size in SIZES),
    "review-desktop-dark.png",
}

LET_GO = """() => {  // no ring of the keyboard in the picture
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    node?.blur();
}"""


def main(base: str, email: str, password: str, out: str, which: str = "") -> None:
    """Write the pictures into `out`."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with browsers.chromium() as browser:
        for size, viewport in SIZES.items():
            for scheme in ("light", "dark"):
                suffix = f"{size}.png" if scheme == "light" else f"{size}-dark.png"
                wanted = {p for p in ("login", "calls", "review", "overview") if f"{p}-{suffix}" in WANTED or which}
                if not wanted:
                    continue
                phone = size == "phone"
                context = browser.new_context(
                    viewport=viewport,
                    color_scheme=scheme,
                    device_scale_factor=2 if phone else 1,
                    is_mobile=phone,
                    has_touch=phone,
                )
                watch = browsers.Watch(base.split("//")[1])
                watch.on(context)
                for name, shot in _pages(context.new_page(), base, email, password):
                    if name in wanted:
                        shot.screenshot(path=folder / f"{name}-{suffix}")
                context.close()
                for text in (*watch.foreign, *watch.dialogs, *watch.errors):
                    print(f"{suffix}: {text}")


def _pages(page: Any, base: str, email: str, password: str) -> Any:
    """(name, page) whenever there is something to be seen."""
    page.goto(f"{base}/auth/login")
    yield "login", page
    browsers.sign_in(page, base, email, password)
    row = page.locator("table.calls tbody tr:has(.minibar):has(.rec > span > span:not(.soft))").last
    row.wait_for()
    page.wait_for_timeout(800)
    page.evaluate(LET_GO)
    yield "calls", page
    row.click()
    page.locator(".utterance").nth(1).wait_for()
    page.wait_for_timeout(1200)
    page.locator(".utterance").nth(2).locator(".word").nth(3).click()
    page.wait_for_timeout(900)
    page.keyboard.press("k")
    _comment(page)
    page.wait_for_timeout(400)
    page.evaluate(LET_GO)
    page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    yield "review", page
    page.goto(f"{base}/overview")
    page.locator(".js-plotly-plot").nth(2).wait_for()
    page.wait_for_timeout(1500)
    yield "overview", page


def _comment(page: Any) -> None:
    """A comment to look at, if there is none yet and one may be written."""
    if page.locator(".comments li[data-id]").count() or not page.locator(".comment-form").is_visible():
        return
    page.keyboard.press("c")
    page.keyboard.type("Good: asks for what is needed before promising anything.")
    page.locator(".comment-form .primary").click()
    page.locator(".comments li[data-id]").wait_for()


if __name__ == "__main__":
    main(*sys.argv[1:])
