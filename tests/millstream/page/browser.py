"""Debian's Chromium, driven by its own driver."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

WAIT_S = 150.0
TAB = "\ue004"
SIDEWAYS = "return document.documentElement.scrollWidth"


class Browser:
    """A window, and what a person does in it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def look(self, url: str, width: int = 1280, scheme: str = "light", height: int = 900) -> None:
        """Open an address on a screen of that width."""
        self.resize(width, height)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        self.driver.get(url)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str = "main") -> str:
        """What can be read there."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = WAIT_S) -> Any:
        """Wait for something, and tell what was there if it does not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.1)
        head, said = self.text("header"), self.text("#told")
        raise AssertionError(f"waited for {what}; the head says {head!r}, the dialog {said!r}")

    def faults(self) -> list[str]:
        """What the console has said since it was asked last, but for lost connections."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [message for message in said if "net::ERR_" not in message]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A window without a screen; the test is skipped where there is no Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver_program is None:
        pytest.skip("there is no Chromium: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    quiet = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    for argument in [*quiet, "--no-sandbox"]:  # root and containers have none; the pages are ours
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_program))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
