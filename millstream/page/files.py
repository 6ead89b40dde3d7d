"""The page itself: markup, styles, scripts; all of it from this package, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from starlette.staticfiles import StaticFiles

__all__ = ["STATIC", "page_files"]

STATIC = Path(__file__).with_name("static")


def page_files() -> StaticFiles:
    """Serves the folder of the page; what has not changed is not sent again."""
    return StaticFiles(directory=STATIC, html=True)
