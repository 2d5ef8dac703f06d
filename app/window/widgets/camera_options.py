"""The camera's settings in a dock of their own; it only says what the user chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QLabel,
    QSlider,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_POSITIONS = 1000  # of a slider whose range is finer than that


class Setting(Protocol):
    """One setting of a camera, and how it is set."""

    @property
    def name(self) -> str:
        """What `chosen` says."""
        ...

    @property
    def label(self) -> str:
        """What the user reads."""
        ...

    @property
    def value(self) -> float:
        """As it is now."""
        ...

    @property
    def minimum(self) -> float:
        """Least value."""
        ...

    @property
    def maximum(self) -> float:
        """Greatest value."""
        ...

    @property
    def step(self) -> float:
        """Least change; 0: any."""
        ...

    @property
    def unit(self) -> str:
        """Such as `mW`, or empty."""
        ...

    @property
    def choices(self) -> Sequence[tuple[float, str]]:
        """Values and names, where it is a choice."""
        ...

    @property
    def is_switch(self) -> bool:
        """Whether it is only on or off."""
        ...


class CameraOptions(QDockWidget):
    """A row for each setting; hidden where a source has none."""

    chosen = Signal(str, float)

    def __init__(self) -> None:
        super().__init__("Camera")
        self.setObjectName("camera")
        self._shown: tuple[Setting, ...] = ()
        self.set_settings(())

    def set_settings(self, settings: Sequence[Setting]) -> None:
        """Show these settings; while a slider is held, nothing moves under the hand."""
        if tuple(settings) == self._shown or self._is_held():
            return
        self._shown = tuple(settings)
        form = QWidget()
        layout = QFormLayout(form)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        for setting in self._shown:
            self._add_row(layout, setting)
        self.setWidget(form)
        self.toggleViewAction().setEnabled(bool(self._shown))

    def _is_held(self) -> bool:
        form = self.widget()
        return form is not None and any(
            slider.isSliderDown() for slider in form.findChildren(QSlider)
        )

    def _add_row(self, layout: QFormLayout, setting: Setting) -> None:
        if setting.is_switch:
            layout.addRow(self._switch(setting))
            return
        caption = QLabel(setting.label)
        field = self._choice(setting) if setting.choices else self._slider(setting, caption)
        field.setAccessibleName(setting.label)
        caption.setBuddy(field)
        layout.addRow(caption, field)

    def _switch(self, setting: Setting) -> QCheckBox:
        box = QCheckBox(setting.label)
        box.setChecked(bool(setting.value))
        box.toggled.connect(lambda on: self.chosen.emit(setting.name, float(on)))
        return box

    def _choice(self, setting: Setting) -> QComboBox:
        box = QComboBox()
        values = [value for value, _ in setting.choices]
        box.addItems([name for _, name in setting.choices])
        if setting.value in values:
            box.setCurrentIndex(values.index(setting.value))
        box.activated.connect(lambda row: self.chosen.emit(setting.name, values[row]))
        return box

    def _slider(self, setting: Setting, caption: QLabel) -> QSlider:
        span = setting.maximum - setting.minimum
        step = max(setting.step, span / _POSITIONS) or 1.0
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, round(span / step))
        slider.setTracking(False)  # a camera takes a while for each value
        slider.setValue(round((setting.value - setting.minimum) / step))

        def value_at(position: int) -> float:
            # The camera refuses what lies between its own steps.
            steps = round(position * step / setting.step) if setting.step else 0
            raw = steps * setting.step if setting.step else position * step
            return min(setting.minimum + raw, setting.maximum)

        def describe(position: int) -> None:
            caption.setText(f"{setting.label}: {value_at(position):g} {setting.unit}".rstrip())

        caption.setText(f"{setting.label}: {setting.value:g} {setting.unit}".rstrip())
        slider.sliderMoved.connect(describe)
        slider.valueChanged.connect(describe)
        slider.valueChanged.connect(lambda at: self.chosen.emit(setting.name, value_at(at)))
        return slider
