"""Registration of a depth map to a colour picture (paper, section 4.2)."""

from fercore.registration.registering import Registration, register, steady_landmarks, warp_depth

__all__ = ["Registration", "register", "steady_landmarks", "warp_depth"]
