"""Many devices registered at once, from a CSV file or as many as are asked for.

upload -> match -> (a worker checks every row) -> start -> (a worker makes the devices); `count` needs no file.
"""

from devices.imports.columns import FIELDS, TAG, guess
from devices.imports.csv_reader import DELIMITERS, ENCODINGS, Preview, Unreadable
from devices.imports.operations import cancel, count, match, preview, start, upload
from devices.imports.results import problems_csv, report_csv, result_csv
from devices.imports.worker import work

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELDS",
    "TAG",
    "Preview",
    "Unreadable",
    "cancel",
    "count",
    "guess",
    "match",
    "preview",
    "problems_csv",
    "report_csv",
    "result_csv",
    "start",
    "upload",
    "work",
]
