"""Records and entries, read from the lines of the performance file and of the amendments."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ai_wm.data.fields import plain
from ai_wm.store.files import Descriptor, read_at
from ai_wm.store.index_entries import Place
from ai_wm.store.index_tables import Span, StoredEntry
from ai_wm.store.json_array import bad_file, read_line, why_unreadable, write_line
from neuroscript import NeuroScriptError

_CHUNK: Final = 1 << 20
_HEAD: Final = struct.Struct("<qqq")
_AMENDMENT: Final = struct.Struct("<qqq")


class RecordReader:
    """A reader of the records at the places that the index gave when it was made, whatever happens to the files since.

    Args:
        path: the name of the performance file, for errors.
        performance: the performance file, or the file in its place; None if there is none.
        amendments: the journal of amendments; None if there is none.
        amended_from: where that begins, as the index counts.
    """

    def __init__(
        self, path: Path, performance: Descriptor | None, amendments: Descriptor | None, amended_from: int
    ) -> None:
        self._path = path
        self._performance = performance
        self._amendments = amendments
        self._amended_from = amended_from

    def read(self, places: Iterable[Place]) -> Iterator[dict[str, Any]]:
        """Read the records at some places.  Those of one entry that follow each other cost one read."""
        last, records = (-1, -1), []
        for place in places:
            if place.record is not None:
                yield plain(place.record, "to_file")
            elif place.span is not None:
                yield self._amendment(place.span)
            else:
                if last != (place.offset, place.length):
                    last = place.offset, place.length
                    records = self._entry(place.offset, place.length).get("performance_records", [])
                if place.ordinal >= len(records):
                    raise self._damaged(place.offset, "a record that was here is gone")
                yield records[place.ordinal]

    def line(self, entry: StoredEntry) -> bytes:
        """The line of an entry with its amendments."""
        if entry.amendments:
            return write_line(self._amended(self._entry(entry.offset, entry.length), entry.amendments))
        return self._line(entry.offset, entry.length)

    def entries(self, stored: Iterable[StoredEntry]) -> Iterator[dict[str, Any]]:
        """Read entries with their amendments, one by one; where they are is looked up at once."""
        with contextlib.ExitStack() as until_complete:
            places = until_complete.enter_context(tempfile.TemporaryFile())
            for entry in stored:
                places.write(_HEAD.pack(entry.offset, entry.length, len(entry.amendments)))
                for ordinal, span in entry.amendments.items():
                    places.write(_AMENDMENT.pack(ordinal, *span))
            places.seek(0)
            until_complete.pop_all()
        return self._spooled(places)

    def _spooled(self, places: Any) -> Iterator[dict[str, Any]]:
        with places:
            while head := places.read(_HEAD.size):
                offset, length, count = _HEAD.unpack(head)
                amendments = {}
                for _ in range(count):
                    ordinal, start, extent = _AMENDMENT.unpack(places.read(_AMENDMENT.size))
                    amendments[ordinal] = Span(start, extent)
                yield self._amended(self._entry(offset, length), amendments)

    def _amended(self, entry: dict[str, Any], amendments: dict[int, Span]) -> dict[str, Any]:
        if not amendments:
            return entry
        own = entry.get("performance_records", [])
        count = max(len(own), *(ordinal + 1 for ordinal in amendments))
        records = [
            self._amendment(amendments[ordinal]) if ordinal in amendments else own[ordinal] for ordinal in range(count)
        ]
        return entry | {"performance_records": records}

    def _line(self, offset: int, length: int) -> bytes:
        assert self._performance is not None
        return read_at(self._performance.number, length, offset)

    def _entry(self, offset: int, length: int) -> dict[str, Any]:
        """Read an entry of the performance file.

        Raises:
            NeuroScriptError: 18 if it is not valid any more: somebody wrote into the file while it is in use.
        """
        try:
            return read_line(self._line(offset, length))
        except (ValueError, RecursionError) as error:
            raise self._damaged(
                offset, f"the entry that was here is not valid any more ({why_unreadable(error)})"
            ) from error

    def _damaged(self, offset: int, what: str) -> NeuroScriptError:
        assert self._performance is not None
        line = 1 + sum(
            read_at(self._performance.number, min(_CHUNK, offset - start), start).count(b"\n")
            for start in range(0, offset, _CHUNK)
        )
        return bad_file(self._path, what, line, 1)

    def _amendment(self, span: Span) -> dict[str, Any]:
        assert self._amendments is not None
        line = read_line(read_at(self._amendments.number, span.length, span.offset - self._amended_from))
        record: dict[str, Any] = line["changed"] if "changed" in line else line["record"]
        return record
