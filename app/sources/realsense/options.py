"""The settings of a RealSense camera that matter for faces, as `Control`s.

Each is there only where the device supports it. Reading them all costs some twenty
transfers over USB, so that is done after a change only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from app.sources.base import Control

if TYPE_CHECKING:
    from app.sources.realsense.streams import DeviceStreams

logger = logging.getLogger(__name__)

_SPATIAL, _TEMPORAL = "spatial_filter", "temporal_filter"
_FILTERS = {_SPATIAL: "Depth: smooth in space", _TEMPORAL: "Depth: smooth in time"}


class _Option(NamedTuple):
    """Where the SDK keeps a setting."""

    name: str
    label: str
    option: str  # attribute of rs.option
    is_of_depth: bool = True  # else of the colour sensor
    unit: str = ""


_PRESET = _Option("preset", "Depth preset", "visual_preset")
_LASER = _Option("laser", "Laser", "emitter_enabled")
_OPTIONS = (
    _PRESET,
    _LASER,
    _Option("laser_power", "Laser power", "laser_power", unit="mW"),
    _Option("depth_auto_exposure", "Depth: automatic exposure", "enable_auto_exposure"),
    _Option("depth_exposure", "Depth exposure", "exposure", unit="µs"),
    _Option("colour_auto_exposure", "Colour: automatic exposure", "enable_auto_exposure", False),
    _Option("colour_exposure", "Colour exposure", "exposure", False, "× 100 µs"),
)


class RealSenseOptions:
    """Reads and sets the options of running streams; used from the thread that reads them."""

    def __init__(self, streams: DeviceStreams) -> None:
        self._streams = streams

    def read(self) -> tuple[Control, ...]:
        """Return every setting that the device has, as it is now."""
        found = (self._control(option) for option in _OPTIONS)
        filters = (
            Control(name, label, getattr(self._streams.filters, name.split("_")[0]), 0, 1, 1)
            for name, label in _FILTERS.items()
        )
        return (*(control for control in found if control is not None), *filters)

    def set(self, name: str, value: float) -> None:
        """Set one of them; what the device refuses is logged."""
        if name in _FILTERS:
            setattr(self._streams.filters, name.split("_")[0], bool(value))
            return
        option = next((option for option in _OPTIONS if option.name == name), None)
        if option is None:
            logger.warning("The camera has no setting %s.", name)
            return
        try:
            self._sensor(option).set_option(_of_sdk(option), float(value))
        except RuntimeError as error:
            logger.warning("The camera refuses %s = %g (%s).", option.label, value, error)

    def apply_preset(self, wanted: str) -> None:
        """Choose a depth preset by its name, where the device has it."""
        control = self._control(_PRESET)
        names = {} if control is None else {label: value for value, label in control.choices}
        if wanted in names:
            self.set(_PRESET.name, names[wanted])

    def _control(self, option: _Option) -> Control | None:
        sensor, key = self._sensor(option), _of_sdk(option)
        if not sensor.supports(key):
            return None
        try:
            limits, value = sensor.get_option_range(key), sensor.get_option(key)
        except RuntimeError as error:
            logger.info("%s cannot be read (%s)", option.label, error)
            return None
        # The laser of some models is off, on, automatic or an LED.
        is_choice = option is _PRESET or (option is _LASER and limits.max > 1)
        choices = _choices(sensor, key, limits) if is_choice else ()
        return Control(
            option.name, option.label, value, limits.min, limits.max, limits.step,
            option.unit, choices,
        )  # fmt: skip

    def _sensor(self, option: _Option) -> Any:
        return self._streams.depth_sensor if option.is_of_depth else self._streams.colour_sensor


def _of_sdk(option: _Option) -> Any:
    import pyrealsense2 as rs

    return getattr(rs.option, option.option)


def _choices(sensor: Any, key: Any, limits: Any) -> tuple[tuple[float, str], ...]:
    values = range(round(limits.min), round(limits.max) + 1)
    named = ((value, sensor.get_option_value_description(key, value)) for value in values)
    return tuple((float(value), str(name or value)) for value, name in named)
