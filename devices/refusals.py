"""What is refused of devices, their credentials, recipes, labels and actions."""

from __future__ import annotations

from lib.refusals import declare

# One device -----------------------------------------------------------------------------------

DEVICE_CHANGED = declare(
    "device-changed",
    "The device was changed or moved meanwhile, and nothing was saved.",
    "Look at it again, then decide.",
)
DEVICE_MOVED = declare(
    "device-moved",
    "The device or the group changed meanwhile, and nothing was done.",
    "Look at it again, then decide.",
)
DEVICE_IN_NO_GROUP = declare(
    "device-in-no-group",
    "The device is in no group, and nothing was done.",
    "Look at it again: it may have been released meanwhile.",
)
GROUP_TAKES_NO_DEVICES = declare(
    "group-takes-no-devices",
    "This group can't take devices any more: it is gone, archived, or has groups below it. Nothing was done.",
    "Choose another one.",
)
SERIAL_TAKEN = declare(
    "serial-taken",
    "There is a device with the serial {serial} already. Nothing was changed.",
    "If you have just made it and lost its secret, issue a new one on the device's page. If it is retired, bring it "
    "back or give its serial free there.",
)
DEVICE_RETIRED = declare(
    "device-retired",
    "This device is retired. Nothing was changed.",
    "Bring it back first, or ask an admin to.",
)
SERIAL_WAS_FREED = declare(
    "serial-was-freed",
    "Its serial {serial} was given free, so it can't be brought back.",
    "Add the device anew.",
)
DEVICE_NOT_RETIRED = declare(
    "device-not-retired",
    "The device is not retired, and keeps its serial.",
    "Retire it first.",
)
DEVICE_LIVED = declare(
    "device-lived",
    "This device {cause}. It was not removed.",
    "Retire it instead: its history stays.",
)
ATTENTION_OVER = declare(
    "attention-over",
    "What this was about is over, and nothing was acknowledged.",
    "Look at the device again: it may need attention for something else.",
)
ACTIVATION_NOT_NEEDED = declare(
    "activation-not-needed",
    "The device needs no activation: it has connected before, or never expires.",
    "Leave it as it is.",
)

# Devices of one person --------------------------------------------------------------------------

PERSON_NOT_ALLOWED = declare(
    "person-not-allowed",
    "In this organisation a device belongs to a whole group, and not to one person. Nothing was changed.",
    "Leave the person out, or let an admin of the organisation allow it in its settings.",
    400,
)
PERSON_NOT_THERE = declare(
    "person-not-there",
    "Nobody with this e-mail address has a role in the group, as far as you see. Nothing was changed.",
    "Check the address and the group, or ask an admin of the group to invite them first.",
    400,
)

# Commands -------------------------------------------------------------------------------------

COMMAND_UNKNOWN = declare(
    "command-unknown",
    "This device takes no command “{name}” from you. Nothing was sent.",
    "Choose one of those that its page offers you.",
    400,
)
COMMAND_PAYLOAD = declare(
    "command-payload",
    "The command can't be sent so: {cause} Nothing was sent.",
    "Send what its recipe declares.",
    400,
)
COMMAND_BARRED = declare(
    "command-barred",
    "This device can't connect: it is locked, or its activation is over. Nothing was sent.",
    "Unlock it, or open its activation again, then send it.",
)
COMMANDS_TOO_MANY = declare(
    "commands-too-many",
    "{most} commands wait for this device already. Nothing was sent.",
    "Wait until some have ended.",
)

# Gateways that speak for devices ---------------------------------------------------------------

TIE_UNKNOWN_GATEWAY = declare(
    "tie-unknown-gateway",
    "You manage no device with this serial. Nothing was tied.",
    "Check the serial. You have to be an admin of both devices.",
    400,
)
TIE_TO_ITSELF = declare(
    "tie-to-itself",
    "This is the device itself, which speaks for itself anyway. Nothing was tied.",
    "Give the serial of its gateway.",
    400,
)
TIE_ACROSS_GROUPS = declare(
    "tie-across-groups",
    "The two are not in the same group, so that neither may speak for the other. Nothing was tied.",
    "Move both into one group, or release both, then tie them.",
)
TIES_TOO_MANY = declare(
    "ties-too-many",
    "A gateway speaks for {most} devices at most, and a device through {gateways} gateways. Nothing was tied.",
    "End a tie that is not needed, or use another gateway.",
)

