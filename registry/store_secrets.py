"""What must not be in a message: the passwords and tokens that MLflow is asked with."""

from __future__ import annotations

import base64
import os
import re

__all__ = ["without_secrets"]

QUERY = re.compile(r"([?&][^=&\s]*(?:password|secret|token)[^=&\s]*=)[^&\s]+", re.IGNORECASE)
VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def password_in(uri: str) -> str:
    """What stands between the user's colon and the last @; it may have any character.

    Of a server's address without a colon there it is all of that: a token.
    """
    found = re.match(r"[^/]*//[^:/@]*:(.+)@", uri) or re.match(r"https?://([^:/@]+)@", uri)
    return found[1] if found else ""


def without_secrets(text: str, uri: str) -> str:
    """A text without the password of a tracking URI, and without those of MLflow's variables.

    Args:
        text: what is to be shown.
        uri: the tracking URI.
    """
    if password := password_in(uri):
        text = text.replace(f":{password}@", ":***@").replace(f"//{password}@", "//***@")
    text = QUERY.sub(r"\1***", text)
    for secret in secrets():
        text = text.replace(secret, "***")
    return text


def secrets() -> list[str]:
    """Those of MLflow's variables that are set, as they are and as they travel."""
    found = [value for name in VARIABLES if (value := os.environ.get(name))]
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get(VARIABLES[0])
    if user and password:
        found.append(base64.b64encode(f"{user}:{password}".encode()).decode())
    return sorted(found, key=len, reverse=True)
