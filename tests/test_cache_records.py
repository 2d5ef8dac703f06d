"""What a prepared cache says of itself and of its rows, as it is written and read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cache_fixtures import FACELESS, MANIFEST, NEUTRAL, ROW

from fercore.caches.records import COLUMNS, CacheRow, Manifest, format_row, parse_index, parse_row


def cells(row: CacheRow) -> list[str]:
    return format_row(row).removesuffix("\n").split("\t")


class TestRecords:
    @pytest.mark.parametrize("row", [ROW, NEUTRAL, FACELESS])
    def test_row_comes_back(self, row):
        assert parse_row(cells(row)) == row

    def test_reason_cannot_break_a_row(self):
        row = replace(FACELESS, reason="a\ttab\nand a break")
        assert format_row(row).count("\n") == 1
        assert parse_row(cells(row)).reason == "a tab and a break"

    def test_row_with_missing_columns(self):
        with pytest.raises(ValueError, match=f"line 2 has 3 cells, not {len(COLUMNS)}"):
            parse_index("\t".join(COLUMNS) + "\n" + "0\tF0001\tanger\n")

    def test_index_leaves_out_a_torn_line(self):
        text = "\t".join(COLUMNS) + "\n" + format_row(ROW) + format_row(replace(ROW, row=1))[:-4]
        assert parse_index(text) == [ROW]

    def test_index_out_of_order(self):
        text = "\t".join(COLUMNS) + "\n" + format_row(replace(ROW, row=1))
        with pytest.raises(ValueError, match="not numbered in order"):
            parse_index(text)

    def test_manifest_comes_back(self):
        assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST

    @pytest.mark.parametrize(
        ("change", "phrase"),
        [
            ({"format_version": 99}, "format 99"),
            ({"rows": None}, "missing or unknown: rows"),
            ({"preprocessing": {"blur": 3}}, "preprocessing parameters"),
        ],
    )
    def test_foreign_manifest(self, change, phrase):
        content = {**json.loads(MANIFEST.to_json()), **change}
        content = {key: value for key, value in content.items() if value is not None}
        with pytest.raises(ValueError, match=phrase):
            Manifest.from_json(json.dumps(content))
