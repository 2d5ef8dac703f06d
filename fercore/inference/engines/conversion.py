"""From a torch network to an OpenVINO model, straight, without ONNX.

Both branches of a fusion network become one model. Its depth network stands inside an
`If`: frames without depth are judged by colour in the same model, at colour's price.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from tqdm import tqdm

from fercore.inference.engines.base import DEPTH_FEATURES, head_names, split_depth
from fercore.networks.paper import DEPTH_SIZE, Absent

if TYPE_CHECKING:
    from types import ModuleType

    from fercore.networks.paper import Pipeline

RGB, DEPTH, HAS_DEPTH, NO_DEPTH = "rgb", "depth", "has_depth", "no_depth"
OUTPUT_SUFFIX = "_logits"


def import_openvino() -> Any:
    """Return the package, imported so that it calls nobody.

    Its telemetry looks an analytics host up as soon as it is imported; without it,
    openvino works as well.
    """
    modules: dict[str, ModuleType | None] = cast("Any", sys.modules)
    modules["openvino_telemetry"] = None  # importing it fails from now on
    import openvino

    return openvino


def openvino_model(network: Pipeline, rgb_size: int) -> Any:
    """Return a network as `openvino.Model` for one face at a time.

    Inputs: `rgb` (1, 3, S, S), `depth` (1, 1, 64, 64) and, for fusion, `has_depth` ();
    outputs (1, 6), of a network that knows calm (1, 7), named as the heads of `Logits` with
    `OUTPUT_SUFFIX`, since a name may stand only once. Unused inputs may be missing.
    """
    rest, depth_net = split_depth(network.eval())
    rgb = torch.zeros(1, 3, rgb_size, rgb_size)
    depth = torch.zeros(1, 1, DEPTH_SIZE, DEPTH_SIZE)
    if depth_net is None:
        model = _converted(_Heads(rest), rgb=rgb, depth=depth)
    else:
        features, has_none = torch.zeros(1, *DEPTH_FEATURES), torch.zeros(1, dtype=torch.bool)
        model = _converted(_FusedHeads(rest), rgb=rgb, depth=features, no_depth=has_none)
        _insert_depth_net(model, _converted(depth_net, input=depth))
    for name, output in zip(head_names(network), model.outputs, strict=True):
        output.get_tensor().set_names({name + OUTPUT_SUFFIX})
    return model


class _Heads(torch.nn.Module):
    """Gives a pipeline's scores without the heads that it does not have."""

    def __init__(self, network: Pipeline) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: torch.Tensor, depth: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(scores for scores in self.network(rgb, depth) if scores is not None)


class _FusedHeads(torch.nn.Module):
    """Gives a fusion's three scores; (N,) bool tells it which faces lack depth."""

    def __init__(self, network: Pipeline) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, rgb: torch.Tensor, depth: torch.Tensor, no_depth: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(rgb, depth, Absent(torch.zeros_like(no_depth), no_depth)))


def _converted(network: torch.nn.Module, **inputs: torch.Tensor) -> Any:
    """Return a module as a model that takes inputs of exactly these shapes."""
    openvino = import_openvino()
    tqdm.monitor_interval = 0  # the export's progress bars would leave a thread behind
    with torch.inference_mode():
        program = torch.export.export(network, tuple(inputs.values()))
    model = openvino.convert_model(program)
    # An input that the network does not look at has gone by now.
    model.reshape({port: list(inputs[port.get_any_name()].shape) for port in model.inputs})
    return model


def _insert_depth_net(model: Any, depth_net: Any) -> None:
    """Let `depth_net` make what `model` expects as `depth`, and tell it where there is none."""
    openvino = import_openvino()
    ops = openvino.opset13
    has_depth = ops.parameter([], np.bool_, name=HAS_DEPTH)
    has_depth.output(0).set_names({HAS_DEPTH})
    shape = [1, 1, DEPTH_SIZE, DEPTH_SIZE]
    depth = ops.parameter(shape, np.float32, name=DEPTH)
    unused = ops.parameter(shape, np.float32)
    zeros = ops.result(ops.constant(np.zeros((1, *DEPTH_FEATURES), np.float32)))
    choice = ops.if_op(has_depth)
    choice.set_then_body(depth_net)
    choice.set_else_body(openvino.Model([zeros], [unused], "without_depth"))
    choice.set_input(depth.output(0), depth_net.get_parameters()[0], unused)
    features = choice.set_output(depth_net.get_results()[0], zeros)
    _feed(model, DEPTH, features)
    _feed(model, NO_DEPTH, ops.reshape(ops.logical_not(has_depth), [1], False).output(0))
    depth.output(0).set_names({DEPTH})
    model.add_parameters([has_depth, depth])
    model.validate_nodes_and_infer_types()


def _feed(model: Any, name: str, source: Any) -> None:
    """Give a node's output to all who read an input of the model, and drop the input."""
    expected = next(p for p in model.get_parameters() if name in p.output(0).get_names())
    for reader in expected.output(0).get_target_inputs():
        reader.replace_source_output(source)
    model.remove_parameter(expected)
