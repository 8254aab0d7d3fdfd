"""What is refused by the site as a whole and by its API, and by groups, people and tokens."""

from __future__ import annotations

from lib.paging import PAGE_UNKNOWN as PAGE_UNKNOWN  # of every list: in the catalogue it stands here
from lib.refusals import declare

# Of every request -----------------------------------------------------------------------------

PARSE_ERROR = declare(
    "parse-error",
    "The body can't be read: it is not JSON, or nested too deeply.",
    "Send JSON, as the docs show it.",
    400,
)
INVALID = declare(
    "invalid",
    "Some values can't be accepted, and nothing was done.",
    "Mend what `errors` names, and send it again.",
    400,
)
NOT_AUTHENTICATED = declare(
    "not-authenticated", "No token that is live came along.", "Send one: `Authorization: Bearer hdo_…`.", 401
)
PERMISSION_DENIED = declare(
    "permission-denied",
    "A browser's request came without its CSRF token.",
    "Load the page again, or send a token: `Authorization: Bearer hdo_…`.",
    403,
)
NOT_FOUND = declare(
    "not-found",
    "There is no such thing, or it is not yours: the two are told apart by nobody.",
    "Check the address, and whose it is.",
    404,
)
NO_SLASH = declare(
    "no-slash",
    "Addresses end in `/`, and this one does not. Nothing was done.",
    "Send it again with the `/`.",
    404,
)
METHOD_NOT_ALLOWED = declare(
    "method-not-allowed", "This address does not take this method.", "Take one that `Allow` names.", 405
)
NOT_ACCEPTABLE = declare(
    "not-acceptable",
    "This address can't answer in the form that `Accept` asks for.",
    "Send another `Accept`, or none.",
    406,
)
TOO_SLOW = declare(
    "too-slow",
    "The body came too slowly; nothing was done.",
    "Send it again over a better connection.",
    408,
)
SECRET_SHOWN_ONCE = declare(
    "secret-shown-once",
    "This Idempotency-Key was carried out before, and its answer held a secret, which is shown once.",
    "`resource` is what was made: if the secret is lost, issue a new one there.",
)
STILL_REFERRED_TO = declare(
    "still-referred-to",
    "Something else still refers to it, such as a history that is kept.",
    "Leave it, or archive it.",
)
PRECONDITION_FAILED = declare(
    "precondition-failed",
    "It changed since the version that `If-Match` names; nothing was done.",
    "Read it again, then decide.",
    412,
)
TOO_LARGE = declare("too-large", "The body is larger than is taken.", "Send less at once.", 413)
UNSUPPORTED_MEDIA_TYPE = declare(
    "unsupported-media-type",
    "The body is of a kind that this address does not take.",
    "Send `Content-Type: application/json`, or `multipart/form-data` where a file is uploaded.",
    415,
)
IDEMPOTENCY_KEY_REUSED = declare(
    "idempotency-key-reused", "This Idempotency-Key belongs to another request.", "Take a new one.", 422
)
THROTTLED = declare(
    "throttled", "Too many requests came in a short time.", "Wait for as many seconds as `Retry-After` says.", 429
)
TOO_MANY_UPLOADS = declare(
    "too-many-uploads",
    "Other uploads of yours or your organisation's go on.",
    "Send it when one of them has ended.",
    429,
)
TOO_MANY_DOWNLOADS = declare(
    "too-many-downloads",
    "{most} downloads of this {word} go on, which is as many as are made at once. Nothing was changed.",
    "Try again when one of them has ended.",
    429,
)
SERVER_ERROR = declare(
    "server-error",
    "Our fault. Nothing was done.",
    "Try again, with the same Idempotency-Key.",
    500,
)
UNAVAILABLE = declare(
    "unavailable",
    "The database can't be reached, or is very busy.",
    "Try again after `Retry-After` seconds, with the same Idempotency-Key: nothing is then done twice.",
    503,
)

# Groups ---------------------------------------------------------------------------------------

GROUP_GONE = declare("group-gone", "This group is no longer there.", "Look at the tree again.")
TREE_CHANGED = declare(
    "tree-changed",
    "The groups or their people changed meanwhile, and nothing was moved.",
    "Look at them again, then decide.",
)
ORGANISATION_STAYS = declare(
    "organisation-stays", "An organisation can't be {done}.", "Choose a group below it instead."
)
GROUP_BEYOND = declare(
    "group-beyond-your-powers", "Your own powers begin at this group.", "Somebody above it can {act} it."
)
OTHER_ORGANISATION = declare(
    "other-organisation", "A group stays in its organisation.", "Choose a group of the same one.", 400
)
BELOW_ITSELF = declare("group-below-itself", "A group can't move below itself.", "Choose another one.", 400)
NESTED_TOO_DEEP = declare(
    "nested-too-deep",
    "Groups would be nested {deep} deep there; {most} is the most.",
    "Choose a group that is higher up.",
    400,
)
GROUP_ARCHIVED = declare("group-archived", "{group} is archived.", "Take it out of the archive first.", 400)
PARENT_HOLDS_DEVICES = declare(
    "group-holds-devices",
    "{group} holds devices; only a group without devices can have groups below it.",
    "Move the devices first, or choose another group.",
    400,
)
GROUP_NOT_EMPTY = declare(
    "group-not-empty",
    "Only a group without devices and without groups below it can be archived.",
    "Move them elsewhere first.",
    400,
)
GROUP_IN_USE = declare("group-in-use", "{group} was not deleted.", "{reasons}", 400)

# People ---------------------------------------------------------------------------------------

CHANGED_MEANWHILE = declare(
    "changed-meanwhile", "This changed meanwhile, and nothing was done.", "Look again, then decide."
)
LAST_ADMIN = declare(
    "last-admin",
    "An organisation needs an admin.",
    "Make somebody else admin of the whole organisation first.",
    400,
)
INVITATIONS_TOO_MANY = declare(
    "too-many-invitations",
    "{who} sent {count} invitations within the hour, which is the limit. Nobody was invited.",
    "Try again later.",
    400,
)
INVITATION_GONE = declare(
    "invitation-gone", "This invitation is no longer valid.", "Ask whoever sent it for a new one.", 404
)
ADDRESS_TAKEN = declare("address-taken", "There is an account with this address already.", "Sign in to accept.")
ACCOUNT_ELSEWHERE = declare(
    "account-elsewhere",
    "This account belongs to another organisation, and an account belongs to one.",
    "Ask for an invitation of another address, or leave that organisation first.",
)

# Tokens and settings --------------------------------------------------------------------------

TOKEN_TOO_MUCH = declare(
    "token-beyond-your-powers",
    "A token can't do more than you may.",
    "Choose a group and a role that are yours.",
    400,
)
SIGNED_OUT = declare(
    "signed-out-meanwhile", "You were signed out meanwhile, and no token was made.", "Sign in again.", 400
)

# Messages to browsers -------------------------------------------------------------------------

PUSH_TOO_MANY = declare(
    "too-many-browsers", "{most} browsers of yours are told already.", "Remove one of them first.", 409
)
PUSH_SIGNED_OUT = declare(
    "signed-out-before-told", "You were signed out meanwhile, and this browser is not told.", "Sign in again.", 400
)
