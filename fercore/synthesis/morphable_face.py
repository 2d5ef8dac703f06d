"""What every face model is to the synthesiser: a surface, people, expressions, a licence.

A model's reader brings all of them into one form, so that painting, scanning, landmarks
and writing know no model by name: millimetres, the same names of materials and regions,
the 68 landmarks, and the unfolded face upright in the middle of its texture tile.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fercore.errors import FaceModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np

    from fercore.structures import FloatArray, Int32Array, UInt8Array
    from fercore.synthesis.action_units import Activation
    from fercore.synthesis.person import Person
    from fercore.synthesis.photographed_skin import SkinPhotos

ORIGIN_LANDMARKS = slice(27, 48)
"""Nose bridge and both eyes among the 68 landmarks: the middle of what BU-3DFE shows."""


ICT_NOTICE = """\
The faces in this folder are synthetic. No person was recorded. They were computed with the
morphable face model of ICT-FaceKit, whose licence is:

MIT License

Copyright (c) 2020 USC Institute for Creative Technologies

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

MAKEHUMAN_NOTICE = """\
The faces in this folder are synthetic. No person was recorded. They were computed with the
head of MakeHuman (https://github.com/makehumancommunity/makehuman): base mesh, targets, face
units and skin textures, which the MakeHuman team released under CC0 1.0 Universal
(https://creativecommons.org/publicdomain/zero/1.0/): to the extent possible under law, they
have waived all copyright and related or neighbouring rights to these assets.
"""

SKINS_NOTICE = """\
Some of the skins are textures of MakeHuman (https://github.com/makehumancommunity/makehuman),
released under CC0 1.0 Universal (https://creativecommons.org/publicdomain/zero/1.0/).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceModel(ABC):
    """A morphable face in millimetres: x to the image's right, y up, z to the viewer.

    The subject's left is +x. The origin lies between eyes and nose.
    """

    name: ClassVar[str]  # such as ICT-FaceKit
    notice: ClassVar[str]  # the licence that everything made from the model carries
    brings_skins: ClassVar[bool]  # the notice covers photographed skins too
    codes: ClassVar[str]  # what the letters in file names mean, one sentence
    probes: ClassVar[tuple[dict[str, float], ...]]  # expressions that show eyes and mouth inside
    ears_mm: ClassVar[float]  # distance from the middle at which ears begin: no hair there

    neutral_mm: FloatArray  # (V, 3)
    expression_mm: dict[str, FloatArray]  # name -> (V, 3), displacement at weight 1
    triangles: Int32Array  # (T, 3), indices into neutral_mm
    triangle_material: UInt8Array  # (T,), indices into material_names
    material_names: tuple[str, ...]  # such as M_Face, M_Teeth, M_IrisLeft
    uv: FloatArray  # (U, 2), v runs upward; one unit square per material (UDIM tiles)
    uv_triangles: Int32Array  # (T, 3), indices into uv
    regions: dict[str, tuple[int, int]]  # name -> first vertex, one past the last
    landmarks68: Int32Array  # (68,), vertex of each landmark, in the iBUG order
    photos: SkinPhotos | None = field(default=None)  # photographed skins that fit the model

    @abstractmethod
    def sample_person(self, number: int, rng: np.random.Generator) -> Person:
        """Draw the face of subject `number`, from 1."""

    @abstractmethod
    def shape_weights(self, activations: Mapping[int, Activation]) -> dict[str, float]:
        """Turn action units into weights of the shapes in `expression_mm`."""

    @abstractmethod
    def _shapes(self) -> Iterator[tuple[str, FloatArray]]:
        """Yield everything but the neutral face that decides how people look."""

    def region(self, name: str) -> slice:
        """Return the vertices of a part such as `face` or `teeth` as a slice."""
        return slice(*self.regions[name])

    def terms(self) -> str:
        """Return the notices that everything made from the model and its skins carries."""
        if self.photos is None or self.brings_skins:
            return self.notice
        return f"{self.notice}\n{SKINS_NOTICE}"

    def fingerprint(self) -> str:
        """Return a sha256 over all shapes and skins: equal only for the same model."""
        digest = hashlib.sha256(self.neutral_mm.tobytes())
        for name, shape in self._shapes():
            digest.update(name.encode())
            digest.update(shape.tobytes())
        if self.photos is not None:
            digest.update(self.photos.fingerprint().encode())
        return digest.hexdigest()


def require_range(source: Path, what: str, indices: Int32Array, count: int) -> None:
    """Refuse indices that are not in 0..count - 1.

    Raises:
        FaceModelError: one of them is not, or there are none.
    """
    if not indices.size or indices.min() < 0 or indices.max() >= count:
        raise FaceModelError(f"{source} is damaged: its {what} are out of range 0..{count - 1}")
