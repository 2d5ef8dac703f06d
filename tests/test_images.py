import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fercore.errors import DatasetError
from fercore.io.images import read_rgb

RGB = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_pictures_stand_upright_as_their_exif_says(tmp_path, kind, orientation, stored):
    upright = np.full((24, 32, 3), 90, np.uint8)
    upright[:8, :8] = (250, 20, 20)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    Image.fromarray(upright).transpose(stored).save(path, exif=exif)
    found = read_rgb(path)
    assert found.shape == upright.shape
    assert found[2, 2, 0] > 200 and found[2, 29, 0] < 150 and found[21, 2, 0] < 150


def saved(folder, name, pixels=RGB, **options):
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "A.BMP"])
def test_pixels_come_out_as_written(tmp_path, name):
    picture = read_rgb(saved(tmp_path, name))
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    np.testing.assert_array_equal(picture, RGB)


def test_jpg_nearly(tmp_path):
    smooth = np.full((20, 30, 3), (200, 100, 50), dtype=np.uint8)
    np.testing.assert_allclose(read_rgb(saved(tmp_path, "a.jpg", smooth)), smooth, atol=3)


def test_bmp_by_hand(tmp_path):
    """Two by two pixels, rows from the bottom, B G R, rows padded to four bytes."""
    rows = bytes([1, 2, 3, 4, 5, 6, 0, 0]) + bytes([7, 8, 9, 10, 11, 12, 0, 0])
    header = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 24, 0, len(rows), 0, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(header + rows)
    expected = [[[9, 8, 7], [12, 11, 10]], [[3, 2, 1], [6, 5, 4]]]
    assert read_rgb(tmp_path / "a.bmp").tolist() == expected


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA"])
def test_other_kinds_become_rgb(tmp_path, mode):
    Image.fromarray(RGB).convert(mode).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").shape == (20, 30, 3)


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.jpg"])
def test_truncation_is_named(tmp_path, name):
    content = saved(tmp_path, name).read_bytes()
    for length in (1, 2, 10, 40, len(content) // 2, len(content) - 40):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(DatasetError, match=r"no bmp, jpg, png|damaged picture") as caught:
            read_rgb(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\0" * 100, r"no bmp, jpg, .* or webp picture, it starts with b'\\x00"),
        (b"GIF89a" + b"\0" * 50, r"it starts with b'GIF89a"),
        (np.random.default_rng(0).bytes(3000), "no bmp, jpg, png"),
    ],
    ids=["empty", "zeros", "gif", "random"],
)
def test_what_is_no_picture(tmp_path, content, reason):
    (tmp_path / "a.bmp").write_bytes(content)
    with pytest.raises(DatasetError, match=reason):
        read_rgb(tmp_path / "a.bmp")


def test_flipped_bytes_give_a_picture_or_an_error(tmp_path):
    rng = np.random.default_rng(5)
    for name in ("a.png", "a.bmp", "a.jpg"):
        original = np.frombuffer(saved(tmp_path, name).read_bytes(), dtype=np.uint8)
        for _ in range(60):
            damaged = original.copy()
            damaged[rng.integers(0, min(len(damaged), 400), 3)] = rng.integers(0, 256, 3)
            (tmp_path / name).write_bytes(damaged.tobytes())
            try:
                assert read_rgb(tmp_path / name).shape[2] == 3
            except DatasetError as error:
                assert name in str(error)


def test_a_bomb_is_refused(tmp_path):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))
    with pytest.raises(DatasetError, match="too large to be judged"):
        read_rgb(tmp_path / "a.png")


def test_size_is_required(tmp_path):
    path = saved(tmp_path, "a.bmp")
    assert read_rgb(path, (20, 30)).shape == (20, 30, 3)
    with pytest.raises(DatasetError, match="has 30×20 pixels, and 512×512 are expected"):
        read_rgb(path, (512, 512))


def test_missing_and_folder(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.png cannot be read: No such file"):
        read_rgb(tmp_path / "absent.png")
    with pytest.raises(DatasetError, match="is a folder"):
        read_rgb(tmp_path)


def test_depth_map_is_no_colour_picture(tmp_path):
    with pytest.raises(DatasetError, match="is a 16-bit depth map"):
        read_rgb(saved(tmp_path, "d.png", np.array([[0, 1], [500, 65535]], np.uint16)))


def test_what_libraries_cannot_bear_is_refused_before_it_is_decoded(tmp_path):
    for columns, rows in ((20_000, 1), (1, 20_000), (10_000, 9_000)):
        path = saved(tmp_path, "long.png", np.zeros((rows, columns), np.uint8))
        with pytest.raises(DatasetError, match=f"{columns}×{rows} pixels, too large"):
            read_rgb(path)


def test_no_file_stays_open(tmp_path):
    good, bad = saved(tmp_path, "a.bmp"), tmp_path / "b.bmp"
    bad.write_bytes(good.read_bytes()[:100])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        read_rgb(good)
        with pytest.raises(DatasetError):
            read_rgb(bad)
    assert len(os.listdir("/proc/self/fd")) == before
