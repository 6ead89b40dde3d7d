"""Recipes for ai-edge-quantizer, as the plain data that its child process is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, TypeAlias

__all__ = [
    "DYNAMIC_INT4",
    "DYNAMIC_INT8",
    "FLOAT16",
    "STATIC_INT8",
    "Recipe",
    "dynamic_int4_of",
    "dynamic_int8_of",
    "float_of",
]

Recipe: TypeAlias = tuple[dict[str, Any], ...]
"""Rules of ai-edge-quantizer: of those that match an operation, the last one wins."""

EVERY = "*"
CHANNELWISE = MappingProxyType({"granularity": "CHANNELWISE", "symmetric": True, "dtype": "INT"})


def rule(operation: str, config: dict[str, Any], scope: str = ".*") -> dict[str, Any]:
    """What becomes of an operation, or of every one (`*`), in a scope."""
    return {
        "regex": scope,
        "operation": operation,
        "algorithm_key": "min_max_uniform_quantize",
        "op_config": config,
    }


def left_alone(operation: str, scope: str = ".*") -> dict[str, Any]:
    """An operation, or every one (`*`), that stays as it is in a scope."""
    return {
        "regex": scope,
        "operation": operation,
        "algorithm_key": "no_quantize",
        "op_config": {},
    }


def dynamic(bits: int) -> dict[str, Any]:
    """Weights of so many bits, activations quantized as they come."""
    return {
        "weight_tensor_config": {"num_bits": bits, **CHANNELWISE},
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    }


DYNAMIC_INT8: Recipe = (rule(EVERY, dynamic(8)),)
"""Weights int8 per channel, activations quantized as they come."""

DYNAMIC_INT4: Recipe = (*DYNAMIC_INT8, rule("FULLY_CONNECTED", dynamic(4)))
"""As int8, but dense weights int4 per channel.

Blocks of 32 weights with a scale each would be finer, but LiteRT 2.3 fails to run them. Clipping by
OCTAV loses a little less, but gives channels of zeros a scale of zero, which LiteRT refuses.
"""

STATIC_INT8: Recipe = (
    rule(
        EVERY,
        {
            "activation_tensor_config": {
                "num_bits": 8,
                "symmetric": False,
                "granularity": "TENSORWISE",
                "dtype": "INT",
            },
            **dynamic(8),
        },
    ),
    left_alone("INPUT"),
    left_alone("OUTPUT"),
)
"""Weights and activations int8; what goes in and what comes out stay float32."""

FLOAT16: Recipe = (
    rule(
        EVERY,
        {
            "weight_tensor_config": {"num_bits": 16, **CHANNELWISE, "dtype": "FLOAT"},
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
        },
    )
    | {"algorithm_key": "float_casting"},
)
"""Weights float16, which LiteRT makes float32 when it loads them."""


def float_of(scopes: Iterable[str]) -> Recipe:
    """Rules that leave operations in float32, to be put behind a recipe's own.

    Args:
        scopes: of the operations (`Operation.scope`).
    """
    return tuple(left_alone(EVERY, f"^{re.escape(scope)}$") for scope in scopes)


def dynamic_int8_of(scopes: Iterable[str]) -> Recipe:
    """Rules that give operations int8 weights and float32 activations, whatever came before.

    Args:
        scopes: of the operations (`Operation.scope`).
    """
    scopes = tuple(scopes)
    again = tuple(rule(EVERY, dynamic(8), f"^(?:{re.escape(scope)})$") for scope in scopes)
    return float_of(scopes) + again


def dynamic_int4_of(scopes: Iterable[str]) -> Recipe:
    """Rules that give convolutions int4 weights per channel, to be put behind a recipe's own.

    Args:
        scopes: of the operations (`Operation.scope`).
    """
    return tuple(rule("CONV_2D", dynamic(4), f"^{re.escape(scope)}$") for scope in scopes)
