"""Every perturbation: identity at 0, pure, the same draws for all, and right in its unit."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from fercore.evaluation.stress.crops import (
    CROP_SIDE_MM,
    Crops,
    along_both,
    area_weights,
    enlarged,
    gaussian_blur,
    generators,
    smooth_noise,
)
from fercore.evaluation.stress.depth_faults import D415, D435, D455, HOLE_RADIUS_MM
from fercore.evaluation.stress.perturbations import (
    PERTURBATIONS,
    Perturbation,
    from_linear,
    surface_normals,
    to_linear,
)

BY_NAME = {perturbation.name: perturbation for perturbation in PERTURBATIONS}
DRAWING = {"side-light", "depth-noise", "depth-holes", "depth-loss", "occlusion"}
DEPTH_ALONE = {name for name in BY_NAME if name.startswith("depth")}
BOTH = {"resolution", "occlusion"}
RGB_SIZE, DEPTH_SIZE = 32, 24


def ball_m(size: int = DEPTH_SIZE) -> np.ndarray:
    """Return a ball of 60 mm radius before nothing."""
    offset_mm = ((np.arange(size) + 0.5) / size - 0.5) * CROP_SIDE_MM
    square = 60.0**2 - offset_mm[:, None] ** 2 - offset_mm**2
    bulge_mm = np.sqrt(np.where(square > 0, square, np.nan))
    return (0.6 - bulge_mm / 1000).astype(np.float32)


@pytest.fixture(scope="module")
def crops() -> Crops:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (3, RGB_SIZE, RGB_SIZE, 3), np.uint8)
    return Crops(rgb, np.stack([ball_m(), ball_m() + 0.2, ball_m()[::-1]]))


def grey(value: int, depth_m: np.ndarray | None = None) -> Crops:
    depth = ball_m() if depth_m is None else depth_m
    return Crops(np.full((1, RGB_SIZE, RGB_SIZE, 3), value, np.uint8), depth[None])


def changed(name: str, crops: Crops, severity: float, seed: int = 0) -> Crops:
    return BY_NAME[name].apply(crops, severity, seed)


def assert_equal(one: Crops, other: Crops) -> None:
    np.testing.assert_array_equal(one.rgb, other.rgb)
    np.testing.assert_array_equal(one.depth_m, other.depth_m)


class TestAll:
    @pytest.mark.parametrize("kind", PERTURBATIONS, ids=lambda kind: kind.name)
    def test_severity_0_is_the_identity(self, kind: Perturbation, crops: Crops) -> None:
        ramp = np.arange(RGB_SIZE**2 * 3).reshape(1, RGB_SIZE, RGB_SIZE, 3).astype(np.uint8)
        assert_equal(kind.apply(crops, 0, seed=4), crops)
        every_value = Crops(ramp, crops.depth_m[:1])
        assert_equal(kind.apply(every_value, 0.0, seed=4), every_value)

    @pytest.mark.parametrize("kind", PERTURBATIONS, ids=lambda kind: kind.name)
    def test_every_severity_is_pure_and_keeps_the_form(
        self, kind: Perturbation, crops: Crops
    ) -> None:
        before = Crops(crops.rgb.copy(), crops.depth_m.copy())
        for severity in kind.severities:
            after = kind.apply(crops, severity, seed=1)
            assert_equal(crops, before)
            assert_equal(after, kind.apply(crops, severity, seed=1))
            assert (after.rgb.dtype, after.depth_m.dtype) == (np.uint8, np.float32)
            assert after.rgb.shape == crops.rgb.shape
            assert after.depth_m.shape == crops.depth_m.shape
            rgb_changes = (after.rgb != crops.rgb).any()
            depth_changes = not np.array_equal(after.depth_m, crops.depth_m, equal_nan=True)
            assert rgb_changes == (kind.name not in DEPTH_ALONE)
            # So few halvings leave the smaller depth crop as it is.
            reached = kind.name != "resolution" or RGB_SIZE / 2**severity < DEPTH_SIZE
            assert depth_changes == (kind.name in DEPTH_ALONE | BOTH and reached)

    @pytest.mark.parametrize("kind", PERTURBATIONS, ids=lambda kind: kind.name)
    def test_a_face_fares_the_same_in_every_batch(self, kind: Perturbation, crops: Crops) -> None:
        severity = kind.severities[-1]
        together = kind.apply(crops, severity, seed=0)
        alone = kind.apply(Crops(crops.rgb[2:], crops.depth_m[2:]), severity, seed=0)
        assert_equal(alone, Crops(together.rgb[2:], together.depth_m[2:]))

    @pytest.mark.parametrize("kind", PERTURBATIONS, ids=lambda kind: kind.name)
    def test_faces_without_any_depth_survive(self, kind: Perturbation, crops: Crops) -> None:
        blind = Crops(crops.rgb, np.full_like(crops.depth_m, np.nan))
        for severity in kind.severities:
            after = kind.apply(blind, severity, seed=0)
            assert np.isnan(after.depth_m).all()

    @pytest.mark.parametrize("name", sorted(DRAWING))
    def test_the_seed_decides(self, name: str, crops: Crops) -> None:
        severity = BY_NAME[name].severities[-1]
        results = [changed(name, crops, severity, seed) for seed in range(5)]
        assert any((results[0].rgb != other.rgb).any() for other in results[1:]) or any(
            not np.array_equal(results[0].depth_m, other.depth_m, equal_nan=True)
            for other in results[1:]
        )

    def test_names_are_unique_and_severities_ascend_without_0(self) -> None:
        assert len(BY_NAME) == len(PERTURBATIONS)
        for kind in PERTURBATIONS:
            assert 0 not in kind.severities
            assert list(kind.severities) == sorted(set(kind.severities))

    def test_draws_belong_to_the_face_and_the_stream(self, crops: Crops) -> None:
        first, second, _ = (g.random() for g in generators(crops, 0, "noise"))
        turned = Crops(crops.rgb[::-1], crops.depth_m[::-1])
        assert [g.random() for g in generators(turned, 0, "noise")][1:] == [second, first]
        assert generators(crops, 0, "holes")[0].random() != first
        assert generators(crops, 1, "noise")[0].random() != first


class TestLight:
    def test_srgb_there_and_back_is_exact(self) -> None:
        values = np.arange(256, dtype=np.uint8)
        np.testing.assert_array_equal(from_linear(to_linear(values)), values)
        assert to_linear(np.array([0, 188, 255], np.uint8)) == pytest.approx(
            [0, 0.503, 1], abs=2e-3
        )

    def test_a_stop_halves_or_doubles_the_light(self) -> None:
        for stops, factor in ((-1, 0.5), (1, 2.0), (-4, 1 / 16)):
            after = to_linear(changed("gain", grey(120), stops).rgb)
            assert after.mean() == pytest.approx(to_linear(np.uint8(120)) * factor, rel=0.05)

    def test_brightness_follows_the_gain(self, crops: Crops) -> None:
        means = [changed("gain", crops, s).rgb.mean() for s in BY_NAME["gain"].severities]
        assert means == sorted(means)

    def test_gamma_squares_or_roots_the_values(self) -> None:
        assert changed("gamma", grey(128), 1).rgb.mean() == round(255 * (128 / 255) ** 2)
        assert changed("gamma", grey(128), -1).rgb.mean() == round(255 * (128 / 255) ** 0.5)
        assert changed("gamma", grey(255), 1.5).rgb.min() == 255

    def test_a_warm_lamp_takes_blue_from_red_by_wien(self) -> None:
        red, green, blue = to_linear(changed("colour-cast", grey(120), 100).rgb)[0, 0, 0]
        assert green == pytest.approx(to_linear(np.uint8(120)), rel=1e-3)
        assert blue / red == pytest.approx(math.exp(-1.4388 * (1 / 0.45 - 1 / 0.6)), rel=0.03)
        cold = changed("colour-cast", grey(120), -50).rgb[0, 0, 0]
        assert cold[2] > 120 > cold[0]

    def test_normals_of_an_inclined_plane(self) -> None:
        pitch_m = CROP_SIDE_MM / 1000 / DEPTH_SIZE
        column = np.arange(DEPTH_SIZE, dtype=np.float32) * np.float32(pitch_m)
        plane_m = np.broadcast_to(0.5 + column, (1, DEPTH_SIZE, DEPTH_SIZE))  # recedes to the right
        inner = surface_normals(plane_m)[0, 6:-6, 6:-6]
        np.testing.assert_allclose(
            inner, np.broadcast_to([0.7071, 0, 0.7071], inner.shape), atol=1e-3
        )

    def test_normals_of_a_ball_point_outwards_and_of_nothing_to_the_camera(self) -> None:
        normals = surface_normals(ball_m()[None])[0]
        middle = DEPTH_SIZE // 2
        assert normals[middle, middle - 6, 0] < -0.3 < 0.3 < normals[middle, middle + 6, 0]
        assert normals[middle - 6, middle, 1] < -0.3 < 0.3 < normals[middle + 6, middle, 1]
        assert normals[0, 0].tolist() == [0, 0, 1]

    def test_the_lamp_darkens_the_far_side_ever_more(self) -> None:
        unevenness = [sides(changed("side-light", grey(100), s)) for s in (0, 0.25, 0.5, 0.75, 1)]
        assert unevenness[0] == 0
        assert np.all(np.diff(unevenness) > 5)

    def test_the_side_follows_the_relief(self) -> None:
        hollow_m = 1.2 - ball_m()
        ball, hollow = grey(100), grey(100, hollow_m)
        draws = generators(ball, 0, "side-light")
        change = BY_NAME["side-light"].change
        lit = change(ball, 1.0, draws).rgb[0].astype(int)
        lit_hollow = change(hollow, 1.0, generators(ball, 0, "side-light")).rgb[0].astype(int)
        middle, quarter = RGB_SIZE // 2, RGB_SIZE // 4
        rising = lit[middle, -quarter, 0] - lit[middle, quarter, 0]
        rising_hollow = lit_hollow[middle, -quarter, 0] - lit_hollow[middle, quarter, 0]
        assert rising * rising_hollow < 0

    def test_a_flat_wall_stays_as_it_is(self) -> None:
        wall = grey(100, np.full((DEPTH_SIZE, DEPTH_SIZE), 0.5, np.float32))
        np.testing.assert_array_equal(changed("side-light", wall, 1.0).rgb, wall.rgb)

    def test_exposure_keeps_the_mean_light_of_the_face(self) -> None:
        face = np.isfinite(ball_m(RGB_SIZE))
        lit = to_linear(changed("side-light", grey(60), 0.6).rgb)[0][face]
        assert lit.mean() == pytest.approx(to_linear(np.uint8(60)), rel=0.1)


def sides(crops: Crops) -> float:
    """How much brighter one side of the ball is than the other."""
    middle, quarter = RGB_SIZE // 2, RGB_SIZE // 4
    row = crops.rgb[0, middle - 2 : middle + 2].astype(float).mean((0, 2))
    return abs(row[quarter:middle].mean() - row[middle:-quarter].mean())


class TestDepth:
    def test_noise_has_the_rms_in_millimetres(self) -> None:
        flat = Crops(
            np.arange(40 * 48, dtype=np.uint8).reshape(40, 4, 4, 3),
            np.full((40, 64, 64), 0.5, np.float32),
        )
        noise_mm = 1000 * (changed("depth-noise", flat, 2.0).depth_m - 0.5)
        assert noise_mm.std() == pytest.approx(2.0, rel=0.03)
        assert noise_mm.mean() == pytest.approx(0, abs=0.1)
        neighbours = np.corrcoef(noise_mm[:, :, 1:].ravel(), noise_mm[:, :, :-1].ravel())[0, 1]
        assert 0.6 < neighbours < 0.9

    def test_more_noise_is_the_same_noise_stronger(self, crops: Crops) -> None:
        one = changed("depth-noise", crops, 1.0).depth_m - crops.depth_m
        four = changed("depth-noise", crops, 4.0).depth_m - crops.depth_m
        np.testing.assert_allclose(four, 4 * one, atol=2e-6)
        np.testing.assert_array_equal(np.isnan(one), np.isnan(crops.depth_m))

    @pytest.mark.parametrize(("camera", "noise_mm"), [(D415, 0.36), (D435, 0.9), (D455, 0.47)])
    def test_cameras_err_by_the_square_of_the_distance(self, camera, noise_mm: float) -> None:
        assert 1000 * camera.noise_m(0.5) == pytest.approx(noise_mm, rel=0.02)
        assert camera.noise_m(2.0) == pytest.approx(16 * camera.noise_m(0.5))

    def test_a_crop_averages_a_cameras_noise_the_less_the_farther_it_is(self) -> None:
        shares, sigmas = [], []
        for distance_m in (0.5, 1.0, 2.0):
            rms_m, sigma_px = D415.noise_in_crop(distance_m, 64)
            shares.append(rms_m / D415.noise_m(distance_m))
            sigmas.append(sigma_px)
        assert 0.7 < shares[0] < shares[1] < shares[2] < 1
        assert sigmas == sorted(sigmas)

    def test_a_wider_baseline_is_better(self, crops: Crops) -> None:
        errors = [
            np.nanstd(changed(f"depth-noise-{name}", crops, 1.0).depth_m - crops.depth_m)
            for name in ("D435", "D455")
        ]
        assert errors[0] == pytest.approx(errors[1] * 95 / 50, rel=0.01)

    def test_holes_are_round_and_add_up(self, crops: Crops) -> None:
        lost = [np.isnan(changed("depth-holes", crops, n).depth_m) for n in (0, *range(1, 17, 3))]
        for fewer, more in pairwise(lost):
            assert (more >= fewer).all()
            assert more.sum() > fewer.sum()
        whole = Crops(crops.rgb[:1], np.full((1, 150, 150), 0.5, np.float32))  # 1 mm a pixel
        hole = np.argwhere(np.isnan(changed("depth-holes", whole, 1, seed=2).depth_m[0]))
        assert np.ptp(hole, axis=0).max() == pytest.approx(2 * HOLE_RADIUS_MM, abs=1)

    def test_the_given_share_is_lost_and_stays_lost(self, crops: Crops) -> None:
        known = np.isfinite(crops.depth_m)
        before = ~known
        for share in (0.1, 0.25, 0.5, 0.9, 1.0):
            lost = np.isnan(changed("depth-loss", crops, share).depth_m)
            assert (lost >= before).all()
            assert (lost & known).sum() / known.sum() == pytest.approx(share, abs=0.003)
            before = lost

    @pytest.mark.parametrize(("name", "severity"), [("depth-holes", 2), ("depth-loss", 0.1)])
    def test_enclosed_gaps_are_filled_and_older_ones_stay(
        self, name: str, severity: float, crops: Crops
    ) -> None:
        depth_m = crops.depth_m.copy()
        depth_m[:, 11, 11] = np.nan
        crops = Crops(crops.rgb, depth_m)
        gaps = np.isnan(changed(name, crops, severity).depth_m) & np.isfinite(depth_m)
        after_m = changed(f"{name}-filled", crops, severity).depth_m
        closed = gaps & np.isfinite(after_m)
        assert closed.sum() > 0.5 * gaps.sum()
        assert np.abs(after_m - depth_m)[closed].mean() < 0.002
        assert np.isnan(after_m[:, 11, 11]).all()
        np.testing.assert_array_equal(after_m[~gaps], depth_m[~gaps])


class TestSight:
    def test_blur_takes_detail_and_keeps_the_mean(self, crops: Crops) -> None:
        spread = [to_linear(changed("blur", crops, s).rgb).std() for s in (0, 0.5, 1, 2, 4)]
        assert spread == sorted(spread, reverse=True)
        assert changed("blur", crops, 2).depth_m is crops.depth_m
        np.testing.assert_array_equal(changed("blur", grey(77), 4).rgb, grey(77).rgb)

    def test_blur_of_an_edge_is_as_wide_as_sigma(self) -> None:
        edge = np.zeros((1, 40, 40), np.float32)
        edge[:, :, 20:] = 1
        blurred = gaussian_blur(edge, 3.0)[0, 20]
        assert blurred[19] + blurred[20] == pytest.approx(1, abs=1e-5)
        assert blurred[22] == pytest.approx(0.798, abs=0.01)  # normal distribution at 2.5 / 3

    def test_resolution_is_the_side_halved(self) -> None:
        checks = (np.indices((RGB_SIZE, RGB_SIZE)).sum(0) % 2 * 255).astype(np.uint8)
        crops = Crops(np.repeat(checks[None, ..., None], 3, -1), ball_m()[None])
        after = changed("resolution", crops, 1)
        assert np.ptp(after.rgb) <= 1
        assert after.rgb.mean() == pytest.approx(188, abs=1)  # half the light, not half the value

    def test_depth_becomes_coarse_with_the_outline_kept(self) -> None:
        after = changed("resolution", grey(90), 2).depth_m[0]  # 8 px a side
        blocks = after.reshape(8, 3, 8, 3).transpose(0, 2, 1, 3).reshape(64, 9)
        assert all(len(np.unique(block)) == 1 for block in blocks)
        known = np.isfinite(ball_m())
        assert np.isfinite(after).sum() == pytest.approx(known.sum(), rel=0.15)
        assert np.nanmean(after) == pytest.approx(np.nanmean(ball_m()), abs=0.003)

    def test_a_disc_covers_the_share_of_the_face_in_both(self) -> None:
        before = grey(90)
        face = np.isfinite(before.depth_m)
        earlier = np.zeros_like(face)
        for share in (0.1, 0.3, 0.5, 0.9):
            after = changed("occlusion", before, share)
            covered = np.isfinite(after.depth_m) & ~(after.depth_m == before.depth_m)
            assert (covered & face).sum() / face.sum() == pytest.approx(share, abs=0.03)
            assert (covered >= earlier).all()
            assert len(np.unique(after.depth_m[covered])) == 1
            assert after.depth_m[covered].max() < before.depth_m[covered & face].min() - 0.039
            colour_covered = (after.rgb != 90).any(-1).mean()
            assert colour_covered == pytest.approx(covered.mean(), abs=0.03)
            earlier = covered

    def test_covering_colour_alone_covers_the_same(self, crops: Crops) -> None:
        both, colour = (changed(n, crops, 0.3) for n in ("occlusion", "occlusion-colour"))
        np.testing.assert_array_equal(both.rgb, colour.rgb)
        assert colour.depth_m is crops.depth_m


class TestFiltering:
    def test_area_weights_average(self) -> None:
        np.testing.assert_allclose(area_weights(4, 2), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
        np.testing.assert_allclose(area_weights(3, 2) @ [3, 6, 9], [4, 8], rtol=1e-6)

    def test_enlarging_interpolates_between_the_centres_of_pixels(self) -> None:
        steps = np.array([[[0, 1], [0, 1]]], np.float32)
        np.testing.assert_allclose(enlarged(steps, 4)[0], [[0, 0.25, 0.75, 1]] * 4)
        np.testing.assert_array_equal(enlarged(steps[..., None], 2), steps[..., None])

    def test_both_sides_are_resampled_and_channels_kept(self) -> None:
        pictures = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)
        small = along_both(area_weights(4, 2), pictures)
        np.testing.assert_allclose(small[1, 0, 1], pictures[1, :2, 2:].mean((0, 1)))

    def test_smoother_noise_keeps_its_rms(self) -> None:
        for sigma_px in (0.0, 0.7, 3.0):
            draws = [np.random.default_rng(face) for face in range(60)]
            assert smooth_noise(draws, 64, sigma_px).std() == pytest.approx(1, rel=0.05)
