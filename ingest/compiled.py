"""What compiled code is made with: the compiler's options, and arrays as bare pointers.

Numba counts references to each array that a function gets, with an atomic addition and subtraction
for each call, and does not inline such a function gladly. A pointer costs nothing. A function that
only indexes its arguments takes an array and a pointer alike, so it can be tested with arrays and
`NUMBA_BOUNDSCHECK=1`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numba
import numpy as np
from numba.extending import intrinsic

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bytes", "Longs", "compiled", "entry", "fingerprint", "pointer_to", "signed"]

Bytes: TypeAlias = "NDArray[np.uint8]"
"""uint8, as an array or a pointer."""

Longs: TypeAlias = "NDArray[np.int64]"
"""int64, as an array or a pointer."""

Function = TypeVar("Function", bound=Callable[..., Any])

signed: Any = np.int64
"""A number as int64, where numba would make it unsigned."""


def compiled(function: Function) -> Function:
    """A function that only compiled functions call; a division by 0 does not raise in it."""
    options = {"nogil": True, "error_model": "numpy"}
    made: Function = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
    return made


def entry(sources: int) -> Callable[[Function], Function]:
    """A function that Python calls, compiled at its first call and kept on disk.

    What is on disk numba compiles again when the file of the function has changed, or a variable
    that the function encloses, but not when a file of what the function calls has. So the function
    is made to enclose a number of all those files.

    Args:
        sources: see `fingerprint`.
    """

    def make(function: Function) -> Function:
        code = function.__code__.replace(co_freevars=("sources",))
        closure = (CellType(sources),)
        enclosing = FunctionType(code, function.__globals__, function.__name__, None, closure)
        made: Function = numba.njit(cache=True, nogil=True)(update_wrapper(enclosing, function))
        return made

    return make


def fingerprint(file: str, *patterns: str) -> int:
    """A number of what is in some files, for an entry whose compiled code comes from them.

    For code of other folders too:

        @entry(fingerprint(__file__, "layout.py"))
        def decode(buffer, plan, columns): ...

    An entry that calls compiled functions of its own file only does without, by `numba.njit`.

    Args:
        file: the caller's `__file__`.
        patterns: of the other files, from the caller's folder. This file is always one.
    """
    folder = Path(file).parent
    files = [Path(__file__), *sorted(path for name in patterns for path in folder.glob(name))]
    return zlib.crc32(b"".join(path.read_bytes() for path in files))


@intrinsic  # type: ignore[untyped-decorator]
def pointer_to(_context: Any, array: Any) -> Any:
    """The first element of a contiguous array, as a pointer; the array must outlive it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return numba.types.CPointer(array.dtype)(array), generate
