"""What exported bytes cost: size, latency, memory."""

from registry.measure.cost import Cost, measure_costs

__all__ = ["Cost", "measure_costs"]
