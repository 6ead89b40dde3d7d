"""Pictures of a page for the documents: `python -m tests.millstream.page.pictures URL FOLDER`."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from PIL import Image

from .browser import Browser, chromium

SETTLE_S = 2.0
WIDE, PHONE = (1280, 1440), (390, 844)


def shoot(browser: Browser, url: str, path: Path, size: tuple[int, int], top: str = "") -> None:
    """What a person sees of the page at first, or with that element at the top."""
    scheme = "dark" if "dark" in path.stem else "light"
    browser.look(url, size[0], scheme, size[1])
    browser.until(lambda: browser.text("#rungs"), "the rungs")
    if top:
        script = (
            "scrollBy(0, document.querySelector(arguments[0]).getBoundingClientRect().top - 70)"
        )
        browser.run(script, top)
    time.sleep(SETTLE_S)
    picture = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes, {browser.text('#title')}")


def main(url: str, folder: Path) -> None:
    """A wide screen in light and dark, a phone in both, and what is further down."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for scheme in ("light", "dark"):
            shoot(browser, url, folder / f"{scheme}.png", WIDE)
            shoot(browser, url, folder / f"phone-{scheme}.png", PHONE)
        shoot(browser, url, folder / "versions.png", WIDE, "#versions-title")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
