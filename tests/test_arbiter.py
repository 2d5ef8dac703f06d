"""Who may record beside whom, and what is asked before a recording is disturbed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.window.arbiter import Act, Arbiter
from fercore.errors import FercoreError


def recorder(recording: bool) -> SimpleNamespace:
    return SimpleNamespace(recording=recording)


def test_alone_everything_may_begin_and_nothing_is_asked() -> None:
    arbiter = Arbiter()
    arbiter.quick = recorder(False)
    arbiter.require_networks()
    arbiter.require_no_recording()
    arbiter.require_quick()
    arbiter.require_snapshot()
    assert [arbiter.question(act) for act in Act] == ["", ""]


def test_beside_an_open_study_only_its_runs_are_recorded() -> None:
    arbiter = Arbiter()
    arbiter.study = recorder(False)
    for require in (arbiter.require_quick, arbiter.require_snapshot):
        with pytest.raises(FercoreError, match=r"its runs( alone)?"):
            require()
    arbiter.require_no_recording()
    assert arbiter.question(Act.QUIT) == ""


def test_a_run_is_not_disturbed_without_a_question() -> None:
    arbiter = Arbiter()
    arbiter.study = recorder(True)
    with pytest.raises(FercoreError, match="A run is being recorded; stop it first"):
        arbiter.require_no_recording()
    assert "the report will say" in arbiter.question(Act.CHANGE_SOURCE)
    assert "not count as complete. Quit nevertheless?" in arbiter.question(Act.QUIT)


def test_a_quick_recording_is_not_disturbed_without_a_question() -> None:
    arbiter = Arbiter()
    arbiter.quick = recorder(True)
    with pytest.raises(FercoreError, match="stop it first, then open the study"):
        arbiter.require_no_recording()
    assert "ends with this source. Change the source" in arbiter.question(Act.CHANGE_SOURCE)


def test_without_networks_nothing_is_recorded() -> None:
    with pytest.raises(FercoreError, match=r"Nothing can be recorded\. The weights are gone\."):
        Arbiter(lambda: "The weights are gone.").require_networks()
