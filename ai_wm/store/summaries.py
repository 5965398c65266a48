"""The loaded definitions and their summaries: changing and writing them, and what the summaries count.

A change costs what it changes, however many definitions there are: it is durable in the journal
(`ai_wm.store.definitions_journal`), and the file follows.  The file is put together from the texts of the single
definitions, of which only those are made anew whose definition or summary changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Final, TypeVar

from ai_wm.data.headers import shown_config
from ai_wm.data.totals import ExactSum, Totals, beyond_records, mark_of
from ai_wm.data.types import AIWorkerDefinition, AIWorkerPerformanceSummary
from ai_wm.store.definition_table import DefinitionChange, DefinitionChanges, DefinitionTable
from ai_wm.store.definitions_file import DefinitionsFile, FileContent, text_of
from ai_wm.store.definitions_journal import (
    DefinitionsJournal,
    JournaledChange,
    Line,
    Signature,
    Written,
    is_complete,
    journaled,
)
from ai_wm.store.definitions_merge import Merge, merge
from ai_wm.store.files import io_error
from ai_wm.store.index import RecordIndex
from ai_wm.store.rows import Row
from neuroscript import ErrorCode, NeuroScriptError, get_logger

_LOG = get_logger("ai_wm.store")

_NUMBERS: Final = tuple(name for name in AIWorkerPerformanceSummary.model_fields if name != "counted")

_SMALL: Final = 1 << 16
"""A file of fewer bytes is written with every change."""

_BLANK_SECONDS: Final = 3.0
"""How long an editor may take to fill the file that it emptied; then the file is written as if it was removed."""

_JOURNAL_BYTES: Final = 1 << 18
"""A journal of fewer bytes is not begun anew, however small the file is."""

ChangeT = TypeVar("ChangeT")


class Summaries:
    """The loaded definitions, with what their summaries count beyond the records.

    The caller holds the store's mutex, and its lock, unless said otherwise.

    Args:
        file: the file that they are in.
        journal: the journal of their changes.
    """

    def __init__(self, file: DefinitionsFile, journal: DefinitionsJournal) -> None:
        self._file = file
        self._journal = journal
        self._content = FileContent()
        self.definitions = DefinitionTable()
        self._beyond: dict[str, Totals] = {}
        """What each summary counts beyond the records, if anything."""
        self._texts: dict[str, str] = {}
        """The text of each definition, as it was made for the file, until the definition changes."""
        self._touched: set[str] = set()
        """The definitions whose summary may have changed."""
        self._lagging: set[str] = set()
        """The definitions whose summary is right, though its mark may be older."""
        self._bad: tuple[Signature | None, NeuroScriptError] | None = None
        self._blank: Signature | None = None
        """The signature of the file when it was found emptied while it was in use; it may be about to be filled."""
        self._warned: set[str] = set()
        self._unwritten = False
        """Whether a definition differs from what the file holds."""
        self._edited = False
        """Whether the file has changes that are not in the journal, so that others must not go by that alone."""
        self._secret = False
        """Whether the journal may hold a key."""
        self._stale = False
        """Whether a change may have been stored that the table does not hold: then all is read again."""
        self.unmarked = False
        """Whether a summary in the file counts tasks beyond the records, and no mark there says which."""

    # Reading

    def changed(self) -> bool:
        """Whether the definitions were changed by others since they were last read or written.  Needs no lock."""
        now = self._file.signature()
        edited = now != self._content.seen and not self._is_known(now)
        return edited or self._journal.changed() or self._stale

    def _is_bad(self, signature: Signature | None) -> bool:
        """Whether the file with this signature is known not to be valid."""
        return self._bad is not None and self._bad[0] == signature

    def _is_known(self, signature: Signature | None) -> bool:
        """Whether the file with this signature is known to hold nothing that can be taken in."""
        return self._is_bad(signature) or (self._blank is not None and self._blank == signature)

    def read(self) -> tuple[FileContent, list[Line]]:
        """Read the file and the journal; what is loaded stays as it is.

        Raises:
            NeuroScriptError: 18 if the file is not valid, 25 or 26 if one cannot be read.
        """
        content = self._file.load()
        try:
            self._journal.restore()
            return content, self._journal.read_all()
        except OSError as error:
            raise io_error(error, "read the worker definitions", self._journal.path) from error

    def take(self, index: RecordIndex, content: FileContent, lines: list[Line]) -> None:
        """Load what was read.  The index must be up to date: the marks are compared with it."""
        merged = merge(content.definitions, content.digest, lines)
        self.definitions = DefinitionTable(content.definitions.values())
        self._content, self._bad, self._blank = content, None, None
        own = content.sections is None and any(
            isinstance(line, Written) and line.digest == content.digest for line in lines
        )
        self._texts, content.texts = content.texts if own else {}, {}
        self._lagging = set()
        self._unwritten = content.incomplete or not content.digest or bool(merged.changes) or self._secret
        self._edited = merged.edited
        self._journal.expect(Written(content.digest, content.seen), merged.changes)
        self.recount(index)
        self._tell(merged)
        self._apply(index, merged.changes)
        if self._edited and self._file.writable and self._keep_replaced():
            self._begin_journal(0)  # what was edited is to be known too if the file is lost

    def _keep_replaced(self) -> bool:
        """Set aside what the journal replaces in the file; False if that failed, and is tried again by writing it."""
        try:
            for raw in self._content.aside:
                self._file.set_aside(raw)
        except OSError as error:
            _LOG.warning("%s: what is replaced could not be set aside: %s", self._file.path, error.strerror)
            return False
        return True

    def recount(self, index: RecordIndex) -> None:
        """Compare the marks with another index: all records were read anew."""
        index.touched()
        self._beyond, self._touched, self.unmarked = {}, set(), False
        for definition_id, definition in self.definitions.items():
            totals, nothing = index.totals(definition_id), Totals()
            if _is_unused(definition) and totals == nothing and not index.active_count(definition_id):
                continue
            self._touched.add(definition_id)
            summary, stored = definition.aggregate_performance_summary, index.stored_records(definition_id)
            beyond = beyond_records(summary, stored, totals)
            if beyond != nothing:
                self._beyond[definition_id] = beyond
            self.unmarked = self.unmarked or not self._is_marked(index, definition)

    def _is_marked(self, index: RecordIndex, definition: AIWorkerDefinition) -> bool:
        """Whether the file's mark tells what the summary counts beyond the records; no mark says that it is nothing."""
        beyond = self._beyond.get(definition.definition_id, Totals())
        mark = definition.aggregate_performance_summary.counted
        if not mark:
            return beyond == Totals()
        covered = index.stored_records(definition.definition_id)
        return bool(mark["records"] <= covered and mark.get("beyond", {}) == beyond.to_mark())

    def _tell(self, merged: Merge) -> None:
        """Tell of what another program did to the file, and keep what is replaced."""
        path = self._file.path
        if merged.missing:
            _LOG.warning("%s was written by another program without %s", path, _some(merged.missing))
        if merged.lost:
            what = "has nothing in it" if self._content.seen else "is missing"
            _LOG.warning(
                "%s %s; %s come%s back from %s, but the summaries count only what is in the records (to remove all "
                "definitions, write [] to the file)",
                path,
                what,
                _some(merged.lost),
                "" if len(merged.lost) > 1 else "s",
                self._journal.path,
            )
        if merged.returned:
            _LOG.warning(
                "%s was saved by another program that did not know the latest changes of %s; these are put back",
                path,
                _some(merged.returned),
            )
        if merged.aside:
            self._content.aside += [text_of(each).encode("utf-8", "replace") for each in merged.aside]
            _LOG.warning(
                "%s was changed by another program while this one changed %s too; what it says of that is kept in the "
                "quarantine",
                path,
                _some([each.definition_id for each in merged.aside]),
            )

    def refresh(self, index: RecordIndex) -> None:
        """Read what others changed.

        If the file is not valid, the definitions stay as they were, and a warning is logged; the file is not
        overwritten before it is valid (`check_file`).

        Raises:
            OSError: if it cannot be read.
        """
        self._journal.restore()
        lines = None if self._stale else self._journal.read()
        now = self._file.signature()
        known = self._is_known(now)
        if lines is None and known:  # the file is no help, but what was acknowledged is in the journal
            lines = self._journal.read_all()
            self._drop_removed(index, lines)
        if lines is not None:
            self._follow(index, lines, now)
            if known or now == self._content.seen:
                self._stale = False
                return
            if now is None:
                _LOG.warning("%s was removed while it was in use; it is written anew", self._file.path)
                self._content.seen, self._content.digest, self._content.length = None, "", 0
                self._unwritten = True
                return
        try:
            content, lines = self.read()
        except NeuroScriptError as error:
            self._bad = (now, error)
            _LOG.warning("the worker definitions were changed, but not taken in: %s", error.message)
            return
        if content.blank and self.definitions:
            self._find_blank(index, content, lines)
        else:
            self.take(index, content, lines)
            self._stale = False

    def _find_blank(self, index: RecordIndex, content: FileContent, lines: list[Line]) -> None:
        """Take an emptied file as no statement: what is loaded stays, and is durable though the file holds nothing."""
        self._blank, self._bad = content.seen, None
        self._drop_removed(index, lines)
        self._follow(index, lines, content.seen)
        self._stale, self._unwritten = False, True
        if not self._journal.is_complete and self._file.writable:
            self._journal.expect(Written(self._content.digest, self._content.seen), [])
            self._begin_journal(0, secrets=True)
        _LOG.warning(
            "%s was emptied while it was in use, as by an editor that is about to write it; the definitions stay as "
            "they are, and are written to it if it stays empty (to remove all, write [])",
            self._file.path,
        )

    def _drop_removed(self, index: RecordIndex, lines: list[Line]) -> None:
        """Take out what others removed before the journal was begun anew."""
        if is_complete(lines):
            told = {change.definition_id for line in lines if not isinstance(line, Written) for change in line}
            for definition_id in self.definitions.keys() - told:
                self._put(index, definition_id, None)

    def _is_waiting(self) -> bool:
        """Whether the file is empty, and somebody may be about to fill it."""
        now = self._file.signature()
        return self._blank is not None and now == self._blank and time.time() - now[2] / 1e9 < _BLANK_SECONDS

    def _follow(self, index: RecordIndex, lines: list[Line], now: Signature | None) -> None:
        """Take in lines of the journal that were not read before."""
        for line in lines:
            if not isinstance(line, Written):
                self._apply(index, line)
            elif line.file == now:
                self._content.seen, self._content.digest = now, line.digest
                self._content.length = 0 if now is None else now[1]
                self._unwritten = False

    def check_file(self) -> None:
        """Make sure that the file may be overwritten.

        Raises:
            NeuroScriptError: 18 if its content is not valid.
        """
        if self._bad is not None and self._is_bad(self._file.signature()):
            raise self._bad[1]

    # Changing

    def change(
        self, index: RecordIndex, change: Callable[[MutableMapping[str, AIWorkerDefinition]], ChangeT]
    ) -> ChangeT:
        """Make a change, and make it durable in the journal; see `Store.change_definitions`.

        Raises:
            NeuroScriptError: 4 for a definition that JSON has no form for, 25 or 26 if it could not be stored.
        """
        after = DefinitionChanges(self.definitions)
        result = change(after)
        made = after.made()
        if made:
            lines = journaled(made)
            self._stale = True  # until the change is applied; if this is interrupted, all is read again
            try:
                before = Written(self._content.digest, self._content.seen)
                self._journal.append(lines, before, first=not self.definitions)
            except OSError as error:
                self._stale = False
                raise io_error(error, "store the worker definitions", self._journal.path) from error
            for each in made:
                self._put(index, each.definition_id, each.new)
            self._stale = False
        return result

    def _apply(self, index: RecordIndex, changes: Iterable[JournaledChange]) -> None:
        """Apply what others changed."""
        for change in changes:
            try:
                new = None if change.new is None else AIWorkerDefinition.parse(change.new)
            except (NeuroScriptError, OverflowError) as error:
                _LOG.warning("%s: the definition %s is not valid: %s", self._journal.path, change.definition_id, error)
            else:
                self._put(index, change.definition_id, new)

    def _put(self, index: RecordIndex, definition_id: str, new: AIWorkerDefinition | None) -> None:
        """Put a definition in its place, with the summary of its records; None takes it out."""
        self._unwritten = True
        self._texts.pop(definition_id, None)
        if new is None:
            self.definitions.remove(definition_id)
            self._beyond.pop(definition_id, None)
            self._touched.discard(definition_id)
            self._lagging.discard(definition_id)
            return
        old = self.definitions.get(definition_id)
        summary = AIWorkerPerformanceSummary() if old is None else old.aggregate_performance_summary
        if new.aggregate_performance_summary != summary:
            new = new.model_copy(update={"aggregate_performance_summary": summary})
        self._secret = self._secret or _holds_secret(new)
        self.definitions.put(definition_id, self._current(index, new))
        self._lagging.add(definition_id)

    # Summaries

    def summary(self, index: RecordIndex, definition_id: str) -> AIWorkerPerformanceSummary:
        """Add up the tasks of a definition, as they are now.  Needs no lock."""
        totals = self._beyond.get(definition_id, Totals()).plus(index.totals(definition_id))
        return totals.summary(index.active_count(definition_id))

    def recovered(self, index: RecordIndex, row: Row) -> None:
        """Count a record of a dead process's call once.

        If records were missing, it is taken for one of those, which the summary counts beyond the records stored,
        unless the call began after all that the summary counted.
        """
        definition, beyond = self.definitions.get(row.definition_id), self._beyond.get(row.definition_id)
        if definition is None or beyond is None or not beyond.missing or row.start > beyond.last:
            return
        one = Totals(1, int(row.success), ExactSum([row.duration_ms]), row.tokens, ExactSum([row.cost]))
        self._beyond[row.definition_id] = beyond.without(one)
        # The older mark counts it twice.
        self.definitions.put(row.definition_id, self._current(index, definition, always=True))
        self._texts.pop(row.definition_id, None)
        self._unwritten = True

    def close(self) -> None:
        """Close the files."""
        self._journal.close()

    def outdated(self, index: RecordIndex) -> bool:
        """Whether the file does not hold the definitions as they are, with what their tasks add up to."""
        self._update(index)
        return self._unwritten and not self._is_waiting()

    def _update(self, index: RecordIndex, *, marks: bool = False) -> None:
        """Bring the summaries up to date that may have changed; ``marks``: and all older marks."""
        ids = self._touched | index.touched()
        if marks:
            ids |= self._lagging
            self._lagging = set()
        self._touched = set()
        for definition_id in ids:
            old = self.definitions.get(definition_id)
            if old is None:
                continue
            new = self._current(index, old, always=marks)
            if new is not old:
                self.definitions.put(definition_id, new)
                self._texts.pop(definition_id, None)
                self._unwritten = self._unwritten or not marks or new != old
            elif not marks and (new.aggregate_performance_summary.counted or definition_id in self._beyond):
                self._lagging.add(definition_id)

    def _current(
        self, index: RecordIndex, definition: AIWorkerDefinition, *, always: bool = False
    ) -> AIWorkerDefinition:
        """The definition with its summary as it is now; itself if the one that it has is right.

        Args:
            index: the records.
            definition: the definition.
            always: bring the mark up to date too, though an older one says the same.
        """
        definition_id, old = definition.definition_id, definition.aggregate_performance_summary
        new = self.summary(index, definition_id)
        update = {name: value for name in _NUMBERS if (value := getattr(new, name)) != getattr(old, name)}
        beyond = self._beyond.get(definition_id, Totals())
        if not update and not (always and (old.counted or beyond != Totals())):
            return definition
        mark = mark_of(index.stored_records(definition_id), beyond)
        return definition.model_copy(
            update={"aggregate_performance_summary": old.model_copy(update=update | {"counted": mark})}
        )

    # Writing

    @property
    def small(self) -> bool:
        """Whether the file is so small that it is written with every change."""
        return self._content.length < _SMALL

    def write(self, index: RecordIndex) -> None:
        """Write the definitions with the summaries as they are now.

        Args:
            index: the records.

        Raises:
            NeuroScriptError: 18 if the file was just emptied, 25 or 26 if it failed; then the file is as it was.
        """
        if self._is_waiting():
            raise NeuroScriptError(
                ErrorCode.CONFIGURATION,
                f"{self._file.path} was emptied by another program, which may be about to write it; nothing is lost, "
                f"and it is written anew once it was empty for {_BLANK_SECONDS:g} seconds: try again then",
                details={"path": str(self._file.path)},
            )
        self._update(index, marks=True)
        definitions, texts = self.definitions.values(), self._texts
        self.make_texts()
        self._unwritten = True  # until it is
        self._content = self._file.write(
            [texts[definition.definition_id] for definition in definitions], self._content, self._mark
        )
        self._bad, self._blank, self.unmarked, self._unwritten = None, None, False, False
        written = Written(self._content.digest, self._content.seen)
        self._journal.settle(written)
        most = max(_JOURNAL_BYTES, 2 * self._content.length)
        new = not self._journal.is_begun and bool(self.definitions)
        if new:
            self._journal.expect(written, [])
        if self._edited or self._secret or new or self._journal.length > most:
            self._begin_journal(0 if self._secret or self._edited else most // 4)

    def _begin_journal(self, keep: int, *, secrets: bool = False) -> None:
        """Begin the journal anew with all definitions; those with keys only on demand, until the file holds them."""
        all_ = self.definitions.values()
        told = [each for each in all_ if secrets or not _holds_secret(each)]
        secret = secrets and any(map(_holds_secret, told))
        try:
            added = journaled(DefinitionChange(each.definition_id, None, each) for each in told)
            self._journal.begin(added, keep, complete=len(told) == len(all_))
            self._edited, self._secret = False, secret
        except NeuroScriptError as error:
            _LOG.warning("%s could not be begun anew: %s", self._journal.path, error.message)
        except OSError as error:
            _LOG.warning("%s could not be begun anew: %s", self._journal.path, error)

    def make_texts(self) -> None:
        """Make the texts of the definitions that changed.  Needs no lock, which need not be held for that long."""
        for definition in self.definitions.values():
            if definition.definition_id not in self._texts:
                self._warn(definition)
                self._texts[definition.definition_id] = text_of(definition)

    def _mark(self, digest: str, seen: Signature) -> None:
        # Others read the file itself where it holds what somebody wrote by hand.
        self._journal.mark(Written(digest, None if self._edited else seen))

    def _warn(self, definition: AIWorkerDefinition) -> None:
        if definition.holds_inline_key and definition.definition_id not in self._warned:
            self._warned.add(definition.definition_id)
            _LOG.warning(
                "the key of worker definition %r is written to the definitions file, readable by its owner only; the "
                "method env_var keeps it out of files",
                definition.name,
            )


def _is_unused(definition: AIWorkerDefinition) -> bool:
    """Whether the file says nothing of what a definition was used for."""
    return "aggregate_performance_summary" not in definition.model_fields_set


def _some(ids: list[str]) -> str:
    """Some definitions for a message."""
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"the definition{'s' if len(ids) > 1 else ''} {', '.join(ids[:5])}{more}"


def _holds_secret(definition: AIWorkerDefinition) -> bool:
    """Whether a definition in a file is a key in a file."""
    return definition.holds_inline_key or shown_config(definition.base_config) != definition.base_config
