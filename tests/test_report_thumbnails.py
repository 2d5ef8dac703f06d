"""The faces of the hardest scans in `fercore report`, and what stands there without them."""

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
from made_up_runs import MadeUp, page_of, write_cache, write_run
from PIL import Image

from fercore.cli import main

ONE_LEVEL = MadeUp({"depth": 0.6}, levels=(3,))


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run beside the cache that it was made on."""
    folder = tmp_path_factory.mktemp("thumbnails")
    write_cache(folder / "cache", ONE_LEVEL)
    return write_run(folder / "run", ONE_LEVEL)


class TestThumbnails:
    def test_come_from_the_cache(self, cached: Path) -> None:
        assert main(["report", str(cached), "--data", str(cached.parent / "cache")]) == 0
        page = page_of(cached)
        found = re.findall(r"data:image/(jpeg|png);base64,([^\"]+)", page)
        assert len(found) == 2 * (12 + 10)
        sizes = {(kind, opened(data).size, opened(data).mode) for kind, data in found}
        assert sizes == {("jpeg", (16, 16), "RGB"), ("png", (64, 64), "RGBA")}
        depth = opened(next(data for kind, data in found if kind == "png"))
        assert depth.getpixel((5, 0))[3] == 0  # unknown depth is transparent
        near, far = depth.getpixel((5, 9)), depth.getpixel((5, 63))
        assert near[3] == far[3] == 255
        assert sum(near[:3]) > sum(far[:3])
        assert "fall under its terms: synthetic, made up for a test" in page

    def test_a_cache_that_is_not_there(self, cached: Path) -> None:
        assert main(["report", str(cached)]) == 0
        page = page_of(cached)
        assert "No pictures: the cache no/such/cache is not here" in page
        assert "data:image" not in page
        assert "Hardest scans" in page

    def test_another_cache(self, cached: Path, tmp_path: Path) -> None:
        other = write_cache(tmp_path / "other", MadeUp({"depth": 0.6}, levels=(4,)))
        assert main(["report", str(cached), "--data", str(other)]) == 0
        assert "is not the one that this run was made on" in page_of(cached)

    def test_a_damaged_cache(self, cached: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        shutil.copytree(cached.parent / "cache", broken)
        (broken / "rgb.npy").write_bytes(b"")
        assert main(["report", str(cached), "--data", str(broken)]) == 0
        assert "rgb.npy is damaged" in page_of(cached)


def opened(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))
