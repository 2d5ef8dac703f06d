"""What a colour camera makes of the light: exposure, noise, blur, tone curve, compression.

A picture starts as linear light. Lens and movement blur it, the sensor adds shot and read
noise (Foi et al., "Practical Poissonian-Gaussian noise modeling", IEEE TIP 17(10), 2008),
the camera's processor balances white, bends the tones (curves around a gamma of 2.2, as in
Grossberg and Nayar, "Modeling the space of camera response functions", PAMI 26(10), 2004),
sharpens and compresses. The ranges are ours: from good webcams to poor ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

_FINE_ENOUGH = 2.0  # pixels of correlation that a coarse grid must keep
_MIDDLE_GREY = 0.20  # linear level that automatic exposure aims at
_CENTRE_WEIGHT = 0.75  # share of the face in what automatic exposure looks at
_LEVELS = 4096  # steps of the tone curve's table
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def smooth_noise(
    shape: tuple[int, ...], across_px: float, down_px: float, rng: np.random.Generator
) -> FloatArray:
    """Return Gaussian noise (H, W) or (H, W, C) of variance 1, correlated over those sigmas."""
    height, width = shape[:2]
    # Slow noise is drawn on a coarse grid: nobody sees the difference, and it costs little.
    step = max(1, int(min(across_px, down_px) / _FINE_ENOUGH))
    coarse = (-(-height // step) + 1, -(-width // step) + 1, *shape[2:])
    noise = _blurred_noise(
        rng.standard_normal(coarse, np.float32), across_px / step, down_px / step
    )
    if step > 1:
        size = (coarse[1] * step, coarse[0] * step)
        noise = np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_LINEAR))
    return noise[:height, :width]


def _blurred_noise(noise: FloatArray, across_px: float, down_px: float) -> FloatArray:
    """Blur, and give back the variance that blurring takes."""
    kernels = [_kernel(across_px), _kernel(down_px)]
    gain = np.prod([np.sqrt(np.square(kernel).sum()) for kernel in kernels])
    blurred = cv2.sepFilter2D(noise, -1, *(kernel / gain**0.5 for kernel in kernels))
    return np.asarray(blurred, np.float32)


def _kernel(sigma_px: float) -> FloatArray:
    size = 2 * round(3 * sigma_px) + 1
    return np.asarray(cv2.getGaussianKernel(size, max(sigma_px, 0.1), cv2.CV_32F)[:, 0])


@dataclass(frozen=True, slots=True)
class Exposure:
    """One camera at one moment."""

    stops: float  # off what automatic exposure chooses; negative: too dark
    whitening: float  # 0: lamps keep their colour, 1: white balance takes it away
    balance: FloatArray  # (3,), gains left over by the white balance
    gamma: float  # of the tone curve, 1.9..2.5
    contrast: float  # of an S curve over the tones, 0 for none
    saturation: float  # 1 as it is
    shot_noise: float  # variance at full white, of linear light 0..1
    read_noise: float  # standard deviation in the dark, of linear light 0..1
    grain: float  # size of the noise's grain, sigma in pixels
    defocus: float  # sigma, pixels
    motion_px: FloatArray  # (2,), how far the head moves during exposure, right and down
    sharpening: float  # strength of an unsharp mask, 0 for none
    jpeg_quality: int  # 0 for none


def sample_exposure(rng: np.random.Generator) -> Exposure:
    """Draw a camera; a fifth of the pictures are clearly too dark or too bright."""
    stops = rng.normal(0, 0.35) if rng.random() < 0.8 else rng.choice((-1, 1)) * rng.uniform(0.7, 2)
    speed = float(np.exp(rng.uniform(np.log(2e-5), np.log(1.5e-3))))
    moves = rng.random() < 0.25
    angle = float(rng.uniform(0, 2 * np.pi))
    length = float(rng.uniform(1.5, 8.0)) if moves else 0.0
    return Exposure(
        stops=float(stops),
        whitening=float(rng.uniform(0.65, 1.0)),
        balance=np.exp(rng.normal(0, 0.035, 3)).astype(np.float32),
        gamma=float(rng.uniform(1.9, 2.5)),
        contrast=float(rng.uniform(-0.1, 0.5)),
        saturation=float(rng.uniform(0.65, 1.25)) if rng.random() < 0.97 else 0.0,
        shot_noise=speed,
        read_noise=float(speed**0.5 * rng.uniform(0.03, 0.12)),
        grain=float(rng.uniform(0.0, 0.9)),
        defocus=float(rng.uniform(0.3, 0.9) if rng.random() < 0.8 else rng.uniform(0.9, 2.2)),
        motion_px=np.array([length * np.cos(angle), length * np.sin(angle)], np.float32),
        sharpening=float(rng.uniform(0.2, 1.2)) if rng.random() < 0.5 else 0.0,
        jpeg_quality=int(rng.integers(55, 98)) if rng.random() < 0.5 else 0,
    )


def expose(
    light: FloatArray, face: NDArray[np.bool_], camera: Exposure, rng: np.random.Generator
) -> UInt8Array:
    """Return the picture (H, W, 3) of linear light (H, W, 3); `face` (H, W) weighs on exposure."""
    signal = light * _gains(light, face, camera)
    signal = _smeared(_blurred(signal, camera.defocus), camera.motion_px)
    signal += _noise(signal, camera, rng)
    toned = _toned(signal, camera)
    if camera.saturation != 1:
        grey = (toned @ _LUMA)[..., None]
        toned = grey + np.float32(camera.saturation) * (toned - grey)
    if camera.sharpening:
        toned += np.float32(camera.sharpening) * (toned - _blurred(toned, 1.2))
    picture = np.clip(255 * toned + np.float32(0.5), 0, 255).astype(np.uint8)
    return _compressed(picture, camera.jpeg_quality)


def _gains(light: FloatArray, face: NDArray[np.bool_], camera: Exposure) -> FloatArray:
    """Return the gain (3,) of each channel: automatic exposure and white balance, both fallible."""
    whole = light[::4, ::4].reshape(-1, 3).clip(0, 4).mean(axis=0)
    centre = light[face].mean(axis=0) if face.any() else whole
    # White balance guesses the lamp's colour from all it sees, skin's own colour aside.
    guess = 0.5 * whole + 0.5 * centre / (1.35, 1.0, 0.85)
    white = (guess[1] / np.maximum(guess, 1e-3)) ** camera.whitening
    level = _CENTRE_WEIGHT * centre @ _LUMA + (1 - _CENTRE_WEIGHT) * whole @ _LUMA
    # Cameras lift dark scenes, but only most of the way, so that dark skin stays dark.
    gain = 2**camera.stops * (_MIDDLE_GREY / max(float(level), 1e-4)) ** 0.8
    return np.asarray(gain * white * camera.balance, np.float32)


def _blurred(image: FloatArray, sigma_px: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _smeared(image: FloatArray, motion_px: FloatArray) -> FloatArray:
    reach = int(np.ceil(np.abs(motion_px).max() / 2))
    if reach == 0:
        return image
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    ends = np.round(16 * (reach + np.outer((-0.5, 0.5), motion_px))).astype(int)
    start, stop = (tuple(end.tolist()) for end in ends)
    cv2.line(kernel, start, stop, 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)


def _noise(signal: FloatArray, camera: Exposure, rng: np.random.Generator) -> FloatArray:
    white = smooth_noise(signal.shape, camera.grain, camera.grain, rng)
    variance = camera.shot_noise * np.clip(signal, 0, 1) + camera.read_noise**2
    return np.asarray(white * np.sqrt(variance), np.float32)


def _toned(signal: FloatArray, camera: Exposure) -> FloatArray:
    """Return display values 0..1: highlights roll off, then gamma and an S curve."""
    linear = np.linspace(0, 2, _LEVELS, dtype=np.float32)
    rolled = np.where(linear < 0.7, linear, 0.7 + 0.3 * np.tanh((linear - 0.7) / 0.3))
    curve = rolled ** (1 / camera.gamma)
    curve += camera.contrast * curve * (1 - curve) * (curve - 0.5)
    steps = np.clip(signal * np.float32((_LEVELS - 1) / 2), 0, _LEVELS - 1).astype(np.uint16)
    return np.asarray(np.take(curve.astype(np.float32), steps))


def _compressed(picture: UInt8Array, quality: int) -> UInt8Array:
    if not quality:
        return picture
    coded = cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])
