"""Takes the pictures of docs/screenshots from a running dashboard.

python -m tests.e2e.screenshots http://127.0.0.1:8501 owner@acme.test 'correct horse owner' docs/screenshots
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.support import browser as browsers

SIZES = {"desktop": browsers.DESKTOP, "phone": browsers.PHONE}


def main(base: str, email: str, password: str, out: str) -> None:
    """calls, review and overview on both sizes in light, the desktop ones in dark too."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with browsers.chromium() as browser:
        for size, viewport in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport=viewport,
                    color_scheme=scheme,
                    device_scale_factor=1 if size == "desktop" else 2,
                    is_mobile=size == "phone",
                    has_touch=size == "phone",
                )
                watch = browsers.Watch(base.split("//")[1])
                watch.on(context)
                suffix = f"{size}.png" if scheme == "light" else f"{size}-dark.png"
                _pictures(context.new_page(), base, email, password, folder, suffix)
                context.close()
                for text in (*watch.foreign, *watch.dialogs, *watch.errors):
                    print(f"{suffix}: {text}")


def _pictures(page: Any, base: str, email: str, password: str, folder: Path, suffix: str) -> None:
    sign_in = browsers.sign_in
    page.goto(f"{base}/auth/login")
    page.screenshot(path=folder / f"login-{suffix}")
    sign_in(page, base, email, password)
    row = page.locator("table.calls tbody tr", has=page.get_by_text("Text")).first
    row.wait_for()
    page.wait_for_timeout(600)
    page.screenshot(path=folder / f"calls-{suffix}")
    row.click()
    page.locator(".utterance").nth(1).wait_for()
    page.wait_for_timeout(1200)
    page.locator(".utterance .word").nth(4).click()
    page.wait_for_timeout(900)
    page.keyboard.press("k")
    page.wait_for_timeout(400)
    page.evaluate("() => window.scrollTo(0, 0)")
    page.screenshot(path=folder / f"review-{suffix}")
    page.goto(f"{base}/overview")
    page.locator(".js-plotly-plot").nth(2).wait_for()
    page.wait_for_timeout(1200)
    page.screenshot(path=folder / f"overview-{suffix}")


if __name__ == "__main__":
    main(*sys.argv[1:])
