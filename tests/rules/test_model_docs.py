"""docs/model.md cannot rot: its example is valid, every field, default, destination and feature code stands in it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from pbx_core.domain import model, model_speech
from pbx_core.domain.dialplan_codes import CODES
from pbx_core.domain.modelcheck_links import destinations
from pbx_core.domain.modelfile import key_of, read_toml
from pbx_core.domain.speech_rules import CUSTOMER, FIGURES
from tests.support.dialplan import OFFICE

TEXT = (Path(__file__).parents[2] / "docs/model.md").read_text()
TABLES = dict(re.findall(r"<!-- (\w+) -->\n((?:\|.*\n)+)", TEXT))
KINDS = [
    kind for module in (model, model_speech) for kind in vars(module).values()
    if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    and kind not in (model.Book, model.Neighbour)
]  # fmt: skip


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is field.default_factory is dataclasses.MISSING:
        return "required"
    value = field.default if field.default is not dataclasses.MISSING else field.default_factory()  # type: ignore[misc]
    if value is None or value in ("", (), {}) or dataclasses.is_dataclass(value):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        texts = [str(v) for v in value]
        return "every number" if texts == [""] else ", ".join(texts) if len(texts) < 4 else f"{texts[0]} … {texts[-1]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_example_is_the_office_of_the_tests() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert read_toml(example) == OFFICE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_documented_with_its_default(kind: type) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| .+ \|$", TABLES[kind.__name__], re.MULTILINE))
    own = "number" if kind is model.UserSettings else key_of(kind)
    fields = [f for f in dataclasses.fields(kind) if f.name != own]
    if kind is model.Model:  # its tables have sections of their own
        fields = [f for f in fields if f"## `[{f.name}" not in TEXT]
    assert rows == {f.name: _default(f) for f in fields}


def test_every_feature_code_is_documented() -> None:
    for code in CODES:
        after = f" and {code.argument}" if code.argument else ""
        assert f"| `{code.code}`{after} | {code.text} |" in TEXT


def test_every_kind_of_destination_of_the_example_is_documented() -> None:
    for _, destination in destinations(OFFICE):
        assert f"| `{destination.partition(':')[0]}:" in TEXT


@pytest.mark.parametrize("figure", [name for name in FIGURES if not name.startswith(CUSTOMER)])
def test_every_figure_of_a_rule_is_documented(figure: str) -> None:
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \| (?:call|side) \|", TEXT, re.MULTILINE)
    assert f"`{figure}`" in " ".join(rows)
