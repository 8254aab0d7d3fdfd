"""Many devices added at once, from a file (CSV or a workbook) or as many as are asked for.

upload -> match -> (a worker checks every row) -> start -> (a worker makes the devices); `count` needs no file.
"""

from devices.imports.columns import FIELDS, TAG, guess_columns
from devices.imports.corrections import Corrections
from devices.imports.csv_reader import DELIMITERS, LOOK_ROWS, Preview
from devices.imports.encodings import ENCODINGS
from devices.imports.operations import cancel, count, find_header_row, match, preview, start, upload
from devices.imports.rechecks import adopt_format, correct, drop_corrections
from devices.imports.results import write_changes_csv, write_problems_csv, write_report_csv, write_result_csv
from devices.imports.worker import work

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELDS",
    "LOOK_ROWS",
    "TAG",
    "Corrections",
    "Preview",
    "adopt_format",
    "cancel",
    "correct",
    "count",
    "drop_corrections",
    "find_header_row",
    "guess_columns",
    "match",
    "preview",
    "start",
    "upload",
    "work",
    "write_changes_csv",
    "write_problems_csv",
    "write_report_csv",
    "write_result_csv",
]
