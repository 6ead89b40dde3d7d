"""The operations of exported bytes, and what they take and give."""

from __future__ import annotations

from dataclasses import dataclass

from registry.flatbuffer import LOOKING_UP, MULTIPLYING, enum_names, name_of, operators, read

__all__ = ["Operation", "last_layers", "operations"]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        op: its kind, such as `FULLY_CONNECTED`.
        graph: place of its subgraph: 0 is the model, more is the condition or the body of a loop.
        inputs: places of its tensors in the subgraph; -1 for one that is left out.
        outputs: places of the tensors that it makes.
        names: the names of those.
        constants: names of the constant tensors among its inputs.
        dtype: of its first output, such as `FLOAT32`.
        last: whether it makes an output of its subgraph.
    """

    op: str
    graph: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    constants: tuple[str, ...]
    dtype: str
    last: bool

    @property
    def scope(self) -> str:
        """What recipes know it by: the names of its outputs, each with a semicolon."""
        return "".join(f"{name};" for name in self.names if name)


def operations(tflite: bytes) -> tuple[Operation, ...]:
    """Every operation, in order of execution, subgraph by subgraph."""
    model = read(tflite)
    kinds = enum_names("TensorType")
    places = {model.Subgraphs(i)._tab.Pos: i for i in range(model.SubgraphsLength())}
    found = []
    for op, graph, operator in operators(model):
        inputs = tuple(int(operator.Inputs(i)) for i in range(operator.InputsLength()))
        outputs = tuple(int(operator.Outputs(i)) for i in range(operator.OutputsLength()))
        made = [graph.Tensors(place) for place in outputs]
        given = [graph.Tensors(place) for place in inputs if place >= 0]
        ends = {int(graph.Outputs(i)) for i in range(graph.OutputsLength())}
        constant = [t for t in given if model.Buffers(t.Buffer()).DataLength()]
        found.append(
            Operation(
                op=op,
                graph=places[graph._tab.Pos],
                inputs=inputs,
                outputs=outputs,
                names=tuple(name_of(tensor) for tensor in made),
                constants=tuple(name_of(tensor) for tensor in constant),
                dtype=kinds[made[0].Type()] if made else "",
                last=bool(ends & set(outputs)),
            )
        )
    return tuple(found)


def last_layers(every: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The operations from the last layers' weights to the model's outputs.

    From each output back, as long as an operation has one input that is computed.
    """
    makers = {place: o for o in every if not o.graph for place in o.outputs}
    found = []
    for end in (o for o in every if o.last and not o.graph):
        step: Operation | None = end
        while step is not None and step.op not in LOOKING_UP:
            found.append(step)
            before = [makers[place] for place in step.inputs if place in makers]
            step = before[0] if step.op not in MULTIPLYING and len(before) == 1 else None
    return tuple(found)
