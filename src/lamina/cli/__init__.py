"""The command line: `lamina demo`, `info`, `launch`, `train`, `predict` and further commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from lamina.cli import runs
from lamina.errors import ArgumentError, LaminaError
from lamina.version import __version__

DATA = ("auto", "mnist", "fashion_mnist", "digits")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status. Errors of Lamina are one message, no traceback."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "demo":
            from lamina.cli.demo import demo

            demo(options.data, options.epochs, options.out, options.seed)
        elif options.command == "launch":
            return _launch(options)
        elif options.command in runs.COMMANDS:
            runs.run(options)
        elif options.command == "zoo":
            from lamina.cli.zoo import zoo

            print(zoo(options.name))
        else:
            from lamina.cli.info import info

            print(info())
    except LaminaError as error:
        print(f"lamina {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `lamina info | head -1`
        sys.stderr.close()
        return 141
    except OSError as error:  # a full disk, a folder of another user
        print(f"lamina {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="lamina",
        description="Deep learning in Python, compiled on the machine you own.",
        epilog="Settings are environment variables (LAMINA_THREADS, LAMINA_DATA, ...); `lamina "
        "info` lists them.",
    )
    top.add_argument("--version", action="version", version=f"lamina {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser(
        "demo",
        help="train a network to read handwritten digits, and watch it learn",
        description="Trains a network of one hidden layer on handwritten digits, tests it on "
        "digits it has never seen, and saves the model and a figure.",
    )
    run.add_argument(
        "--data",
        choices=DATA,
        default="auto",
        help="what to learn: auto (MNIST where it can be had, else the digits in the package), or "
        "one of the others",
    )
    run.add_argument(
        "--epochs", type=_count, metavar="N", help="how often to go through the data (5; digits 30)"
    )
    run.add_argument("--out", default=".", metavar="FOLDER", help="where the files go (here)")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed repeats (0)")
    commands.add_parser(
        "info",
        help="what Lamina found on this machine, and its settings",
        description="Prints versions, machine, threads, vector width, engines, cache and settings.",
    )
    shown = commands.add_parser(
        "zoo",
        help="networks of the literature: parameters, FLOPs, memory, papers, accuracies",
        description="Prints a table of the networks of lm.zoo, or what is known of one.",
    )
    shown.add_argument(
        "name", nargs="?", metavar="NAME", help="a network, or the beginning of names (all)"
    )
    _add_launch(commands)
    runs.add(commands)
    return top


def _add_launch(commands: Any) -> None:
    run = commands.add_parser(
        "launch",
        help="run a program in several processes, on one host or several",
        description="Starts a Python program in several processes of this host, which "
        "lm.distribution.initialize() connects. On several hosts, run it on each with "
        "--coordinator, --total and --first.",
    )
    run.add_argument("--processes", type=_count, default=1, metavar="N", help="on this host (1)")
    run.add_argument("--coordinator", metavar="HOST:PORT", help="of process 0 (a free port here)")
    run.add_argument("--total", type=_count, metavar="N", help="processes on all hosts")
    run.add_argument("--first", type=int, default=0, metavar="K", help="the first number here (0)")
    run.add_argument(
        "--devices", type=_count, metavar="N", help="virtual devices of each process's CPU, to test"
    )
    run.add_argument("program", help="the Python program")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program is given")


def _launch(options: argparse.Namespace) -> int:
    from lamina.cli.launch import Job, free_address, launch

    total = options.total or options.first + options.processes
    if total > options.processes and options.coordinator is None:
        raise ArgumentError(
            "several hosts need --coordinator HOST:PORT, the address of the host of process 0"
        )
    coordinator = options.coordinator or free_address()
    return launch(
        Job(
            options.program,
            options.arguments,
            options.processes,
            total,
            options.first,
            coordinator,
            options.devices,
        )
    )


def _count(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return number
