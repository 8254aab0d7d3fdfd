"""Text for spreadsheets."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def neutral(text: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text
