"""The button that starts and stops a quick recording; it always says how the recording stands."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QSizePolicy

IDLE = "● Record"
_RED = (
    "QPushButton { background: #B3261E; color: white; font-weight: bold; border: none;"
    " border-radius: 4px; padding: 3px 10px; }"
)


class RecordButton(QPushButton):
    """Red with time, size and room left while something is recorded."""

    def __init__(self) -> None:
        super().__init__(IDLE)
        self.setAccessibleName("Quick recording")
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        # Space plays and pauses; it must not also start a recording.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumHeight(self.sizeHint().height())  # so that it stays the same in red
        self._recording = False

    def show_idle(self) -> None:
        """Show that nothing is recorded."""
        self._dress(False)
        self.setText(IDLE)

    def show_recording(
        self, elapsed_s: float, bytes_written: int, bytes_free: int, remark: str = ""
    ) -> None:
        """Show how a recording stands, and what needs attention."""
        self._dress(True)
        parts = [
            f"■ Stop   {_clock(elapsed_s)}",
            _size(bytes_written),
            f"{_size(bytes_free)} left",
            *([f"⚠ {remark}"] if remark else []),
        ]
        self.setText("   ".join(parts))

    def _dress(self, recording: bool) -> None:
        if recording is not self._recording:
            self._recording = recording
            self.setStyleSheet(_RED if recording else "")


def _clock(seconds: float) -> str:
    """Return a time such as `0:07` or `1:02:07`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
