"""What a tenant wishes to hear, written wrongly: every mistake by its place, and what is fine is left in peace."""

from __future__ import annotations

from typing import Any

import pytest

from pbx_core.domain.modelfile import ModelError, from_document, to_document
from tests.support.dialplan import OFFICE

ITEM = {"title": "Hello", "phrases": ["hello"]}


def _office(**speech: Any) -> dict[str, Any]:
    return {**to_document(OFFICE), "speech": speech}


def _tracker(**fields: Any) -> dict[str, Any]:
    return {"trackers": {"t": {"phrases": ["refund"], **fields}}}


def _checklist(**fields: Any) -> dict[str, Any]:
    return {"checklists": {"c": {"items": [ITEM], **fields}}}


def _rule(*when: str, **fields: Any) -> dict[str, Any]:
    return {**_tracker(), **_checklist(), "rules": {"r": {"when": list(when), "tag": "x", **fields}}}


@pytest.mark.parametrize(
    ("speech", "said"),
    [
        (_tracker(phrases=[]), "speech.trackers.t.phrases: is empty: nothing could ever match"),
        (_tracker(phrases=["refund", " …"]), "speech.trackers.t.phrases.2: has no word in it"),
        (_tracker(phrases=["a " * 11]), "speech.trackers.t.phrases.1: is longer than 10 words or 100 characters"),
        (_tracker(phrases=["x"] * 101), "speech.trackers.t.phrases: 101 entries are more than 100"),
        (_tracker(unless=[""]), "speech.trackers.t.unless.1: has no word in it"),
        (_tracker(from_s=30, to_s=30), "speech.trackers.t.to_s: could never match: 30 s is not after from_s, 30 s"),
        (_tracker(from_s=-1), "speech.trackers.t.from_s: -1 is not within 0 to 36000"),
        (_tracker(side="both"), "speech.trackers.t.side: one of any, agent, customer was expected, not both"),
        (_tracker(name="x" * 65), "speech.trackers.t.name: is longer than 64 characters"),
        ({"trackers": {"Big One": {"phrases": ["x"]}}}, "speech.trackers.Big One: a name is 1 to 32 of a-z"),
        ({"trackers": {f"t{i}": {"phrases": ["x"]} for i in range(201)}}, "speech.trackers: 201 entries are more"),
        (_checklist(items=[]), "speech.checklists.c.items: is empty"),
        (_checklist(items=[ITEM, ITEM]), "speech.checklists.c.items.2.title: 'Hello' stands there twice"),
        (_checklist(items=[{**ITEM, "title": " "}]), "speech.checklists.c.items.1.title: is 1 to 64 characters"),
        (_checklist(items=[{**ITEM, "phrases": ["?"]}]), "speech.checklists.c.items.1.phrases.1: has no word in it"),
        (_checklist(queues=["suport"]), "speech.checklists.c.queues.1: no queue `suport`; did you mean `support`?"),
        (
            _checklist(directions=["in"]),
            "speech.checklists.c.directions.1: 'in' is none of inbound, outbound, internal",
        ),
        (_rule("tracker:x"), "speech.rules.r.when.1: no tracker `x`"),
        (_rule("tracker:t", "checklist:cc < 1"), "speech.rules.r.when.2: no checklist `cc`"),
        (_rule("silense_s > 30"), "speech.rules.r.when.1: no figure `silense_s`; did you mean `silence_s`?"),
        (_rule("silence_s is long"), "speech.rules.r.when.1: 'silence_s is long' is no condition; write tracker:ID"),
        (_rule("tracker:t", "not tracker:t"), "speech.rules.r.when.2: could never hold"),
        (_rule(), "speech.rules.r.when: is empty: the rule would hold for every call"),
        (_rule("tracker:t", tag=""), "speech.rules.r: does nothing"),
        (_rule("tracker:t", tag="x" * 33), "speech.rules.r.tag: is 1 to 32 characters"),
        (_rule("tracker:t", score=101), "speech.rules.r.score: 101 is not within -100 to 100"),
        ({"never": ["199"]}, "speech.never.1: no extension `199`"),
        ({"glossary": ["--"]}, "speech.glossary.1: has no word in it"),
        ({"redact": {"names": ["x"] * 1001}}, "speech.redact.names: 1001 entries are more than 1000"),
    ],
)
def test_every_mistake_is_named_by_its_place(speech: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        from_document(_office(**speech))
    assert [m for m in caught.value.mistakes if said in f"{m.place}: {m.text}"], caught.value


@pytest.mark.parametrize(
    "speech",
    [
        _rule("tracker:t", "checklist:c < 0.8", "customer_patience_s >= 1.5", alert=True, tag="", score=-2.5),
        _tracker(phrases=["деньги назад", "акча"], unless=["don't"], from_s=10),
        _checklist(queues=["support"], directions=[]),
        {"never": ["101"], "glossary": ["O'Hara & Co."], "redact": {"cards": True}},
    ],
)
def test_what_holds_together_is_taken(speech: dict[str, Any]) -> None:
    assert to_document(from_document(_office(**speech)))["speech"]
