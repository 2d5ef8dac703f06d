import pytest

from fercore.cli import doctor, main
from fercore.cli.doctor import MachineCheck, diagnose
from fercore.errors import FercoreError


def test_every_part_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])
    shown = capsys.readouterr().out
    for name in ("python", "packages", "compute", "renderer", "face detector", "weights"):
        assert f"ok    {name}:" in shown
    for name in ("camera", "display"):
        assert f" {name}:" in shown
    assert status == 0


def broken() -> MachineCheck:
    raise RuntimeError("libusb is missing")


def unusable() -> MachineCheck:
    raise FercoreError("weights.safetensors is damaged.")


def test_a_failing_check_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OWN_CHECKS", (broken, unusable))
    monkeypatch.setattr(doctor, "_further_checks", list)
    first, second = diagnose()
    assert (first.works, first.finding) == (False, "RuntimeError: libusb is missing")
    assert (second.works, second.cure) == (False, "weights.safetensors is damaged.")


def test_status_tells_essential_from_optional(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_camera() -> MachineCheck:
        return MachineCheck("camera", False, "none found", "plug one in", essential=False)

    monkeypatch.setattr(doctor, "_further_checks", list)
    monkeypatch.setattr(doctor, "OWN_CHECKS", (no_camera,))
    assert main(["doctor"]) == 0
    assert "none  camera: none found\n      -> plug one in" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "OWN_CHECKS", (broken,))
    assert main(["doctor"]) == 1
