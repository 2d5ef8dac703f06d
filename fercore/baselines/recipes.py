"""How a baseline is fitted: read from TOML files, one for each row of the paper's Table 2.

The files lie in `configs/` beside this module. Each opens with its row and the published
accuracy, and marks what is stated, what is recalled and what is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fercore.errors import FercoreError
from fercore.runtime.parsing import checked, parsed_toml

BASELINES = (
    *("segments-svm", "primitive-lda", "sfam-bbn", "descriptors-svm", "scattering-svm"),
    *("maps-vgg19-svm", "landmark-lda", "maps-vit-svm"),
)
"""Slugs of the baselines with features of their own, those of Table 2 first."""

BY_SCORES, BY_FEATURES = FUSIONS = ("scores", "features")
"""Ways to join several sets of features: one classifier each, or all before one."""

RBF, LINEAR = KERNELS = ("rbf", "linear")

BND, MEDIAPIPE = SOURCES = ("bnd", "mediapipe")
"""The data set's own points, or points found in the rendered face."""

MOST_NOISE_MM = 20.0


@dataclass(frozen=True, slots=True)
class Landmarking:
    """Where the points of a run come from; never two sources in one run.

    Raises:
        FercoreError: there is no such source, or noise that makes no sense.
    """

    source: str = BND  # one of `SOURCES`
    noise_mm: float = 0.0  # standard deviation along each axis, added to every point

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise FercoreError(
                f"--landmarks is {self.source!r}; choose one of: {', '.join(SOURCES)}."
            )
        if not 0 <= self.noise_mm <= MOST_NOISE_MM:
            raise FercoreError(f"--landmark-noise must be 0 to {MOST_NOISE_MM:g} mm.")

    @property
    def folder(self) -> str:
        """Name of the folder beside a cache's arrays, such as geometry-bnd-1.5mm."""
        return f"geometry-{self.source}" + (f"-{self.noise_mm:g}mm" if self.noise_mm else "")

    @property
    def options(self) -> str:
        """The options that ask for it."""
        noise = f" --landmark-noise {self.noise_mm:g}" if self.noise_mm else ""
        return f"--landmarks {self.source}{noise}"

    @property
    def words(self) -> str:
        """For captions."""
        words = {BND: "landmarks of the .bnd files", MEDIAPIPE: "landmarks found by mediapipe"}
        noise = f" with {self.noise_mm:g} mm of noise" if self.noise_mm else ""
        return words[self.source] + noise


@dataclass(frozen=True, slots=True)
class BaselineRecipe:
    """How to fit a baseline; each takes what concerns it.

    Raises:
        FercoreError: a setting makes no sense.
    """

    pipeline: str  # one of `BASELINES`
    kernel: str = RBF  # of SVMs, one of `KERNELS`
    c: tuple[float, ...] = (10.0, 1.0, 100.0)  # of SVMs: candidates; the first without validation
    gamma: tuple[float, ...] = ()  # of RBF kernels: candidates; none: 1 / (features * variance)
    shrinkage: bool = False  # of a discriminant's covariance (Ledoit and Wolf)
    components: int = 0  # of a PCA before the classifier; 0: no PCA
    fusion: tuple[str, ...] = ()  # candidates among `FUSIONS`; none: there is one set of features
    backbone: str = ""  # frozen network that sees the maps, where there is one
    backbone_source: str = "imagenet"  # see `fercore.networks.backbones.read_start`
    validation_subjects: int = 6  # of the training subjects; 0: the first candidates, uncalibrated
    seed: int = 0
    landmarks: str = BND  # see `Landmarking`
    noise_mm: float = 0.0

    def __post_init__(self) -> None:
        self._require(self.pipeline in BASELINES, "pipeline")
        self._require(self.kernel in KERNELS, "kernel")
        self._require(set(self.fusion) <= set(FUSIONS), "fusion")
        self._require(bool(self.c) and all(value > 0 for value in (*self.c, *self.gamma)), "c")
        for name in ("components", "validation_subjects", "seed"):
            self._require(getattr(self, name) >= 0, name)

    @property
    def landmarking(self) -> Landmarking:
        """Where its points come from."""
        return Landmarking(self.landmarks, self.noise_mm)

    def _require(self, holds: bool, name: str) -> None:
        if not holds:
            raise FercoreError(f"{name} of {self.pipeline} is {getattr(self, name)!r}; mend it.")


def shipped_recipe(pipeline: str, **changes: Any) -> BaselineRecipe:
    """Return the recipe that comes with a baseline; `changes` replace what its file says.

    Raises:
        FercoreError: the file or a setting cannot be used.
    """
    return read_recipe(Path(__file__).parent / "configs" / f"{pipeline}.toml", **changes)


def read_recipe(path: Path, **changes: Any) -> BaselineRecipe:
    """Read a recipe; `changes` replace what the file says.

    Raises:
        FercoreError: the file or a setting cannot be used.
    """
    try:
        written = {**parsed_toml(path.read_bytes()), **changes}
        return checked(BaselineRecipe, written)
    except (OSError, ValueError, TypeError) as error:
        raise FercoreError(f"{path} cannot be used as a recipe ({error}).") from error
