"""The trigger that the configuration describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream.config.trigger import TriggerConfig

if TYPE_CHECKING:
    import trainer

__all__ = ["make_trigger"]


def make_trigger(config: TriggerConfig) -> trainer.Trigger:
    """What is due by hand, or by any or all of what the section names."""
    import trainer

    named: list[trainer.Trigger] = []
    if config.records is not None:
        named.append(trainer.RecordsTrigger(config.records))
    if config.seconds is not None:
        named.append(trainer.SecondsTrigger(config.seconds))
    if config.drift:
        named.append(trainer.DriftTrigger())
    if config.cost is not None:
        cost = config.cost
        named.append(trainer.CostTrigger(cost.price, cost.first_records, cost.rounds))
    joined = trainer.AllTrigger if config.mode == "all" else trainer.AnyTrigger
    return trainer.AnyTrigger((trainer.HandTrigger(), joined(tuple(named))))
