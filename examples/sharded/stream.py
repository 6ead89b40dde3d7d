"""Made-up likes: a few users and items come often, and each has a taste of its own."""

from __future__ import annotations

import json

import numpy as np

__all__ = ["make_likes"]


def make_likes(count: int, seed: int) -> list[bytes]:
    """Records `{"user", "item", "liked"}`; the tastes are the same under every seed."""
    taste = np.random.default_rng(0)
    users, items = taste.normal(size=20_000), taste.normal(size=2_000)
    random = np.random.default_rng(seed)
    user = np.minimum(random.zipf(1.3, count), len(users)) - 1
    item = np.minimum(random.zipf(1.3, count), len(items)) - 1
    liked = 1.5 * users[user] + 1.5 * items[item] + random.logistic(size=count) > 0
    return [
        json.dumps({"user": f"user-{u}", "item": f"item-{i}", "liked": bool(y)}).encode()
        for u, i, y in zip(user, item, liked, strict=True)
    ]
