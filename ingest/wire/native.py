"""Decompressing by the functions in C that the codecs' packages bring, called by compiled code.

The packages' own calls cost microseconds each, take Python's lock and give an object; a fetch of
small batches has thousands. Here a batch is decompressed to where it belongs. Only frames that end
well are taken: whatever else there is, and what to say of it, is for `Decompressor` to find out.
Where the functions are not found, it is asked for everything.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lz4.frame
import numba
import numpy as np
import zstandard
from numba.core import cgutils, types
from numba.extending import intrinsic

from ingest.compiled import Bytes, Longs, compiled, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BROKEN", "FULL", "NativeCodecs", "decompress_lz4", "decompress_zstd"]

ZSTD, ZSTD_CONTEXT, ZSTD_FRAME_SIZE, LZ4, LZ4_CONTEXT = range(5)
BROKEN, FULL = -1, -2
ZSTD_MAGIC, LZ4_MAGIC = (0x28, 0xB5, 0x2F, 0xFD), (0x04, 0x22, 0x4D, 0x18)
# https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1.1; what streams are refused beyond.
SINGLE_SEGMENT_BIT, LARGEST_WINDOW_LOG, LEAST_WINDOW_LOG = 0x20, 27, 10
ZSTD_NO_ROOM = -70
LZ4F_VERSION = 100


class NativeCodecs:
    """The functions with a context of their own, for one thread at a time.

    Attributes:
        table: int64[5], addresses, which hold as long as this object lives; those of a codec are 0
            if it is not found.
    """

    def __init__(self) -> None:
        self.table: NDArray[np.int64] = np.zeros(5, np.int64)
        self._reset: Callable[[int], object] | None = None
        zstd, lz4f = _libraries()
        if zstd is not None and (context := zstd.ZSTD_createDCtx()):
            self.table[ZSTD] = _address(zstd.ZSTD_decompressDCtx)
            self.table[ZSTD_FRAME_SIZE] = _address(zstd.ZSTD_findFrameCompressedSize)
            self.table[ZSTD_CONTEXT] = context
            _free_with(self, zstd.ZSTD_freeDCtx, context)
        place = ctypes.c_void_p()
        if lz4f is not None:
            lz4f.LZ4F_createDecompressionContext(ctypes.byref(place), LZ4F_VERSION)
        if lz4f is not None and place.value:
            self.table[LZ4] = _address(lz4f.LZ4F_decompress)
            self.table[LZ4_CONTEXT] = place.value
            self._reset = lz4f.LZ4F_resetDecompressionContext
            _free_with(self, lz4f.LZ4F_freeDecompressionContext, place.value)

    def reset(self) -> None:
        """Forget a frame that did not end."""
        if self._reset is not None:
            self._reset(int(self.table[LZ4_CONTEXT]))


@compiled
def decompress_zstd(table: Longs, source: Bytes, start: int, size: int, target: Longs) -> int:
    """Decompress a frame of zstd.

    Args:
        table: of `NativeCodecs`.
        source: uint8[m].
        start: the first byte of the frame in it.
        size: the bytes of the frame, which lie in it.
        target: int64[2], the address that the data go to and the room there.

    Returns:
        Their size, or `FULL` or `BROKEN`.
    """
    if table[ZSTD] == 0 or size < 6 or not _begins(source, start, ZSTD_MAGIC):
        return BROKEN
    window_log = (source[start + 5] >> 3) + LEAST_WINDOW_LOG
    if not source[start + 4] & SINGLE_SEGMENT_BIT and window_log > LARGEST_WINDOW_LOG:
        return BROKEN
    data = signed(source.ctypes.data) + start
    if _call(table[ZSTD_FRAME_SIZE], (data, signed(size))) != size:
        return BROKEN
    found = _call(table[ZSTD], (table[ZSTD_CONTEXT], target[0], target[1], data, signed(size)))
    if found == ZSTD_NO_ROOM:
        return FULL
    return found if 0 <= found <= target[1] else BROKEN


@compiled
def decompress_lz4(table: Longs, source: Bytes, start: int, size: int, target: Longs) -> int:
    """Decompress a frame of LZ4; as `decompress_zstd`."""
    if table[LZ4] == 0 or size < 7 or not _begins(source, start, LZ4_MAGIC):
        return BROKEN
    sizes = np.empty(2, np.int64)
    sizes[0], sizes[1] = target[1], size
    first = signed(sizes.ctypes.data)
    data = signed(source.ctypes.data) + start
    context, none = table[LZ4_CONTEXT], signed(0)
    left = _call(table[LZ4], (context, target[0], first, data, first + 8, none))
    if left == 0 and sizes[1] == size:
        return sizes[0]  # type: ignore[no-any-return]
    return FULL if left > 0 and sizes[0] == target[1] else BROKEN


@compiled
def _begins(source: Bytes, start: int, magic: tuple[int, int, int, int]) -> bool:
    first, second, third, fourth = magic
    pairs: bool = source[start] == first and source[start + 1] == second
    return pairs and bool(source[start + 2] == third and source[start + 3] == fourth)


@intrinsic  # type: ignore[untyped-decorator]
def _call(_context: Any, _address: Any, arguments: Any) -> Any:
    """Call what lies at an address with numbers, all of 64 bits; what it returns is one, too."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        given = cgutils.unpack_tuple(builder, values[1])
        word = values[0].type
        kind = cgutils.ir.FunctionType(word, [word] * len(given))
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)

    return types.int64(types.int64, arguments), generate


@functools.cache
def _libraries() -> tuple[ctypes.CDLL | None, ctypes.CDLL | None]:
    """What has zstd's and LZ4's functions; they are not asked for where nothing is compiled."""
    if numba.config.DISABLE_JIT or ctypes.sizeof(ctypes.c_size_t) != 8:
        return None, None
    zstd = _library(
        zstandard,
        ("ZSTD_createDCtx", "ZSTD_decompressDCtx", "ZSTD_findFrameCompressedSize", "ZSTD_freeDCtx"),
    )
    lz4f = _library(
        lz4.frame,
        (
            *("LZ4F_createDecompressionContext", "LZ4F_freeDecompressionContext"),
            *("LZ4F_decompress", "LZ4F_resetDecompressionContext"),
        ),
    )
    if zstd is not None:
        zstd.ZSTD_createDCtx.restype = ctypes.c_void_p
        zstd.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
    if lz4f is not None:
        lz4f.LZ4F_resetDecompressionContext.argtypes = [ctypes.c_void_p]
        lz4f.LZ4F_freeDecompressionContext.argtypes = [ctypes.c_void_p]
    return zstd, lz4f


def _library(package: Any, names: Sequence[str]) -> ctypes.CDLL | None:
    """The first extension of a package that has some functions, itself or linked to it."""
    for path in sorted(Path(package.__file__).parent.glob("*.so")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        if all(hasattr(library, name) for name in names):
            return library
    return None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _free_with(owner: object, free: Callable[[int], object], context: int) -> None:
    weakref.finalize(owner, free, context).atexit = False
