"""Pictures of a page for the documents: `python -m tests.millstream.page.pictures URL FOLDER`."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from PIL import Image

from .browser import Browser, chromium

SETTLE_S = 2.0
WIDE, PHONE = (1280, 1180), (390, 844)
MOST_COLORS = 128


def shoot(browser: Browser, url: str, path: Path, size: tuple[int, int], scheme: str) -> None:
    """What a person sees of the page at first, with few colours, which the page has anyway."""
    browser.look(url, size[0], scheme, size[1])
    browser.until(lambda: browser.text("#rungs"), "the rungs")
    time.sleep(SETTLE_S)
    picture = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(MOST_COLORS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes, {browser.text('#title')}")


def main(url: str, folder: Path) -> None:
    """A wide screen in light and dark, and a phone in both."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for scheme in ("light", "dark"):
            shoot(browser, url, folder / f"{scheme}.png", WIDE, scheme)
            shoot(browser, url, folder / f"phone-{scheme}.png", PHONE, scheme)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
