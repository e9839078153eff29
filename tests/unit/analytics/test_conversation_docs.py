"""What docs/conversations.md says of rules and parameters is what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.conversations import rules

TEXT = " ".join((Path(__file__).parents[3] / "docs" / "conversations.md").read_text().split())


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda r: r.id)
def test_every_rule_stands_there(rule: rules.Rule):
    name = str(rule.gives).replace("_", " ")
    assert f"| {name} | `{rule.id}` |" in TEXT


def test_version_and_parameters_stand_there():
    for text in (
        f"`{rules.DEFINITION_VERSION}`",
        f"**{rules.REPEAT_WINDOW_S // 60} minutes**",
        f"after {rules.ATTEMPTS_MAX} attempts",
        f"at most {rules.REPEAT_DAYS} days",
        f"**{rules.RECOVERY_DAYS} days**",
        f"{rules.STORY_HOURS} hours old",
    ):
        assert text in TEXT, text
    assert all(f"**{role}**" in TEXT for role in rules.ROLES if role != "first")
