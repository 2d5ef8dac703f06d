"""OpenVINO on the CPU: two to three times as fast there as torch; compiled models are kept.

A compiled model is good for one checkpoint, one version of OpenVINO, one kind of CPU and one
version of this project's conversion. It ends in a checksum, since OpenVINO trusts what it loads.

Everything is computed in float32. CPUs that know bfloat16 would take it by default; it
moves probabilities by a hundredth.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fercore.inference.engines.base import DEPTH_NET, FUSION, RGB_NET
from fercore.inference.engines.conversion import (
    DEPTH,
    HAS_DEPTH,
    OUTPUT_SUFFIX,
    RGB,
    import_openvino,
    openvino_model,
)
from fercore.networks.paper import DEPTH_SIZE, Logits
from fercore.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from fercore.networks.checkpoints import ModelCard
    from fercore.networks.paper import Pipeline

KEPT = 4
"""Models kept: each takes as much disk as the network's float32 weights, about 100 MB."""

_CONVERSION = "3"  # counted up whenever `fercore.inference.engines.conversion` gives another model
_DIGEST_BYTES = hashlib.sha256().digest_size
_SUFFIX = ".compiled"

logger = logging.getLogger(__name__)


def compiled_path(pipeline: str, *traits: str) -> Path:
    """Return where the compiled model with these traits (checksum, version, CPU) lies."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("fercore", appauthor=False)) / "compiled"
    key = hashlib.sha256("\n".join((_CONVERSION, *traits)).encode()).hexdigest()[:16]
    return folder / f"{pipeline}-{key}{_SUFFIX}"


def read_compiled(path: Path) -> bytes | None:
    """Return a compiled model, None if there is none or it is damaged."""
    try:
        content = path.read_bytes()
        path.touch()
    except OSError:
        return None
    blob, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(blob).digest() != digest:
        logger.warning("%s is damaged and will be made anew.", path)
        return None
    return blob


def keep_compiled(path: Path, blob: bytes) -> None:
    """Store a compiled model; where that fails, the next start takes seconds again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(blob + hashlib.sha256(blob).digest())
    except OSError as error:
        logger.warning("%s cannot be kept (%s); the next start converts again.", path, error)
    for old in _oldest(path.parent):
        with contextlib.suppress(OSError):
            old.unlink()


def _oldest(folder: Path) -> Iterator[Path]:
    found = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
    yield from found[:-KEPT]


class OpenVINOEngine:
    """Runs a compiled model, one face after another; `measured` needs one compiled with it."""

    def __init__(self, compiled: Any, *, measured: bool = False) -> None:
        self._request: Any | None = compiled.create_infer_request()
        self._inputs = {name for port in compiled.inputs for name in port.get_names()}
        outputs = [port.get_any_name() for port in compiled.outputs]
        self._heads = [name.removesuffix(OUTPUT_SUFFIX) for name in outputs]
        self._threads = compiled.get_property("INFERENCE_NUM_THREADS")
        self._parts = _parts_of_nodes(compiled, self._heads) if measured else {}

    @property
    def description(self) -> str:
        """What runs where."""
        return f"OpenVINO {_version()}, {self._threads} CPU threads"

    @property
    def last_pass_s(self) -> Mapping[str, float]:
        """Seconds of the last pass by part; empty unless it measures."""
        if not self._parts or self._request is None:
            return {}
        seconds = dict.fromkeys(self._parts.values(), 0.0)
        for node in self._request.get_profiling_info():
            if node.node_name in self._parts:
                seconds[self._parts[node.node_name]] += node.real_time.total_seconds()
        return seconds

    def logits(self, rgb: torch.Tensor, depth: torch.Tensor | None) -> Logits:
        """Return the scores of the pipeline's heads, see `Engine`."""
        if depth is None and "rgb" not in self._heads:
            return Logits(None, None, None)
        faces = [
            self._scores(rgb[i : i + 1], None if depth is None else depth[i : i + 1])
            for i in range(len(rgb))
        ]
        found = {
            head: torch.from_numpy(np.concatenate([f[head] for f in faces])) for head in faces[0]
        }
        return Logits(found.get("fusion"), found.get("rgb"), found.get("depth"))

    def close(self) -> None:
        """Give the network's memory back; safe to call twice."""
        self._request = None

    def _scores(
        self, rgb: torch.Tensor, depth: torch.Tensor | None
    ) -> dict[str, NDArray[np.float32]]:
        if self._request is None:
            raise ValueError("the engine has been closed")
        given = _NO_DEPTH if depth is None else depth.numpy()
        feed = {RGB: rgb.numpy(), DEPTH: given, HAS_DEPTH: np.array(depth is not None)}
        answer = self._request.infer({name: feed[name] for name in self._inputs})
        heads = self._heads if depth is not None else ["rgb"]
        return {head: answer[head + OUTPUT_SUFFIX] for head in heads}


