"""Archived files of busbar (docs/archive.md), without busbar: one file, or a folder of them.

    import busbar_archive

    archive = busbar_archive.Folder("archive")
    frame = archive.frame(tenant="default", usage_point="871685900000000001")     # pandas, when it is there
    table = archive.arrow(lane="raw", months=("2023-01", "2023-12"))              # pyarrow, when it is there
    columns = archive.columns()                                                   # numpy alone

Columns: usage_point, channel, start, end (datetime64[ms], UTC), mantissa, exponent, value (float64), unit, quality. What has no
value has NaN. Numbers as they were sent, exactly, are mantissa * 10**exponent; arrow() gives them as decimal128.

Blocks are unpacked with numpy; frames with zstandard, pyarrow or the program zstd, whichever is there. Lanes raw, history, vee and
day can be read; vee tells what differs from raw.
"""

from busbar_archive.file import File, Damaged
from busbar_archive.folder import Folder

__all__ = ["File", "Folder", "Damaged"]
