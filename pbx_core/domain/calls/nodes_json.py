"""Nodes and the dialplan's answers as they stand in the journal, there and back."""

from __future__ import annotations

from typing import Any, cast

from pbx_core.domain.calls.events import CallEvent
from pbx_core.domain.nodes import NODES, Node, Origin, Routed, Step
from pbx_core.domain.records import from_json, to_json


def node_to_json(node: Node) -> dict[str, Any]:
    """JSON-ready; `kind` names the node."""
    return cast(dict[str, Any], to_json(node))


def node_from_json(data: Any) -> Node:
    """The inverse; ValueError names what is missing, unknown or of a wrong type."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in NODES:
        raise ValueError(f"no node of kind {kind!r}")
    return cast(Node, from_json(NODES[kind], data))


def routed_detail(destination: str, routed: Routed) -> dict[str, Any]:
    """The fields of a `routed` event."""
    return {
        "destination": destination,
        "node": node_to_json(routed.node),
        "steps": to_json(routed.steps),
        "visited": list(routed.visited),
        "origin": to_json(routed.origin),
    }


def routed_of(event: CallEvent) -> Routed:
    """What a `routed` event says."""
    detail = event.detail
    return Routed(
        node=node_from_json(detail["node"]),
        steps=tuple(from_json(Step, step) for step in detail.get("steps", ())),
        visited=tuple(str(v) for v in detail.get("visited", ())),
        origin=from_json(Origin, detail["origin"]),
    )
