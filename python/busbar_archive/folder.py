"""A folder of archived files, as archive.folder says, or a copy of a bucket."""

import pathlib
import re

import numpy

from busbar_archive.file import File

NAME = re.compile(r"p(\d+)-([0-9a-f]{16})-e(\d+)-o(\d+)\.archive")
COLUMNS = ("usage_point", "channel", "start", "end", "mantissa", "exponent", "value", "unit", "quality")


def decode(part):
    return re.sub(rb"~([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), part.encode()).decode()


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def files(self, tenant=None, lane="raw", months=None):
        """Of each month and partition the newest file: what is older was replaced, and waits to be removed."""
        newest = {}
        for path in self.path.rglob("*.archive"):
            found = NAME.fullmatch(path.name)
            of_tenant, of_lane, month = path.parts[-4:-1]
            if not found or of_lane != ("raw" if lane == "history" else lane) or (tenant and decode(of_tenant) != tenant):
                continue
            if months and not months[0] <= month <= months[1]:
                continue
            key = (of_tenant, month, found[1], found[2])
            version = (int(found[3]), int(found[4]))
            if key not in newest or newest[key][0] < version:
                newest[key] = (version, path)
        return [File(path) for _key, (_version, path) in sorted(newest.items())]

    def columns(self, tenant=None, lane="raw", months=None, usage_point=None):
        """All values as a dictionary of numpy arrays, by usage point, channel and time."""
        parts = {name: [] for name in COLUMNS}
        for file in self.files(tenant, lane, months):
            for name, channel, block in file.blocks_of(lane, usage_point):
                count = len(block.end_ms)
                value = block.mantissa.astype(float) / 10.0 ** -block.exponent.astype(float)
                row = (numpy.full(count, name, dtype=object), numpy.full(count, channel, dtype=object),
                       block.start_ms.astype("datetime64[ms]"), block.end_ms.astype("datetime64[ms]"), block.mantissa, block.exponent,
                       numpy.where(block.missing, numpy.nan, value), block.unit, block.quality)
                for column, part in zip(COLUMNS, row):
                    parts[column].append(part)
        whole = {name: numpy.concatenate(p) if p else numpy.empty(0) for name, p in parts.items()}
        order = numpy.lexsort((whole["end"], whole["channel"].astype(str), whole["usage_point"].astype(str)))
        return {name: column[order] for name, column in whole.items()}

    def frame(self, **wanted):
        """A pandas.DataFrame."""
        import pandas

        return pandas.DataFrame(self.columns(**wanted))

    def arrow(self, **wanted):
        """A pyarrow.Table; `value` is decimal128, as it was sent."""
        import decimal

        import pyarrow

        columns = self.columns(**wanted)
        missing = numpy.isnan(columns["value"].astype(float))
        places = max(0, -int(columns["exponent"].min())) if len(columns["exponent"]) else 0
        exact = [None if gone else decimal.Decimal(int(m)).scaleb(int(e), decimal.Context(prec=38))
                 for m, e, gone in zip(columns["mantissa"], columns["exponent"], missing)]
        columns["value"] = pyarrow.array(exact, pyarrow.decimal128(38, places))
        return pyarrow.table(columns)