_NO_DEPTH = np.zeros((1, 1, DEPTH_SIZE, DEPTH_SIZE), np.float32)


def load_openvino(
    card: ModelCard,
    load_network: Callable[[], Pipeline],
    *,
    threads: int | None = None,
    measured: bool = False,
) -> OpenVINOEngine:
    """Return the engine of a checkpoint; the network is loaded only where it must be converted.

    Raises:
        ImportError: OpenVINO is not installed.
        CheckpointError: from `load_network`.
    """
    core = import_openvino().Core()
    settings = _settings(threads, measured)
    path = compiled_path(card.pipeline, card.sha256, _version(), _cpu(core))
    blob = read_compiled(path)
    compiled = None if blob is None else _loaded(core, blob, settings)
    if compiled is None:
        compiled = _compiled_anew(core, card, load_network(), settings)
        keep_compiled(path, compiled.export_model().getvalue())
        logger.info("%s is converted and kept as %s.", card.pipeline, path)
    return OpenVINOEngine(compiled, measured=measured)


def _compiled_anew(core: Any, card: ModelCard, network: Pipeline, settings: dict[str, Any]) -> Any:
    logger.info(
        "First start of these weights on this machine: %s is converted for OpenVINO, which "
        "takes some seconds once.",
        card.pipeline,
    )
    return compile_network(network, card.preprocessing.rgb_size, settings, core)


def compile_network(
    network: Pipeline, rgb_size: int, settings: dict[str, Any] | None = None, core: Any = None
) -> Any:
    """Return a network as a compiled model, without keeping it."""
    core = core or import_openvino().Core()
    return core.compile_model(openvino_model(network, rgb_size), "CPU", settings or _settings())


def _loaded(core: Any, blob: bytes, settings: dict[str, Any]) -> Any | None:
    try:
        return core.import_model(blob, "CPU", settings)
    except RuntimeError as error:
        logger.warning("The kept model cannot be used (%s) and is made anew.", error)
        return None


def _settings(threads: int | None = None, measured: bool = False) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads or os.cpu_count() or 1,
        # The window draws and the camera is read on the same cores: nobody owns one.
        "ENABLE_CPU_PINNING": False,
        "PERF_COUNT": measured,
    }


def _version() -> str:
    return str(import_openvino().__version__).split("-")[0]


def _cpu(core: Any) -> str:
    abilities = ",".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} {abilities}"


def _parts_of_nodes(compiled: Any, heads: list[str]) -> dict[str, str]:
    """Return which part of the network each node of a compiled model belongs to.

    The depth network is the one `If`; what depends on it is fusion, the rest looks at colour.
    A network of one modality is one part.
    """
    operations = compiled.get_runtime_model().get_ordered_ops()
    if "fusion" not in heads:
        only = RGB_NET if heads == ["rgb"] else DEPTH_NET
        return {operation.get_friendly_name(): only for operation in operations}
    parts: dict[str, str] = {}
    for operation in operations:
        sources = (value.get_source_output().get_node() for value in operation.inputs())
        behind = {parts[source.get_friendly_name()] for source in sources}
        name = operation.get_friendly_name()
        if operation.get_rt_info()["layerType"].value == "If":
            parts[name] = DEPTH_NET
        else:
            parts[name] = FUSION if behind & {DEPTH_NET, FUSION} else RGB_NET
    return parts
