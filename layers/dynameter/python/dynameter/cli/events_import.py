"""``dynameter events import``: files into events."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from dynameter.access.key import parse
from dynameter.cli.imports import checkpoint, importer, records
from dynameter.cli.imports.importer import Fate, Outcome, Tally
from dynameter.cli.imports.job import Format, Job, UnusableFile
from dynameter.cli.imports.lines import Position
from dynameter.cli.imports.records import EventMap, Record
from dynameter.cli.imports.senders import EventSender, ExchangeSender
from dynameter.cli.options import CommaList, service_options
from dynameter.cli.output import safe
from dynameter.cli.progress import progress_bar
from dynameter.cli.session import Session, pass_session

TROUBLES_SHOWN = 20
TROUBLE = 1
"""The exit code where something was rejected or in conflict."""

_formats = click.Choice([one.value for one in Format])
_batch = click.IntRange(1, importer.MAX_BATCH)
_parallel = click.IntRange(1, importer.MAX_PARALLEL)
_new_file = click.Path(dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=_formats, help="Else by the file's name.")
@click.option("--type", help="The events' type, where no column says it.")
@click.option("--type-column", help="The column that holds it, of JSON a dotted path.")
@click.option("--subject", help="The events' subject, where no column says it.")
@click.option("--subject-column")
@click.option("--time-column")
@click.option("--time-format", default=records.RFC3339, show_default=True, help="Or epoch, epoch-ms, %Y-%m-%d ...")
@click.option("--id-column", help="Else ids are made of the lines.")
@click.option("--data-columns", type=CommaList(), help="What goes into data. [default: all other columns]")
@click.option("--user-field", default="", help="Of an access log: what names the user. [default: anonymous]")
@click.option("--source", default="", help="The events' source. [default: the file's name]")
@click.option("--batch", type=_batch, default=importer.DEFAULT_BATCH, show_default=True, help="Events a request.")
@click.option(
    "--parallel", type=_parallel, default=importer.DEFAULT_PARALLEL, show_default=True, help="Requests at once."
)
@click.option("--restart", is_flag=True, help="Begin at the first line though an import could go on.")
@click.option("--rejects", type=_new_file, help="Write conflicts and rejections to this file, as JSON lines.")
@click.option("--dry-run", is_flag=True, help="Read the file, say what is wrong with it, send nothing.")
@service_options
@pass_session
def import_events(session: Session, file: Path, form: str | None, **options: Any) -> int:
    """Send the events of FILE: CSV, JSON lines, CloudEvents or an access log, gzip or plain.

    Access logs are those of API Gateway, ALB and CloudFront, and the common log format; their requests are measured
    by the workspace's routes.

    Whatever stops it, it goes on where it was when it is run again. A file that was imported before finds its events
    stored already: nothing counts twice.
    """
    columns = options["data_columns"]
    named = {name: options[name] for name in EventMap.__slots__ if name != "data_columns"}
    mapping = EventMap(**named, data_columns=None if columns is None else tuple(columns))
    tally = Tally()
    try:
        job = Job.of(file, Format(form) if form else None, mapping, options["user_field"])
        _run(session, job, tally, options)
    except UnusableFile as error:
        raise click.UsageError(str(error)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise click.UsageError(f"{file}: {error}") from None
    _report(session, tally, dry_run=options["dry_run"])
    return 0 if tally.clean else TROUBLE


def _run(session: Session, job: Job, tally: Tally, options: Mapping[str, Any]) -> None:
    """Send the file, from where an earlier import stopped."""
    dry_run, state = options["dry_run"], checkpoint.state_path(job.path)
    digest = "" if dry_run else job.digest(_destination(session))
    kept = None if dry_run or options["restart"] else checkpoint.read(state)
    if kept is not None and kept.digest != digest:
        session.output.note("the import that was stopped had other settings: beginning at the first line")
        kept = None
    keeper = checkpoint.Keeper(state, session.output.note)
    with job.records(kept) as (found, resumed):
        if kept is not None:
            _tell_resumption(session, kept, tally, resumed)
        with _rejects(options["rejects"], resumed) as rejects, progress_bar(job.path.name, _size(job.path)) as show:

            def settled(position: Position, outcomes: Sequence[Outcome]) -> None:
                tally.add(outcomes)
                _write_rejects(rejects, outcomes)
                if not dry_run:
                    counts = {fate.value: count for fate, count in tally.counts.items()}
                    keeper.keep(checkpoint.Checkpoint(digest, position, counts))
                show(position.offset, _summary(tally))

            send = _count if dry_run else _sender(session, job)
            importer.import_all(found, send, settled, size=options["batch"], parallel=options["parallel"])
    if not dry_run:
        keeper.forget()


def _sender(session: Session, job: Job) -> EventSender | ExchangeSender:
    if job.format.log is None:
        return EventSender(session.client)
    return ExchangeSender(session.client, session.workspace)


def _tell_resumption(session: Session, kept: checkpoint.Checkpoint, tally: Tally, resumed: bool) -> None:
    if not resumed:
        session.output.note("the file has changed since its import was stopped: beginning at the first line")
        return
    session.output.note(f"going on after line {kept.position.line}")
    for fate in Fate:
        tally.counts[fate] = kept.counts.get(fate.value, 0)


def _destination(session: Session) -> list[str | None]:
    known = parse(session.place.key or "")
    return [session.place.url, session.place.workspace, known[0] if known else None]


def _count(batch: Sequence[Record]) -> list[Outcome]:
    """Of a dry run: what reads as an event would be sent."""
    return [Outcome(one.line, Fate.ACCEPTED) for one in batch]


@contextmanager
def _rejects(path: Path | None, resumed: bool) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    with path.open("a" if resumed else "w", encoding="utf-8") as file:
        yield file


def _write_rejects(file: IO[str] | None, outcomes: Sequence[Outcome]) -> None:
    if file is None:
        return
    for one in outcomes:
        if one.reason is not None:
            file.write(json.dumps({"line": one.line, "fate": one.fate.value, "reason": one.reason}) + "\n")
    file.flush()


def _size(path: Path) -> int | None:
    """The file's bytes; None where they are packed, so that the bytes to come are not known."""
    return None if path.name.endswith(".gz") else path.stat().st_size


def _summary(tally: Tally) -> str:
    return ", ".join(f"{count:,} {fate.value}" for fate, count in tally.counts.items() if count)


def _report(session: Session, tally: Tally, *, dry_run: bool) -> None:
    for one in tally.troubles[:TROUBLES_SHOWN]:
        session.output.note(f"line {one.line}: {one.fate.value}: {one.reason}")
    told = min(len(tally.troubles), TROUBLES_SHOWN)
    troubles = tally.counts[Fate.CONFLICT] + tally.counts[Fate.REJECTED]
    if troubles > told:
        session.output.note(f"and {troubles - told} more; --rejects FILE keeps them all")
    counts: dict[str, Any] = {fate.value: count for fate, count in tally.counts.items()}
    if dry_run:
        counts = {"readable": counts[Fate.ACCEPTED.value], "rejected": counts[Fate.REJECTED.value]}
    if session.output.json:
        shown = [{"line": one.line, "fate": one.fate.value, "reason": safe(one.reason or "")} for one in tally.troubles]
        session.output.document({**counts, "troubles": shown})
    else:
        session.output.record(counts)
