"""Files that anyone may have written: whatever is wrong is one sentence, never a traceback."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fercore.caches.reading import read_manifest
from fercore.caches.records import FORMAT_VERSION
from fercore.errors import CheckpointError, DatasetError, FercoreError, cure
from fercore.networks.backbones import backbone_of
from fercore.networks.checkpoints import load_card, load_checkpoint, save_checkpoint, write_card
from fercore.networks.paper import build
from fercore.networks.preprocessing import Preprocessing
from fercore.runtime.parsing import loaded_archive, loaded_array, parsed_json, parsed_toml
from fercore.training.config import ConfigError, read_config, shipped_config

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"a":' * 100_000, b"\xff", b"", b"1" * 10_000])
def test_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parsed_json(data)


@pytest.mark.parametrize(
    "data", [b"a = " + b"[" * 50_000, b"\xff", b"a = ", b"a = " + b"{a=" * 20_000]
)
def test_no_toml_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parsed_toml(data)


def npy(header: bytes, rest: bytes = bytes(64)) -> bytes:
    return MAGIC + len(header).to_bytes(2, "little") + header + rest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        MAGIC,
        npy(b"(" * 9000 + b"\n"),
        npy(b"[" * 60_000 + b"\n"),
        npy(b"'\n"),
        npy(b"\\\n"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}\n"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000,)}\n"),
        npy(b"{'descr': 'O', 'fortran_order': False, 'shape': (2,)}\n"),
    ],
)
def test_no_array_is_a_value_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    with pytest.raises(ValueError):
        loaded_array(path)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(ValueError):
        loaded_archive(tmp_path / "x.npz", ["a"])


def test_encrypted_and_oddly_packed_members_are_value_errors(tmp_path: Path) -> None:
    packed = io.BytesIO()
    np.savez(packed, a=np.arange(9))
    whole = packed.getvalue()
    path = tmp_path / "x.npz"
    central, local = whole.index(b"PK\x01\x02"), whole.index(b"PK\x03\x04")
    for offset, value in ((6, 1), (8, 99)):  # flags: encrypted; method: unknown
        changed = bytearray(whole)
        changed[local + offset] = changed[central + offset + 2] = value
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="it is damaged"):
            loaded_archive(path, ["a"])


def test_messages_are_one_line_without_control_characters() -> None:
    error = FercoreError("a\x1b[2Jb\nc\td\x00 \u202e\ud800 é“ü”")
    assert str(error) == r"a\x1b[2Jb c d\x00 \u202e\ud800 é“ü”"
    str(error).encode()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOENT, "its folder is gone"),
        (errno.EACCES, "make that folder writable"),
        (errno.ENOSPC, "free some space"),
        (errno.EIO, "check the disk"),
    ],
)
def test_the_cure_is_that_of_the_fault(number: int, says: str) -> None:
    assert says in cure(OSError(number, "x"))


def test_a_removed_folder_is_not_called_full(tmp_path: Path) -> None:
    from fercore.training.loop import save_state

    with pytest.raises(FercoreError, match="its folder is gone"):
        save_state(tmp_path / "gone" / "state.pt", {})


@pytest.mark.parametrize(
    "state", [{0: torch.zeros(1)}, {"a": "b"}, [torch.zeros(1)], torch.zeros(2), {"state_dict": {}}]
)
def test_weights_that_are_no_state_dict_are_said(state: object, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="no state dict of named tensors"):
        backbone_of(path)


def test_nobody_is_advised_to_unpickle(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": object()}, path)
    with pytest.raises(CheckpointError) as caught:
        backbone_of(path)
    assert "weights_only" not in str(caught.value) and "\n" not in str(caught.value)


MANIFEST: dict[str, Any] = {
    "format_version": FORMAT_VERSION,
    "source": "tree",
    "scans_sha256": "0",
    "rows": 6,
    "views": 1,
    "seed": 3,
    "preprocessing": {"rgb_size": 8, "depth_size": 6, "box_scale": 1, "depth_window_m": 0.04},
    "versions": {"python": "3"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": "6"},
        {"rows": -1},
        {"rows": True},
        {"views": 1.5},
        {"preprocessing": {**MANIFEST["preprocessing"], "rgb_size": "8"}},
        {"preprocessing": {**MANIFEST["preprocessing"], "rgb_size": 10**9}},
        {"preprocessing": {**MANIFEST["preprocessing"], "box_scale": float("nan")}},
        {"preprocessing": []},
        {"versions": {"python": 3}},
    ],
)
def test_a_manifest_of_other_types_is_damaged(change: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cache.json").write_text(json.dumps(MANIFEST))
    assert read_manifest(tmp_path).rows == 6
    (tmp_path / "cache.json").write_text(json.dumps({**MANIFEST, **change}))
    with pytest.raises(DatasetError, match=r"cache\.json cannot be used"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": {"rgb_size": "48"}},
        {"preprocessing": {"rgb_size": 0}},
        {"preprocessing": [1]},
        {"seed": "3"},
        {"measures": [1]},
        {"measures": 5},
        {"versions": {"torch": 2}},
        {"temperatures": {"depth": "hot"}},
        {"pipeline": ["depth"]},
    ],
)
def test_a_card_of_other_types_is_no_card(change: dict[str, Any], tmp_path: Path) -> None:
    from test_checkpoints import CARD

    path = tmp_path / "x.safetensors"
    write_card(path, CARD)
    load_card(path)
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **change}))
    with pytest.raises(CheckpointError, match="no readable model card"):
        load_card(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_weights_that_give_no_numbers_are_refused(value: float, tmp_path: Path) -> None:
    from test_checkpoints import CARD

    torch.manual_seed(0)
    network = build("depth", "v1.5")
    path = tmp_path / "x.safetensors"
    card = save_checkpoint(path, network, replace(CARD, preprocessing=Preprocessing()))
    load_checkpoint(path)
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[first].view(-1)[0] = value
    save_file(tensors, path)
    write_card(path, replace(card, sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.raises(CheckpointError, match="weights that make no sense"):
        load_checkpoint(path)


def test_who_is_to_blame_for_a_setting(tmp_path: Path) -> None:
    recipe = shipped_config("depth")
    with pytest.raises(ConfigError) as caught:
        read_config(recipe, epochs=0)
    assert ".toml" not in str(caught.value) and "epochs" in str(caught.value)
    own = tmp_path / "own.toml"
    own.write_text("pipeline = 'depth'\nbatch_size = 0\n")
    with pytest.raises(ConfigError, match=r"own\.toml"):
        read_config(own)