# Credentials ----------------------------------------------------------------------------------

DEVICE_HANDED_OVER = declare(
    "device-handed-over",
    "The device was handed over meanwhile, and nothing was done.",
    "Look at it again, then decide.",
)
TOO_MANY_CREDENTIALS = declare(
    "too-many-credentials",
    "This device has {most} working credentials already.",
    "Revoke one that it does not need.",
)
CREDENTIALS_TOO_OFTEN = declare(
    "credentials-too-often", "This device got {most} credentials within an hour.", "Try again later."
)
RESULT_TAKEN = declare(
    "result-taken",
    "These secrets were taken already: they are handed over once, and kept nowhere. That they were asked for again is "
    "in the log.",
    "If the file is lost, reissue the credentials of these devices: the old ones stop working then.",
    410,
)
RESULT_EXPIRED = declare(
    "result-expired",
    "The time in which these secrets could be taken is over: they were destroyed. That they were asked for is in the "
    "log.",
    "Reissue the credentials of these devices to get new ones.",
    410,
)
RESULT_UNREADABLE = declare(
    "result-unreadable",
    "These secrets can't be made any more: the site's SECRET_KEY changed.",
    "Reissue the credentials of these devices to get new ones.",
    410,
)
JOB_KEY_GONE = declare(
    "job-key-gone",
    "The key of its secrets is gone: it waited too long, or the site's SECRET_KEY changed. Nothing more was made.",
    "Start the rest again.",
    410,
)
RESULT_EMPTY = declare(
    "result-empty",
    "Nothing is left to hand over: the devices left your groups, or these credentials were replaced or revoked since.",
    "Reissue the credentials of devices that you manage to get new ones.",
    410,
)
NO_SECRETS = declare(
    "no-secrets", "There are no secrets to take (yet).", "See its `state`, and whether it makes credentials at all."
)
RESULT_NOT_READY = declare(
    "result-not-ready", "The result is not ready: the job has not ended.", "Wait for its end, then take it."
)

# Connects, as they are told to those who may register or manage the device ------------------------

CONNECT_WRONG_SECRET = declare(
    "connect-wrong-secret",
    "It connects with a wrong secret.{hint}",
    "Flash the secret that was issued with its access key, or have a new credential issued.",
    401,
)
CONNECT_UNKNOWN_KEY = declare(
    "connect-unknown-access-key",
    "It connects with an access key that is nobody's.{hint}",
    "Flash the access key and the secret that were issued for it, or have new ones issued.",
    401,
)
CONNECT_WRONG_CLIENT_ID = declare(
    "connect-wrong-client-id",
    "Its access key and secret are right, but it connects with a client id that is not its device ID.{hint}",
    "Set the MQTT client id to the device ID that came with its credential.",
    401,
)
CONNECT_REVOKED = declare(
    "connect-revoked-credential",
    "It connects with a credential that was revoked.",
    "Flash one that works, or have a new one issued.",
    401,
)
CONNECT_ENDED = declare(
    "connect-ended-credential",
    "It connects with a credential whose time is over.",
    "Flash one that works, or have a new one issued.",
    401,
)
CONNECT_RETIRED = declare(
    "connect-retired",
    "It tries to connect, but it is retired.",
    "Switch it off, or have an admin bring it back and issue a new credential.",
    403,
)
CONNECT_LOCKED = declare("connect-locked", "It tries to connect, but it is locked.", "Have an admin unlock it.", 403)
CONNECT_TOO_LATE = declare(
    "connect-activation-over",
    "It tries to connect for the first time, but its activation window is over.",
    "Have an admin open its activation again.",
    403,
)
SPEAKS_FOR_UNTIED = declare(
    "speaks-for-untied-device",
    "It spoke for a device that is not tied to it. That was dropped.",
    "Tie the two on the device's page, or let it name a device's serial or device ID.",
    403,
)
TOPIC_OF_ANOTHER = declare(
    "topic-of-another",
    "It published to, or subscribed to, a topic that is not its own. That was refused.",
    "Let it use its own topics alone; or tie it to the devices for which it is to speak, on their pages.",
    403,
)

