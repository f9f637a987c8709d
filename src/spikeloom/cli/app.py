"""The command ``spikeloom``: its global options, and what becomes of errors.

Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from spikeloom.cli import commands, proofs, stages

__all__ = ["main", "run"]

_INTERRUPTED = 130

app = typer.Typer(
    name="spikeloom",
    help="From a trained spiking network to a running FPGA, bit for bit.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with an error; anywhere.")
    ] = False,
) -> None:
    if version:
        import spikeloom

        typer.echo(f"spikeloom {spikeloom.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


stages.add_to(app)
commands.add_to(app)
proofs.add_to(app)


def main() -> None:
    """Run the command line that this process was started with, and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    # Also taken after the command's name, where one looks for it once something has failed.
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    try:
        code = app(arguments, prog_name="spikeloom", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter's own flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        message, code = _explain(error)
        if debug and code == 1:
            traceback.print_exc()
        return _fail(message, code)
    # typer turns Ctrl-C into this code, or into Abort, as its version has it.
    if code == _INTERRUPTED:
        return _fail("interrupted; finished stages are kept, run again to continue", code)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> tuple[str, int]:
    """One line for people, and the exit code."""
    if hasattr(error, "format_message"):
        # A usage error. Which library its class comes from depends on typer's version.
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "spikeloom"
        return f"{error.format_message().rstrip('.')} (see `{command} --help`)", 2
    from spikeloom.hls_model.errors import SpikeloomError

    if isinstance(error, SpikeloomError):
        return str(error), 1
    advice = "run again with --debug and report the traceback"
    return f"unexpected {type(error).__name__}: {error}; {advice}", 1


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return code
