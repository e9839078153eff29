"""Lets one SELECT over the views pass, and nothing else. The engine's own parser says what a text is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from analytics.tenantsql.views import SHOWN
from pbx_core.errors import InputError

SQL_CHARS_MAX = 50_000
_PLACES = frozenset({"BASE_TABLE", "JOIN", "SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY"})  # after FROM
_FROM_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
_NOT_CALLED = frozenset({"current_setting", "getenv", "getvariable", "query", "query_table", "nextval", "currval"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # of a WITH: one that cannot be taken for a file


def check(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """InputError says what is not allowed."""
    if len(sql) > SQL_CHARS_MAX:
        raise _refused(f"it is longer than {SQL_CHARS_MAX} characters")
    row = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    told = json.loads(row[0]) if row else {}
    if told.get("error", True):
        raise _refused(str(told.get("error_message", "it is no SQL"))[:300])
    statements = told.get("statements", [])
    if len(statements) != 1:
        raise _refused("it must be one SELECT")
    nodes = list(_nodes(statements))
    named = {str(e["key"]) for n in nodes for e in (n.get("cte_map") or {}).get("map", [])}
    named |= {str(n["cte_name"]) for n in nodes if "cte_name" in n}
    for name in sorted(named):
        if not _NAME.fullmatch(name):
            raise _refused(f"{name[:60]!r} is no name for a WITH")
    for node in nodes:
        _look(node, named)


def _look(node: dict[str, Any], named: set[str]) -> None:
    kind = node.get("type")
    if {"sample", "alias"} <= node.keys() and kind not in _PLACES:
        raise _refused("only tables, subqueries and joins may stand after FROM (no SHOW, DESCRIBE, SUMMARIZE)")
    if "table_name" in node and (kind == "BASE_TABLE" or "schema_name" in node):
        name, elsewhere = str(node["table_name"]), node.get("schema_name") or node.get("catalog_name")
        if elsewhere or name.lower() not in {n.lower() for n in (*SHOWN, *named)}:
            raise _refused(f"there is no table {name[:60]!r} here; there are {', '.join(SHOWN)}")
    if kind == "TABLE_FUNCTION":
        function = node.get("function") or {}
        if str(function.get("function_name", "")).lower() not in _FROM_FUNCTIONS:
            raise _refused(f"after FROM only these functions are allowed: {', '.join(sorted(_FROM_FUNCTIONS))}")
    if "function_name" in node:
        name = str(node["function_name"]).lower()
        if name in _NOT_CALLED:
            raise _refused(f"the function {name[:60]!r} is not allowed")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the parsed statement."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def _refused(why: str) -> InputError:
    return InputError(f"This was not asked: {why}.", error_id="bad_sql")
