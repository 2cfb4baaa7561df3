"""Parcels: what one request carries, as ranges of leased batches. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from asyncsdk.delivery.custody import derive_key
from asyncsdk.retrying import Range
from asyncsdk.seams import Lease


class Part(Struct, frozen=True):
    """The events of one leased batch from *start* up to *stop*."""

    lease: Lease
    start: int
    stop: int


class Parcel(Struct, frozen=True):
    """What one request carries."""

    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """How many events it has."""
        return sum(part.stop - part.start for part in self.parts)

    @property
    def route(self) -> str:
        """The route of all its batches."""
        return self.parts[0].lease.batch.route

    @property
    def attempts(self) -> int:
        """Failures in a row, of the batch that has most."""
        return max(part.lease.progress.attempts for part in self.parts)

    @property
    def key(self) -> str:
        """The idempotency key: the batch's own if it is whole, else derived from it."""
        key = ""
        for part in self.parts:
            batch = part.lease.batch
            is_whole = part.stop - part.start == len(batch.events)
            key += batch.key if is_whole else derive_key(batch.key, part.start, part.stop)
        return key if len(self.parts) == 1 else derive_key(key, 0, self.count)

    @property
    def events(self) -> list[bytes]:
        """Its events, in order."""
        if len(self.parts) == 1:
            part = self.parts[0]
            return list(part.lease.batch.events[part.start : part.stop])
        return [
            event
            for part in self.parts
            for event in part.lease.batch.events[part.start : part.stop]
        ]

    @property
    def leases(self) -> list[Lease]:
        """The leases that it has parts of, each once."""
        return list({id(part.lease): part.lease for part in self.parts}.values())

    def fail(self) -> int:
        """Count one more failure in a row; return how many there are."""
        attempts = self.attempts + 1
        self.count_from(attempts)
        return attempts

    def count_from(self, attempts: int) -> None:
        """Set how many failures in a row its batches have seen."""
        for lease in self.leases:
            lease.progress.attempts = attempts

    def slice(self, ranges: Sequence[Range]) -> "Parcel":
        """Return the parcel of these *ranges* of its events."""
        parts: list[Part] = []
        for start, stop in ranges:
            at = 0
            for part in self.parts:
                length = part.stop - part.start
                first, last = max(start, at), min(stop, at + length)
                if first < last:
                    offset = part.start - at
                    parts.append(Part(part.lease, first + offset, last + offset))
                at += length
        return Parcel(tuple(parts))


def whole(leases: Sequence[Lease]) -> Parcel:
    """Return the parcel of all that is open in *leases*."""
    return Parcel(
        tuple(Part(lease, start, stop) for lease in leases for start, stop in lease.progress.open)
    )


def without(ranges: Sequence[Range], start: int, stop: int) -> list[Range]:
    """Return *ranges* less what lies from *start* up to *stop*."""
    rest: list[Range] = []
    for first, last in ranges:
        if last <= start or stop <= first:
            rest.append((first, last))
            continue
        if first < start:
            rest.append((first, start))
        if stop < last:
            rest.append((stop, last))
    return rest
