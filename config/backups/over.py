"""What a restored database must not bring back to life: what ended, or was used, after the backup was made.

Statements that PostgreSQL and SQLite both know, on tables that every release has had; they run in the restore's own
transaction.
"""

STATEMENTS = (
    # Who signed out, or was signed out, since.
    "DELETE FROM usersessions_usersession",
    "DELETE FROM django_session",
    # Windows and commands end by their time: a command that was answered since must not be sent again.
    "UPDATE provisioning_window SET deadline = opened_at WHERE closed_at IS NULL",
    "UPDATE devices_command SET expires_at = created_at WHERE ended_at IS NULL",
    # Files with secrets that were fetched since: once is once.
    "UPDATE devices_delivery SET sealed = NULL",
)
