"""What is refused of scanning and of windows."""

from __future__ import annotations

from lib.refusals import declare

NOT_A_LABEL = declare(
    "not-a-label",
    "This is {what}, not a device label.",
    "Scan the QR code on the device, or type the serial below it.",
    400,
)
AMBIGUOUS_LABEL = declare(
    "label-of-two-devices",
    "This label names two devices, {serials}. Nothing was opened.",
    "Type the serial that stands on the device itself.",
)
DAY_UNKNOWN = declare(
    "day-unknown", "There is no such day in the journal.", "Write it as year, month and day: 2026-11-30.", 400
)
UNKNOWN_SERIAL = declare(
    "serial-unknown",
    "There is no device with this serial that you can register.",
    "Compare it with the label, or ask an administrator whether the device is in your organisation.",
    404,
)
SERIAL_MISTYPED = declare(
    "serial-mistyped",
    "There is no device with this serial that you can register, and its check characters don't fit: most likely a "
    "character is mistyped.",
    "Compare it with the label.",
    404,
)
SERIAL_LENGTH = declare(
    "serial-of-another-length",
    "There is no device with this serial that you can register: it has {typed} characters, labels here have {lengths}.",
    "Compare it with the label: a character is missing, or one too many.",
    404,
)
WINDOW_BUSY = declare(
    "window-of-somebody-else",
    "Somebody else is registering this device, for another {minutes} min at most.",
    "Ask them to cancel, or scan it again then.",
)
WINDOW_YOURS = declare(
    "window-of-yours",
    "You have opened a window on this device in another way, for another {minutes} min at most.",
    "Cancel it there, or scan the device again then.",
)
DEVICE_LOCKED = declare(
    "device-locked",
    "This device is locked.",
    "Ask an admin of your organisation to unlock it, then scan it again.",
)
RETIRED = declare(
    "label-of-retired-device",
    "This device is retired.",
    "Ask an admin of your organisation to bring it back, then scan it again.",
)
DEVICE_EXPIRED = declare(
    "device-expired",
    "This device never connected, and its activation window is over.",
    "Ask an admin of your organisation to open it again, then scan it again.",
)
NOT_PRESSED = declare(
    "window-not-pressed",
    "The button has not been pressed in this window yet.",
    "Press it, then finish.",
)
PRESENCE_NOT_PROVEN = declare(
    "presence-not-proven",
    "No right code was entered in this window yet.",
    "Enter it, then finish.",
)
CHALLENGE_UNANSWERED = declare(
    "challenge-unanswered",
    "The device has not answered in this window yet.",
    "Enter the digits at the device, and finish when the page says that it has answered.",
)
ANSWER_UNREADABLE = declare(
    "answer-unreadable",
    "It answered with what is no signature: {what}.",
    "Enter the digits once more. If it answers like this again, its firmware has to be corrected by its maker.",
    400,
)
ANSWER_NO_KEY = declare(
    "answer-without-key",
    "It answered, but the site has no secret of it with which to check that.",
    "Ask an admin of your organisation to make one on the device's credentials page, and to put it into the device.",
    401,
)
ANSWER_CERTIFICATE = declare(
    "answer-certificate-unknown",
    "It answered with a certificate that is not its own, or does not count any more.",
    "Have it sign with the certificate that it connects with, or ask an admin of your organisation to let it in again.",
    401,
)
ANSWER_WRONG = declare(
    "answer-wrong",
    "It answered, and its signature does not fit: other digits were entered, or it has another secret.",
    "Enter the digits that this page shows. If they were right, ask an admin of your organisation for a new secret.",
    401,
)
ANSWER_EARLIER = declare(
    "answer-of-earlier-window",
    "It answered for an earlier window.",
    "Enter the digits that this page shows now.",
    401,
)
ANSWER_LATE = declare(
    "answer-late", "It answered when the window was over.", "Scan its label again, and enter the new digits.", 401
)
ANSWER_UNASKED = declare(
    "answer-unasked",
    "It sent a signed answer, and no window waited for it.",
    "Scan its label, and enter the digits that the page shows then.",
    401,
)
ANSWERS_TOO_MANY = declare(
    "answers-too-many",
    "It sent too many wrong answers within an hour: no more of them are looked at.",
    "Wait, or ask an admin of your organisation to place the device.",
    429,
)
NO_CODE_ASKED = declare(
    "no-code-asked", "This window asks for no code.", "Look at the window: it says what it waits for."
)
WRONG_CODE = declare(
    "wrong-code",
    "This code does not fit.",
    "Compare it with the device, and enter it again. If it is right, ask an admin of your organisation for a new one.",
)
TOO_MANY_CODES = declare(
    "too-many-codes",
    "Too many wrong codes were entered within an hour.",
    "Wait, or ask an admin of your organisation to place the device.",
    429,
)
OPERATION_LOCKED = declare(
    "operation-locked",
    "Too many wrong codes were entered for this device.",
    "Start the device again: it shows a new code. Or ask an admin of your organisation to let it in.",
    429,
)
DEVICE_PLACED = declare(
    "device-placed",
    "This device is in a group already, and your organisation does not allow placed devices to be registered again.",
    "Release it first, or ask an admin of your organisation to.",
)
CLAIM_CODE_GONE = declare(
    "claim-code-gone",
    "The claim code was used or replaced meanwhile.",
    "Scan the label again, and enter the code that it has now.",
)
WITHOUT_PROOF = declare(
    "without-proof",
    "Nothing proves presence at this device, so admins alone may place it, into groups that they manage.",
    "Ask an admin of your organisation to do it.",
)
WINDOW_COMPLETED = declare(
    "window-completed",
    "This registration was already finished.",
    "Look at the device: it is where it was placed.",
)
WINDOW_CANCELLED = declare("window-cancelled", "This registration was cancelled.", "Scan the label again.")
WINDOW_SUPERSEDED = declare(
    "window-superseded",
    "You scanned this device again, which started a new window.",
    "Go on there.",
)
WINDOW_EXPIRED = declare("window-expired", "The time is up, and nothing was changed.", "Scan the label again.")
WINDOW_ENDED = declare("window-ended", "The window is no longer open.", "Scan the label again, if you still need to.")
CANNOT_IDENTIFY = declare(
    "cannot-identify",
    "This device knows no way to show which one it is. Nothing was sent.",
    "Compare the serial on its label.",
)
