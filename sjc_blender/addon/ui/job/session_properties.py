# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of jobs and their chosen entries: ``window_manager.sjc``, never saved.

Lists of Blender's interface show collections of properties, and live jobs are no properties: the collections
here hold names, which a listener of the pump keeps in step with the jobs. Nothing is written while drawing.
"""

from collections.abc import Sequence
from types import ModuleType

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from ... import api
from ...jobs import job_queue, known_jobs, live_volume, pump
from ...jobs.job import Job
from ...jobs.job_records import JobRecord
from ...process_keeper import PROCESSES
from ...results import viewport_colours
from ..shared import previews
from . import variations
from .job_status import record_settings

MOST_PICTURES = 60
"""Of the history, that can be chosen by their pictures."""


def _set_live_volume(_session: bpy.types.PropertyGroup, value: bool) -> None:
    live_volume.enabled = value
    PROCESSES.ensure_running()


Item = tuple[str, str, str, int, int]

_shown: list[Item] = []
"""The last items of the enumeration: Blender keeps pointers to these texts, so they must stay alive."""


def _pictures(session: bpy.types.PropertyGroup, _context: bpy.types.Context | None) -> list[Item]:
    items = []
    for number, entry in enumerate(session.history[:MOST_PICTURES]):  # type: ignore[attr-defined]
        record = _records.get(entry.name)
        picture = previews.icon(record.picture) if record is not None and record.picture is not None else 0
        told = record_settings(record) if record is not None else ""
        items.append((entry.name, entry.prompt, told, picture, number))
    _shown[:] = items
    return _shown


class SJC_PG_entry(bpy.types.PropertyGroup):
    """One line of a list; its `name` is what it is found by."""

    prompt: StringProperty(name="Prompt", description="The prompt; the list can be searched for it")


class SJC_PG_session(bpy.types.PropertyGroup):
    """State of the interface for as long as Blender runs, and the way to the API for scripts."""

    @property
    def api(self) -> ModuleType:
        """`sjc_blender.addon.api`, whatever the extension's repository is called."""
        return api

    jobs: CollectionProperty(name="Jobs", description="The jobs of this session", type=SJC_PG_entry)
    job_index: IntProperty(name="Job", description="The chosen job, which the box shows", options={"SKIP_SAVE"})
    history: CollectionProperty(name="History", description="Jobs that have ended", type=SJC_PG_entry)
    history_index: IntProperty(name="Entry", description="The chosen entry", options={"SKIP_SAVE"})
    variations: IntProperty(
        name="Variations",
        description="Number of variations, each with its own seed. If there are several, none is imported "
        "automatically: keep those that you like, now or later from the history",
        default=1,
        min=1,
        max=variations.MOST,
        options={"SKIP_SAVE"},
    )
    history_picture: EnumProperty(
        name="Entry",
        description="The chosen entry; click its picture to choose another one by its picture",
        items=_pictures,
        get=lambda session: session.history_index,
        set=lambda session, number: setattr(session, "history_index", number),
        options={"SKIP_SAVE"},
    )
    live_volume: BoolProperty(
        name="Live Volume",
        description="Show the object as a coarse volume in the viewport while it forms",
        get=lambda _session: live_volume.enabled,
        set=_set_live_volume,
    )
    colours: BoolProperty(
        name="Colours",
        description="Show results in their own colours: in Solid shading, and by Material Preview while an object "
        "forms. Switch it off to restore the viewports",
        get=lambda _session: viewport_colours.wished(),
        set=lambda _session, wished: viewport_colours.wish(wished),
    )


def chosen_job(session: SJC_PG_session) -> Job | None:
    """Return the job chosen in the list."""
    if not 0 <= session.job_index < len(session.jobs):
        return None
    return job_queue.QUEUE.find(session.jobs[session.job_index].name)


def chosen_record(session: SJC_PG_session) -> JobRecord | None:
    """Return the entry chosen in the history."""
    if not 0 <= session.history_index < len(session.history):
        return None
    return record_of(session.history[session.history_index].name)


class SearchedByPrompt:
    """A mix-in for lists of entries, whose search goes by the prompt."""

    def filter_items(self, context, data, propname):  # type: ignore[no-untyped-def]
        wanted, flag = self.filter_name.casefold(), self.bitflag_filter_item
        entries = getattr(data, propname) if wanted else ()
        return [flag if wanted in entry.prompt.casefold() else 0 for entry in entries], []


def record_of(folder: str) -> JobRecord | None:
    """Return the record of the job in a folder."""
    return _records.get(folder)


_records: dict[str, JobRecord] = {}


def keep_in_step() -> None:
    """Update the lists; the chosen entries stay chosen."""
    session: SJC_PG_session = bpy.context.window_manager.sjc
    _fill_jobs(session)
    _records.clear()
    _records.update({str(record.folder.path): record for record in known_jobs.history()})
    entries = [(folder, record.subject) for folder, record in _records.items()]
    session.history_index = _fill(session.history, entries, session.history_index)


def _fill_jobs(session: SJC_PG_session) -> None:
    """List the jobs, the last in line first: nothing changes its place when one ends and the next one begins.

    What is chosen stays chosen. But when jobs came, and what was chosen has ended, the first of those that live is.
    """
    jobs = {job.id: job for job in job_queue.QUEUE.jobs}
    before = {entry.name for entry in session.jobs}
    chosen = chosen_job(session)
    entries = [(name, job.spec.subject) for name, job in reversed(jobs.items())]
    session.job_index = _fill(session.jobs, entries, session.job_index)
    kept = chosen is not None and chosen.id in jobs and (chosen.live or jobs.keys() <= before)
    first = next((name for name, job in jobs.items() if job.live), None)
    if not kept and first is not None:
        session.job_index = [entry.name for entry in session.jobs].index(first)


def _fill(collection, entries: Sequence[tuple[str, str]], index: int) -> int:  # type: ignore[no-untyped-def]
    """Write `entries` into a collection where it says anything else; give the index of what was at `index`."""
    if [entry.name for entry in collection] == [name for name, _prompt in entries]:
        return index
    chosen = collection[index].name if 0 <= index < len(collection) else ""
    collection.clear()
    for name, prompt in entries:
        entry = collection.add()
        entry.name, entry.prompt = name, prompt
    return next((place for place, (name, _prompt) in enumerate(entries) if name == chosen), 0)


PROPERTIES = ((bpy.types.WindowManager, "sjc", PointerProperty(type=SJC_PG_session)),)
HOOKS = ((pump.LISTENERS, keep_in_step),)


def unregister() -> None:
    """Forget the jobs of this session."""
    _records.clear()
    variations.forget()
