"""Which depth map belongs to which picture, in the layouts in which they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sources.pictures.pairing import PictureFolder, look_into

STAMPS = [1305031453.359684 + i / 30 for i in range(4)]
LATER = [stamp + 0.0144 for stamp in STAMPS]

LAYOUTS = {
    "depth/": ("rgb/{i:04d}.png", "depth/{i:04d}.png"),
    "upper case": ("RGB/{i:04d}.PNG", "Depth/{i:04d}.PNG"),
    "suffixes": ("{i:04d}_rgb.png", "{i:04d}_depth.png"),
    "-color": ("{i:04d}-color.png", "{i:04d}-depth.png"),
    "prefixes": ("color_{i:04d}.png", "depth_{i:04d}.png"),
    "camel case": ("Color{i}.jpg", "Depth{i}.png"),
    "dots": ("frame-{i:06d}.color.jpg", "frame-{i:06d}.depth.png"),
    "plain beside": ("{i}.jpg", "{i}_depth.png"),
    "in folders": ("rgb/rgb_{i:04d}.png", "depth/depth_{i:04d}.png"),
    "sync": ("rgb_{i:05d}.jpg", "sync_depth_{i:05d}.png"),
    "image/": ("image/{i:04d}.png", "depth/{i:04d}.png"),
    "numbers differ in zeros": ("color/{i}.jpg", "depth/{i:06d}.png"),
    "words differ": ("left_{i:03d}.png", "depth/cam0_{i:03d}.npy"),
    "tiff": ("rgb/{i:04d}.png", "depth/{i:04d}.tiff"),
    "npy": ("rgb/{i:04d}.png", "depth/{i:04d}.npy"),
    "stamps": ("rgb/{early:.6f}.png", "depth/{late:.6f}.png"),
    "nanoseconds": ("rgb/{early_ns}.png", "depth/{late_ns}.png"),
}


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(found: PictureFolder) -> list[tuple[str, str | None]]:
    return [(pair.rgb.name, pair.depth.name if pair.depth else None) for pair in found.pairs]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_picture_gets_its_own_depth_map(tmp_path: Path, layout: str) -> None:
    expected = []
    for i in range(4):
        times = {"early": STAMPS[i], "late": LATER[i]}
        times |= {"early_ns": int(STAMPS[i] * 1e9), "late_ns": int(LATER[i] * 1e9)}
        colour, depth = (name.format(i=8 + i, **times) for name in LAYOUTS[layout])
        write(tmp_path, colour, depth, f"rgb/._{Path(colour).name}")
        expected.append((Path(colour).name, Path(depth).name))
    (tmp_path / "rgb/._").touch()
    found = look_into(tmp_path)
    assert names(found) == expected
    assert (found.lone_depths, found.account(), found.is_tum) == (0, "", False)


def test_aligned_depth_comes_before_the_raw(tmp_path: Path) -> None:
    for room in ("depth", "aligned_depth", "depth_colorized"):
        write(tmp_path, "color/1.png", f"{room}/1.png")
    (pair,) = look_into(tmp_path).pairs
    assert pair.depth == tmp_path / "aligned_depth/1.png"


def test_arrays_come_before_pictures_of_them(tmp_path: Path) -> None:
    write(tmp_path, "rgb/1.png", "depth/1.png", "depth/1.npy", "depth/1_preview.png")
    assert names(look_into(tmp_path)) == [("1.png", "1.npy")]


def test_depth_is_never_taken_for_a_picture(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path, f"shot_Color_{1000.5 + 33.3 * i:.4f}.png",
              f"shot_Depth_{1001.5 + 33.3 * i:.4f}.png", f"shot_Infrared_{i}.png")  # fmt: skip
    found = look_into(tmp_path)
    assert all("Color" in pair.rgb.name for pair in found.pairs)
    assert [pair.depth is not None for pair in found.pairs] == [True] * 3


def test_words_of_a_picture_alone_mean_nothing(tmp_path: Path) -> None:
    write(tmp_path, "mask ball.jpg", "normal.png")
    assert len(look_into(tmp_path).pairs) == 2


def test_what_is_not_paired_is_counted(tmp_path: Path) -> None:
    write(tmp_path, *(f"rgb/{i}.png" for i in range(5)), *(f"depth/{i}.png" for i in range(3, 7)))
    found = look_into(tmp_path)
    assert found.account() == "3 of 5 pictures are without depth map, 2 depth maps without picture"
    assert look_into(tmp_path / "rgb").account() == ""


def test_tum_lists_tell_what_belongs_together(tmp_path: Path) -> None:
    # The names alone would pair 1 with 1.
    write(tmp_path, "rgb/1.png", "rgb/2.png", "depth/1.png", "depth/2.png", "depth/3.png")
    lists = {
        "rgb.txt": "# colour\n1.00 rgb/1.png\n1.10 rgb/2.png\n",
        "depth.txt": "# depth\n0.90 depth/1.png\n1.01 depth/2.png\n1.12 depth/3.png\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    found = look_into(tmp_path)
    assert names(found) == [("1.png", "2.png"), ("2.png", "3.png")]
    assert (found.is_tum, found.lone_depths) == (True, 1)
    pairs = "0.9 depth/1.png 1.0 rgb/2.png\n1.0 rgb/1.png 1.0 depth/3.png\nnonsense\n"
    (tmp_path / "associations.txt").write_text(pairs)
    assert names(look_into(tmp_path)) == [("1.png", "3.png"), ("2.png", "1.png")]


def test_depth_of_another_moment_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, *(f"rgb/{stamp:.6f}.png" for stamp in STAMPS))
    write(tmp_path, *(f"depth/{stamp + 0.5:.6f}.png" for stamp in STAMPS))
    assert [pair.depth for pair in look_into(tmp_path).pairs] == [None] * 4
