"""The console command `callbench`: finds its sub-commands among the entry points and loads only the one asked for."""

from __future__ import annotations

import ast
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import click

from pbx_core import __version__
from pbx_core.errors import CallbenchError
from pbx_core.parent import end_with_supervisor

GROUP = "callbench.commands"


class LazyGroup(click.Group):
    """A click group whose commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(point.name for point in entry_points(group=GROUP))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for point in entry_points(group=GROUP, name=name):
            command: click.Command = point.load()
            return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, but the sentences are read in the sources: to import every command takes seconds."""
        points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
        limit = formatter.width - 6 - max(len(point.name) for point in points)
        with formatter.section("Commands"):
            formatter.write_dl([(p.name, _described(p).get_short_help_str(limit)) for p in points])


def _described(point: EntryPoint) -> click.Command:
    """A command that has nothing but the docstring of the function."""
    spec = find_spec(point.module)
    source = Path(spec.origin).read_text() if spec and spec.origin else ""
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return click.Command(point.name, help=next((ast.get_docstring(f) for f in functions if f.name == point.attr), None))


@click.command(cls=LazyGroup)
@click.version_option(__version__, prog_name="callbench")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CALLBENCH_DATA",
    default="data",
    show_default=True,
    help="The one data directory.",
)
@click.pass_context
def callbench(ctx: click.Context, data: Path) -> None:
    """A virtual PBX that records its calls, and a workbench in which people learn from them."""
    ctx.obj = data


def main() -> None:
    """Entry point: an expected error becomes one clear sentence and exit code 1, never a traceback."""
    os.umask(0o027)  # what is written here is about people's calls: nobody outside our group reads it
    try:
        end_with_supervisor()
        callbench(standalone_mode=True)
    except CallbenchError as error:
        click.echo(f"callbench: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