RETAINED = declare(
    "retained",
    "It asked the broker to keep a message (retain). What is kept is old state, so the message was dropped.",
    "Let it publish without the retain flag.",
    422,
)

# Recipes and models ---------------------------------------------------------------------------

RECIPE_CHANGED = declare(
    "recipe-changed",
    "Somebody else saved this recipe meanwhile, and nothing was changed.",
    "Compare yours with the recipe as it is now, then send it again to put it in its place: programs with the new "
    "`based_on`.",
)
RECIPE_RETIRED = declare(
    "recipe-retired",
    "The recipe {recipe} is retired. Nothing was made.",
    "Choose another recipe, or let an admin restore this one.",
)
RECIPE_OUTDATED = declare(
    "recipe-outdated",
    "The recipe {recipe} has version {last} since: new devices are made from that, and not from version {number}. "
    "Nothing was made.",
    "Match the columns again: every row is then checked by the last version.",
)
MODEL_IN_USE = declare("model-in-use", "{model} is in use.", "Retire it instead: what has it keeps it.")

# Jobs -----------------------------------------------------------------------------------------

STARTER_GONE = declare("starter-gone", "Whoever started it is no longer here.", "Start it again in your own name.")
STARTER_NO_ADMIN = declare(
    "starter-no-admin", "Whoever started it is no longer an admin of the organisation.", "Start it again."
)
TOKEN_ENDED = declare("token-ended", "The token with which it was begun has ended.", "Begin it again with another one.")
JOB_ENDED = declare(
    "job-ended", "It has ended already, or is being cancelled.", "Look at what it did; there is nothing to stop."
)

# Labels ---------------------------------------------------------------------------------------

FILE_NOT_READY = declare(
    "file-not-ready", "There is no file (yet).", "See its `state`: the file is there when it is done."
)
FILE_EXPIRED = declare("file-expired", "The file is kept for a day.", "Print the labels again.", 410)
DEVICES_DEPARTED = declare(
    "devices-departed", "{count} no longer yours to manage.", "Print the labels of the others again.", 410
)
LABEL_TOO_SMALL = declare(
    "label-too-small",
    "This symbol does not fit on this label.",
    "Choose a larger label, smaller insets, or the serial alone.",
    400,
)
ZPL_OF_SHEET = declare(
    "zpl-of-sheet",
    "ZPL is for label printers, and these labels lie on sheets.",
    "Choose a roll, or the PDF.",
    400,
)
LABELS_NOT_PRINTABLE = declare(
    "labels-not-printable", "These labels can't be printed any more: {cause}", "Choose them again.", 400
)
TOO_MANY_LABELS = declare(
    "too-many-labels",
    "These are {count} labels; at most {most} are printed at once.",
    "Narrow the choice.",
    400,
)

# Actions on many devices ----------------------------------------------------------------------

NO_DEVICES = declare("no-devices", "No device that you manage is among these.", "Choose others.", 400)
SELECTION_CHANGED = declare(
    "selection-changed",
    "These are not the devices that were previewed, or not as they were. Nothing was done.",
    "Look at a new preview, then decide.",
)
NOT_UNDOABLE = declare(
    "not-undoable",
    "This can't be undone any more: it was undone already, or is too long ago.",
    "Change the devices by a new action.",
)
LABEL_RULE_TAKEN = declare(
    "label-rule-taken",
    "It is said already which model such a label means.",
    "Remove that first, if it is wrong.",
)
LABEL_NAME_TAKEN = declare(
    "label-name-taken", "It is said already what fields of this name hold.", "Remove that first, if it is wrong."
)
LABEL_RULES_TOO_MANY = declare(
    "label-rules-too-many", "{most} of them are kept, and no more.", "Remove those that no label needs any more."
)
