"""The sections `[sample]` and `[history]`: which records are trained on, and which again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millstream.config.section import Count, Section

__all__ = ["HistoryConfig", "ImportanceSpec", "PolicySpec", "SampleConfig"]

Positive = Annotated[float, Field(gt=0.0)]
# Which kinds each key is for.
OWNERS = {
    "weight": ("weighted",),
    "half_life_s": ("recent",),
    "half_life_records": ("recent",),
    "time": ("recent",),
    "by": ("balanced", "stratified"),
    "cap": ("balanced",),
    "shares": ("balanced",),
    "least": ("stratified",),
}
NEEDED = {"weighted": ("weight",), "stratified": ("by", "least")}


class PolicySpec(Section):
    """Which rows a sample prefers: `policy = "uniform"` for short, or a table."""

    kind: Literal["uniform", "weighted", "recent", "balanced", "stratified"]
    weight: str | None = None
    half_life_s: Positive | None = None
    half_life_records: Positive | None = None
    time: str | None = None
    by: str | None = None
    cap: Count | None = None
    shares: dict[str, Positive] = Field(default_factory=dict)
    least: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _keys_fit(self) -> PolicySpec:
        for key, kinds in OWNERS.items():
            if getattr(self, key) and self.kind not in kinds:
                owners = " and ".join(f'"{kind}"' for kind in kinds)
                raise ValueError(f'"{key}" is for kind = {owners}, and this is "{self.kind}"')
        for key in NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f'kind = "{self.kind}" needs "{key}"')
        if self.kind == "recent":
            self._check_half_life()
        return self

    def _check_half_life(self) -> None:
        if (self.half_life_s is None) == (self.half_life_records is None):
            raise ValueError('kind = "recent" needs either "half_life_s" or "half_life_records"')
        if self.time is not None and self.half_life_s is None:
            raise ValueError('"time" goes with "half_life_s"')


class ImportanceSpec(Section):
    """Rows by what the model has to learn from them: `importance = "loss"` for short."""

    score: Literal["loss", "gradient_norm"]
    pre_sample: Annotated[float, Field(ge=1.0)] = 4.0
    uniform_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"score": value} if isinstance(value, str) else value


class SampleConfig(Section):
    """How a round's records become rows for training and for measuring."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    window: Count = 20_000
    holdout: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    holdout_rows: Count = 4_000
    policy: PolicySpec = PolicySpec(kind="uniform")
    importance: ImportanceSpec | None = None
    weights: Literal["none", "stream"] = "none"

    @model_validator(mode="after")
    def _keys_fit(self) -> SampleConfig:
        if self.importance and "weights" in self.model_fields_set and self.weights == "none":
            raise ValueError(
                'what is drawn by importance needs weights = "stream", which is then the default;'
                ' remove weights = "none"'
            )
        return self

    @property
    def weighs(self) -> bool:
        """Whether a row weighs in training what it stands for in the stream."""
        return self.weights == "stream" or self.importance is not None


class HistoryConfig(Section):
    """The long-lived sample of what came before the round, and how much of it is learned again."""

    rows: Annotated[int, Field(ge=0)] = 0
    bytes: Count | None = None
    policy: PolicySpec = PolicySpec(kind="uniform")
    holdout_rows: Count = 4_000
    ratio: Annotated[float, Field(ge=0.0)] = 0.5
    most_ratio: Annotated[float, Field(ge=0.0)] | None = None

    @model_validator(mode="after")
    def _bounds_fit(self) -> HistoryConfig:
        if self.most_ratio is not None and self.most_ratio < self.ratio:
            raise ValueError(
                f"expected most_ratio of at least ratio, which is {self.ratio:g}; got"
                f" {self.most_ratio:g}"
            )
        return self
