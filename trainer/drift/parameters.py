"""Settings by name, as a configuration has them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from trainer.errors import SettingsError

T = TypeVar("T")


def make_settings(place: str, kind: type[T], parameters: Mapping[str, Any]) -> T:
    """Return settings of a dataclass whose fields are whole numbers and numbers.

    Args:
        place: Of the settings, for errors.
        kind: The dataclass.
        parameters: Those that are not as the dataclass has them.

    Raises:
        SettingsError: There is no such parameter, or it is out of its range or of another type.
    """
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]
    for key, value in parameters.items():
        if key not in known:
            raise _refused(place, f"some of {', '.join(known)}", repr(key))
        whole = known[key].type is int
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or (whole and not isinstance(value, int)):
            expected = "a whole number" if whole else "a number"
            raise _refused(f"{place}.{key}", expected, repr(value))
    return kind(**parameters)


def _refused(place: str, expected: str, got: str) -> SettingsError:
    return SettingsError(place, expected=expected, got=got, mend="change it")
