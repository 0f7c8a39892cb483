"""The command `holdfast`. Its sub-commands are entry points of the group "holdfast.commands", so
that each package brings its own; one is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from da_node import __version__
from da_node.errors import Bug
from da_node.service import Output
from da_node.service.output import EXIT_FAILURE

GROUP: Final = "holdfast.commands"

PROGRAM: Final = "holdfast"
COMPLETION_VARIABLE: Final = "_HOLDFAST_COMPLETE"
_SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


class Commands(click.Group):
    """A click group whose sub-commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands of every installed package, and our own."""
        return sorted({*super().list_commands(ctx), *entry_points(group=GROUP).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        own = super().get_command(ctx, cmd_name)
        found = entry_points(group=GROUP, name=cmd_name)
        if own is not None or not found:
            return own
        return _command(next(iter(found)))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what no command foresaw is one line too, since a person reads it."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # the outermost frame: whatever comes here is a bug of ours
            if ctx.params["traceback"]:
                raise
            Output().fail(Bug(reason=f"{type(error).__name__}: {error}"))
            raise click.exceptions.Exit(EXIT_FAILURE) from None


def _command(entry: EntryPoint) -> click.Command:
    """The entry point's command; one that cannot be loaded becomes a command that says why, so
    that a broken package takes neither `--help` nor the other commands along.
    """
    try:
        loaded = entry.load()
    except (ImportError, AttributeError) as error:
        return _unusable(entry.name, f"{entry.value} cannot be loaded: {error}")
    if not isinstance(loaded, click.Command):
        return _unusable(entry.name, f"{entry.value} is not a command")
    return loaded


def _unusable(name: str, reason: str) -> click.Command:
    @click.command(
        name,
        short_help=f"Not usable: {reason}",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
    def unusable(ignored: tuple[str, ...]) -> None:
        raise click.ClickException(reason)

    return unusable


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
@click.option("--traceback", is_flag=True, help="Show where an internal error came from.")
def holdfast(traceback: bool) -> None:
    """Keep data available: batches in, coded, committed to, kept 18.2 days, read back verified.

    \b
    Start a node:          holdfast node run
    Post a batch:          holdfast put batch.bin
    Read it back:          holdfast get ID -o batch.bin
    Doubt what is served:  holdfast verify ID

    Commands that talk to a node take --node URL (or HOLDFAST_NODE; several are allowed) and
    --json. What they read they verify against the id, so a node need not be trusted.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
    """


@holdfast.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in a SHELL.

    \b
    bash:  holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast
    zsh:   holdfast completion zsh > ~/.zfunc/_holdfast   (a directory in $fpath)
    fish:  holdfast completion fish > ~/.config/fish/completions/holdfast.fish
    """
    script = _SHELLS[shell](holdfast, {}, PROGRAM, COMPLETION_VARIABLE).source()
    click.echo(script)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Entry point: run the command and exit with its code."""
    return holdfast(args=arguments, prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE)
