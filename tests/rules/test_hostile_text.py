"""Text from outside must not reach a Streamlit call that reads Markdown or HTML: there it could make the viewer's
browser fetch an address, or change the page. Such calls may be given only text that stands in our source, numbers
formatted by ours, or what `formatting.plain` has escaped. Our browser components never set markup."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
# calls whose text arguments are read as Markdown or HTML; for each the keywords that are text, besides what is first
RISKY = {
    "write", "write_stream", "markdown", "title", "header", "subheader", "caption", "html", "error", "warning", "info",
    "success", "exception", "toast", "table", "latex", "radio", "button", "link_button", "page_link", "checkbox",
    "toggle", "selectbox", "multiselect", "text_input", "text_area", "number_input", "date_input", "slider",
    "segmented_control", "pills", "tabs", "expander", "popover", "metric", "status", "spinner", "badge", "image",
    "audio", "video", "download_button", "file_uploader", "iframe", "logo_text", "chat_message", "dialog",
}  # fmt: skip
FORBIDDEN = {"html", "audio", "video", "image", "download_button", "write", "table", "iframe"}
LABELS = {"label", "body", "help", "options", "caption", "captions", "title", "delta", "value"}
OURS = {"plain", "number", "seconds", "figure"}  # functions of dashboard.formatting
# contents and options: plain
LABEL_ONLY = {"text_input", "text_area", "date_input", "number_input", "selectbox", "multiselect"}
MODULES = sorted(DASHBOARD.rglob("*.py"))
SCRIPTS = sorted(p for p in DASHBOARD.rglob("*.js") if p.name != "wavesurfer.esm.js")


def constant(node: ast.expr, known: dict[str, ast.expr]) -> bool:
    """Whether a text is ours: literal, joined of literals, a constant of the module, or escaped."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr():
            return all(constant(v, known) for v in node.values)
        case ast.FormattedValue():
            return constant(node.value, known)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="formatting"), attr=name)):
            return name in OURS
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.IfExp():
            return constant(node.body, known) and constant(node.orelse, known)
        case ast.Subscript(value=ast.Dict() as table):
            return all(constant(v, known) for v in table.values)
        case ast.List() | ast.Tuple() | ast.Set():
            return all(constant(v.value if isinstance(v, ast.Starred) else v, known) for v in node.elts)
        case ast.Dict():
            return all(k is not None and constant(k, known) for k in node.keys)
        case ast.BinOp():
            return constant(node.left, known) and constant(node.right, known)
        case ast.Name(id=name):
            return name in known and constant(known[name], known)
    return False


def findings(path: Path, source: str | None = None) -> list[str]:
    """Every risky call with a text that is not ours."""
    tree = ast.parse(source if source is not None else path.read_text())
    known = {
        t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }
    out = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RISKY):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("st", "left", "right")):
            continue
        name, place = node.func.attr, f"{path.name}:{node.lineno}: st.{node.func.attr}"
        if name in FORBIDDEN:
            out.append(f"{place} is not used here at all")
        texts = list(node.args) if name not in LABEL_ONLY else node.args[:1]
        if name == "page_link":
            texts = texts[1:]  # the first is the page
        texts += [
            k.value
            for k in node.keywords
            if k.arg in LABELS and not (k.arg in ("value", "options") and name in LABEL_ONLY)
        ]
        local = {**known, **_locals(tree, node)}
        out += [f"{place}({ast.unparse(t)})" for t in texts if not constant(t, local)]
    return out


def _locals(tree: ast.Module, call: ast.Call) -> dict[str, ast.expr]:
    """Names that the enclosing function assigns exactly once."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(n is call for n in ast.walk(function)):
            assigned: dict[str, list[ast.expr]] = {}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    assigned.setdefault(node.targets[0].id, []).append(node.value)
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
                    continue
            parameters = {a.arg for a in function.args.args}
            return {k: v[0] for k, v in assigned.items() if len(v) == 1 and k not in parameters}
    return {}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(DASHBOARD)))
def test_no_page_feeds_markup_from_data(path: Path) -> None:
    assert findings(path) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(call.caller_name)",
        "st.title(f'Call of {name}')",
        "st.subheader('x', help=reason)",
        "st.radio('Who', names)",
        "st.error(str(error))",
        "st.metric('x', row.value)",
        "st.button(label=row.name)",
        "st.write('x')",
        "st.audio(path)",
        "st.toast('Hello ' + name)",
        "def f(t):\n    st.title(t)",
    ],
)
def test_the_check_sees_what_it_looks_for(line: str) -> None:
    assert findings(Path("x.py"), line)


@pytest.mark.parametrize("line", ["st.title('Calls')", "st.text(name)", "st.metric(formatting.plain(t), '3')"])
def test_the_check_lets_good_lines_pass(line: str) -> None:
    assert not findings(Path("x.py"), line)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_no_component_sets_markup(path: Path) -> None:
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser|srcdoc"
    assert re.findall(markup, path.read_text()) == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    files = [*MODULES, *SCRIPTS, *DASHBOARD.rglob("*.css"), *DASHBOARD.rglob("*.html")]
    addresses = {
        found
        for path in files
        for found in re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"'`)]*", path.read_text())
    }
    assert {a for a in addresses if "www.w3.org" not in a} == set()
