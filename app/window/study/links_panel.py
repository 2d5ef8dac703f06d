"""Switches for Lab Streaming Layer and remote control; both are off until somebody asks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from app.study.remote import DEFAULT_PORT, LOOPBACK
from app.window.study.sentence import Sentence, paragraph
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from app.study.desk import Desk

_TOKEN_BYTES = 12


class LinksPanel(QWidget):
    """Opens and closes what connects the desk with other software."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.lsl = QCheckBox("Lab Streaming Layer")
        self.streams = QLineEdit()
        self.streams.setPlaceholderText("names, separated by commas")
        self.remote = QCheckBox("Remote control")
        self.interface = QLineEdit(LOOPBACK)
        self.port = QSpinBox()
        self.port.setRange(0, 65535)
        self.port.setValue(DEFAULT_PORT)
        self.token = paragraph("")
        self.token.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.token.setAccessibleName("Token")
        self.message = Sentence()
        self._arrange()
        self.lsl.clicked.connect(self._switch_lsl)
        self.remote.clicked.connect(self._switch_remote)

    def _arrange(self) -> None:
        form = QFormLayout(self)
        form.addRow(paragraph("LSL announces its streams to the local network."))
        form.addRow(self.lsl)
        form.addRow("Marker streams", self.streams)
        form.addRow(paragraph("The remote control is not encrypted; it asks for the token."))
        form.addRow(self.remote)
        form.addRow("Address", self.interface)
        form.addRow("Port", self.port)
        form.addRow("Token", self.token)
        form.addRow(self.message)

    def _switch_lsl(self, on: bool) -> None:
        names = [name.strip() for name in self.streams.text().split(",") if name.strip()]
        self.message.note("")
        try:
            self._desk.switch_lsl(on, names)
        except FercoreError as error:
            self.message.problem(str(error))
        self.lsl.setChecked(self._desk.lsl_on)
        self.streams.setEnabled(not self._desk.lsl_on)

    def _switch_remote(self, on: bool) -> None:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.message.note("")
        try:
            interface = self.interface.text().strip()
            address = self._desk.switch_remote(on, token, interface, self.port.value())
            if address is not None:
                self.message.note(f"The remote control listens on {address[0]} port {address[1]}.")
        except FercoreError as error:
            self.message.problem(str(error))
        is_on = self._desk.remote_on
        self.remote.setChecked(is_on)
        self.token.setText(token if is_on else "")
        for editor in (self.interface, self.port):
            editor.setEnabled(not is_on)
