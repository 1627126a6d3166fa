"""The console script ``tuwen``: switches, exit codes and messages; commands live in ``cli_*.py``.

Heavy imports stay inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from core_embeddings.errors import TuwenError
from tuwen import (
    cli_change,
    cli_data,
    cli_describe,
    cli_fit,
    cli_lists,
    cli_review,
    cli_search,
    cli_trust,
    cli_why,
)
from tuwen.session import Session

FLAGS = frozenset({"--json", "--quiet", "--verbose"})
PACKAGES = ("core_embeddings", "retrieve", "classify", "recommend", "tuwen")
INTERRUPTED = 130
BROKEN_PIPE = 141


class _Group(TyperGroup):
    """Turns Ctrl-C and a closed pipe into their usual exit codes, silently."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.stderr.write("\ntuwen: stopped; the same command goes on where it stopped\n")
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(BROKEN_PIPE) from None


app = typer.Typer(
    cls=_Group,
    name="tuwen",
    help="Search, tag and recommend products by their pictures and words.",
    epilog="Every command also takes --json, --seed N, --quiet, --verbose. Start: tuwen demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"tuwen {version('tuwen')}")
        raise typer.Exit


@app.callback()
def _switches(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Makes a run repeatable.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no notes.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="More notes, tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print version.")
    ] = False,
) -> None:
    context.obj = Session(as_json, seed, quiet)


COMMANDS = (
    cli_data,
    cli_fit,
    cli_search,
    cli_lists,
    cli_change,
    cli_review,
    cli_why,
    cli_describe,
    cli_trust,
)
for module in COMMANDS:
    module.register(app)


def hoist(arguments: Sequence[str]) -> list[str]:
    """Move the switches of every command to the front, where the parser expects them.

    >>> hoist(["search", "shop", "red dress", "--json", "--seed", "3"])
    ['--json', '--seed', '3', 'search', 'shop', 'red dress']
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word == "--seed":
            front += [word, *waiting[:1]]
            del waiting[:1]
        elif word in FLAGS or word.startswith("--seed="):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    verbose = "--verbose" in arguments
    try:
        app(args=hoist(arguments), prog_name="tuwen")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return INTERRUPTED
    except TuwenError as error:
        if verbose:
            raise
        sys.stderr.write(f"tuwen: {error}\n")
        return 1
    except Exception as error:
        if verbose:
            raise
        sys.stderr.write(
            f"tuwen: unexpected {type(error).__name__}: {error}\n"
            "tuwen: run it again with --verbose for the full trace\n"
        )
        return 1
    return 0


def _prepare_process() -> None:
    """Set what libraries read when they are first imported, unless the user set it otherwise.

    Use half the cores, at most 4, for torch and one for BLAS. Measured: a second thread
    on a busy machine costs more than it brings, and implicit is ten times slower where BLAS has
    threads of its own. MLflow keeps its progress bars to itself: our own lines say what happens.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, min(4, (os.cpu_count() or 2) // 2))))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


def _tell_more() -> None:
    """Let our own packages' informational log lines through to stderr."""
    logging.basicConfig(format="%(message)s")
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    _prepare_process()
    given = sys.argv[1:] if arguments is None else arguments
    if "--verbose" in given:
        _tell_more()
    raise SystemExit(run(given))


if __name__ == "__main__":
    main()
