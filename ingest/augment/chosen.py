"""Which features an augmentation changes: those that it names, or all that are fit for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ingest.augment.augmentation import Context
from ingest.errors import AugmentError
from ingest.field import Field

__all__ = ["chosen_feature", "chosen_features"]


def chosen_feature(place: str, context: Context, name: str, dtypes: Collection[str]) -> Field:
    """The feature of a name, which must have one of some dtypes.

    Args:
        place: such as `augment.jitter`.
        context: of the round.
        name: of the feature.
        dtypes: of the schema, that are fit.

    Raises:
        AugmentError: there is no such feature, or it has another dtype.
    """
    fields = {f.name: f for f in context.schema.features if f.name in context.features}
    fit = [field.name for field in fields.values() if field.dtype in dtypes]
    mend = f"; name one of: {', '.join(fit)}" if fit else "; the schema has none that is fit"
    if name not in fields:
        raise AugmentError(f'{place}: there is no feature "{name}"{mend}')
    if fields[name].dtype not in dtypes:
        raise AugmentError(
            f'{place}: feature "{name}": expected {" or ".join(dtypes)}, got'
            f" {fields[name].dtype}{mend}"
        )
    return fields[name]


def chosen_features(
    place: str, context: Context, names: Sequence[str], dtypes: Collection[str]
) -> tuple[Field, ...]:
    """The features of some names, or without names all that have one of some dtypes.

    Raises:
        AugmentError: as `chosen_feature`, or no feature has such a dtype.
    """
    if names:
        return tuple(chosen_feature(place, context, name, dtypes) for name in names)
    fields = [field for field in context.schema.features if field.name in context.features]
    found = tuple(field for field in fields if field.dtype in dtypes)
    if not found:
        raise AugmentError(
            f"{place}: expected a feature of {' or '.join(dtypes)}, and the schema has none;"
            " leave this step out"
        )
    return found
