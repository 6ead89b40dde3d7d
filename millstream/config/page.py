"""The section `[page]`: the live page of `millstream run`, `up` and `page`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millstream.config.section import Section

__all__ = ["PageConfig"]


class PageConfig(Section):
    """Where the page is served; a port that is taken leaves the next free one."""

    enabled: bool = True
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    allowed_hosts: tuple[str, ...] = ()
