"""What doors refuse: of devices, as it is told to the organisation's admins; of people."""

from __future__ import annotations

from lib.refusals import declare

DOOR_UNREADABLE = declare(
    "door-body-unreadable",
    "What it sent can't be read: it has to be {what}.",
    "Compare the request with the door's section in docs/protocol.md.",
    400,
)
DOOR_METHOD = declare(
    "door-method", "Devices call this address with {methods}.", "Compare the request with docs/protocol.md.", 405
)
DOOR_BODY_TOO_LARGE = declare(
    "door-body-too-large",
    "It sent more than the {most} bytes that are taken here.",
    "Compare the request with the door's section in docs/protocol.md.",
    413,
)
DOOR_NO_IDENTITY = declare(
    "door-identity-missing",
    "It said no identity.",
    "Let the firmware send its serial with the request.",
    400,
)
DOOR_UNKNOWN = declare(
    "door-unknown",
    "It named no door of this site.",
    "Compare the token's issuer, or the token, with what the door's page shows.",
    401,
)
DOOR_LIMITED = declare(
    "door-limited",
    "Its address was refused too often within a minute.",
    "Mend what is refused, then wait a minute.",
    429,
)
DOOR_TOKEN_UNREADABLE = declare(
    "door-token-unreadable",
    "It sent a token that can't be read: {what}.",
    "Flash the token as it was issued, whole.",
    401,
)
DOOR_TOKEN_ALGORITHM = declare(
    "door-token-algorithm",
    "It sent a token that is signed by an algorithm that this door does not take.",
    "Sign by one that the door's page names.",
    401,
)
DOOR_TOKEN_SIGNATURE = declare(
    "door-token-signature",
    "It sent a token whose signature none of this door's keys has made.",
    "Sign with a key that the door has, or add the key that signs to the door.",
    401,
)
DOOR_KEY_ENDED = declare(
    "door-key-ended",
    "It came with a key or token of this door that was ended.",
    "Flash a token of one that works.",
    401,
)
DOOR_KEY_UNREADABLE = declare(
    "door-key-unreadable",
    "It came with a token of a key that can't be unsealed any more: the site's SECRET_KEY changed.",
    "End the key, and give its secret to the door again.",
    401,
)
DOOR_KEY_EXPIRED = declare(
    "door-key-expired",
    "It came with a key or token of this door whose time is over.",
    "Flash a token of one that works.",
    401,
)
DOOR_KEY_FULL = declare(
    "door-key-full",
    "It came with a key or token that made as many devices as it may.",
    "Make another one, if more devices are yours.",
)
DOOR_TOKEN_EXPIRED = declare(
    "door-token-expired",
    "It sent a token that has expired.",
    "Flash a newer one, or sign tokens for longer.",
    401,
)
DOOR_TOKEN_EARLY = declare(
    "door-token-early",
    "It sent a token that is not valid yet.",
    "Compare the clock of whoever signs tokens with ours.",
    401,
)
DOOR_TOKEN_ENDLESS = declare(
    "door-token-endless",
    "It sent a token without an expiry, and this door wants one.",
    "Sign tokens with `exp`, or let the door take those without.",
    401,
)
DOOR_TOKEN_AUDIENCE = declare(
    "door-token-audience",
    "It sent a token for another audience.",
    "Sign tokens with the `aud` that the door's page names.",
    401,
)
DOOR_TOKEN_UNNAMED = declare(
    "door-token-unnamed",
    "It sent a token without `jti`, and this door takes each token once.",
    "Sign tokens with a `jti` of their own, or let the door take tokens again.",
    401,
)
DOOR_TOKEN_USED = declare(
    "door-token-used",
    "It sent a token that was used before, and this door takes each token once.",
    "Flash another token.",
    401,
)
DOOR_ENDED = declare(
    "door-ended", "It came to this door after it was ended.", "Make another door, if these devices are yours.", 403
)
DOOR_EXPIRED = declare(
    "door-expired", "It came to this door after its time.", "Make another door, if these devices are yours.", 403
)
DOOR_FULL = declare(
    "door-full",
    "It came after this door had made as many devices as it may.",
    "Look whether all of those are yours; then raise the door's number, or end the door.",
    403,
)
DOOR_ADDRESS = declare(
    "door-address",
    "It came from an address outside of this door's networks.",
    "Add the network to a door, if it is yours.",
    403,
)
DOOR_IDENTITY_OTHER = declare(
    "door-identity-other",
    "It said an identity that is not for this door, or not for its token.",
    "Compare it with the pattern on the door's page, or with what the token is for.",
    403,
)
DOOR_IDENTITY_UNFIT = declare(
    "door-identity-unfit",
    "It said an identity that does not fit the serials of the door's recipe.",
    "Change the recipe's format of serials, or what the firmware sends.",
    403,
)
DOOR_NAME_UNFIT = declare(
    "door-name-unfit", "It said a name of more than {most} characters.", "Shorten what the firmware sends.", 400
)
DOOR_TAGS_UNFIT = declare(
    "door-tags-unfit",
    "It said tags that can't be kept.",
    "Let the firmware send a list of texts, each `name: value` or a name alone, 50 at most.",
    400,
)
DOOR_NOT_LISTED = declare(
    "door-not-listed",
    "It is not among the devices that were added for this door's recipe.",
    "Add it first, without a credential, or let the door make devices that nobody added.",
    403,
)
DOOR_REGISTERED = declare(
    "door-already-registered",
    "It asks to be added, and was added already.",
    "If it lost its credential, have a new one issued on the device's page.",
)
DOOR_DEVICE_BARRED = declare(
    "door-device-barred",
    "It asks to be added, but is locked or retired, or its activation window is over.",
    "Have an admin unlock it, bring it back or open it again.",
    403,
)
DOOR_WINDOW_OVER = declare(
    "door-window-over",
    "It came after its activation window, which began when it was added.",
    "Open it again on the door's page, if it is yours.",
)
DOOR_AUTHENTICATION = declare(
    "door-authentication",
    "It asked for another credential than this door gives, which is a {wanted}.",
    "Let the firmware send a password or none, as the door says, or change the door.",
    415,
)
DOOR_PASSWORD_SHORT = declare(
    "door-password-short",
    "It sent a password of fewer than {least} bytes.",
    "Let the firmware make a longer one.",
    415,
)
CERTIFICATE_UNPROVED = declare(
    "certificate-unproved",
    "It came with a certificate of which nobody proved to have the key.",
    "Let it call the site by https, and name the proxy in front of the site in TRUSTED_PROXIES (docs/operations.md).",
    401,
)
CERTIFICATE_UNREADABLE = declare(
    "certificate-unreadable", "It came with a certificate that can't be read: {what}.", "Let openssl make one.", 401
)
CERTIFICATE_EARLY = declare(
    "certificate-not-yet-valid",
    "It came with a certificate that is valid from {at} (UTC) on.",
    "Let it wait, or compare the clock of whoever signed it with ours: /timestamp tells it.",
    401,
)
CERTIFICATE_EXPIRED = declare(
    "certificate-expired",
    "It came with a certificate that expired at {at} (UTC).",
    "Open it again on the door's page, and let it come with a newer one.",
    401,
)
CERTIFICATE_OTHER = declare(
    "certificate-of-another-identity",
    "It said an identity that is not its certificate's common name.",
    "Make it a certificate whose common name (CN) is its serial.",
    403,
)
CERTIFICATE_AUTHORITY = declare(
    "certificate-of-another-authority",
    "It came with a certificate that none of this door's authorities signed.",
    "Have it signed by one of those, or give the door the authority's certificate.",
    403,
)
CERTIFICATE_USED = declare(
    "certificate-used", "It came with a certificate that was a credential before.", "Let it come with a new one."
)
DATA_NO_CREDENTIAL = declare(
    "data-credential-missing",
    "It sent no credential.",
    "Let the firmware send what it got when it activated: docs/protocol.md.",
    401,
)
DATA_CREDENTIAL = declare(
    "data-credential-unknown",
    "It sent a credential that is nobody's, or no longer valid.",
    "Open the device again at its door, and let the firmware activate.",
    401,
)
DATA_TOO_FAST = declare(
    "data-too-fast", "It sends more than it may.", "Pace it: docs/protocol.md says how fast a device may send.", 429
)
DATA_TOO_MANY = declare(
    "data-too-many", "It sent values of more than {most} moments at once.", "Split them into several requests.", 413
)
DATA_CONFLICT = declare(
    "data-conflict", "It sent two values of an alias for one moment.", "Send one. Nothing of the request was kept."
)
CONTENT_UNKNOWN = declare(
    "content-unknown", "It asked for content that its door does not have.", "Upload it on the door's page.", 404
)
CONTENT_OTHER_VENDOR = declare(
    "content-of-another-vendor",
    "It asked for content as another vendor or model than its door's.",
    "Compare them with what the door's page shows.",
    403,
)
CONTENT_RANGE = declare(
    "content-range",
    "It asked for a part that lies behind the {size} bytes of the content.",
    "Let the firmware ask for its size first: `info=true`.",
    416,
)
CONTENT_TOO_MANY = declare(
    "content-too-many", "This door has {most} files already.", "Delete one that no device needs any more."
)
DOOR_NAME_TAKEN = declare("door-name-taken", "There is a door with this name already.", "Choose another one.")
DOOR_ISSUER_TAKEN = declare(
    "door-issuer-taken",
    "Another organisation of this site has this issuer already.",
    "Sign with another `iss`, such as your own domain.",
)
DOOR_VENDOR_TAKEN = declare(
    "door-vendor-taken",
    "Another organisation of this site has this vendor already.",
    "Leave it out, and let devices name your organisation by host name or path.",
)
DOOR_SERIALS_UNKNOWN = declare(
    "door-serials-unknown",
    "No device of this door's recipe has these serials: {serials}.",
    "Correct them or leave them out. Nothing was opened.",
    400,
)
DOOR_TOO_MANY_KEYS = declare(
    "door-too-many-keys", "This door has {most} keys already.", "End one that is not needed any more."
)
DOOR_ENDED_ALREADY = declare("door-ended-already", "This door was ended, and stays so.", "Make another door.")
DOOR_KEY_ALGORITHM = declare(
    "door-key-algorithm",
    "This is a key for {algorithm}, which the door does not take.",
    "Let the door take it first, or give another key.",
    400,
)
DOOR_ID_UNFIT = declare(
    "door-id-unfit",
    "It said a device ID that can't be one.",
    "An ID has 4 to 90 characters: letters and digits of ASCII, dashes, underscores and dots.",
    400,
)
DOOR_TOO_SOON = declare(
    "door-too-soon",
    "It asked for a credential again within {seconds} seconds.",
    "It asks again by itself. If that goes on and on, its connection is refused: look at the device.",
    429,
)

# Of approval: what devices are refused, then what people are -------------------------------------

REGISTRATION_TOKEN_ENDED = declare(
    "registration-token-ended",
    "It came with a registration token that was replaced or revoked.",
    "Approve it again, if it is yours: it asks for that by itself.",
    401,
)
REGISTRATION_TOKEN_EXPIRED = declare(
    "registration-token-expired",
    "It came with a registration token whose time is over.",
    "Approve it again, if it is yours, and let the door's registration tokens work longer.",
    401,
)
REGISTRATION_TOKEN_OTHER = declare(
    "registration-token-other",
    "It asked to refresh a registration token that works no more, or was made by another token of the door.",
    "Approve it again, if it is yours, once it asks for that.",
    400,
)
OPERATION_UNKNOWN = declare(
    "operation-unknown", "It asked after an approval that its token never asked for.", "Let it start over.", 410
)
OPERATION_PENDING = declare(
    "operation-pending", "Nobody decided of this device yet.", "Approve it by the code that it shows.", 400
)
OPERATION_ASKED_OFTEN = declare(
    "operation-asked-too-often", "It asked again within five seconds.", "Let it wait as long as it is told.", 400
)
GRANT_UNKNOWN = declare(
    "grant-unknown",
    "It asked for another grant than that of devices.",
    "Let it use the device authorization grant (RFC 8628).",
    400,
)
OPERATION_CANCELLED = declare(
    "operation-cancelled", "Somebody turned this device away.", "Start the device again, and approve it then.", 410
)
OPERATION_EXPIRED = declare(
    "operation-expired",
    "Nobody approved this device in time, or it never fetched its token.",
    "It asks again by itself: approve that, with the new code.",
    410,
)
OPERATION_SERVED = declare(
    "operation-served",
    "A device came in by this approval already, or somebody revoked what it had: it lets nobody in again.",
    "Start the device again, and approve it anew with the code that it shows.",
    410,
)
OPERATIONS_TOO_MANY = declare(
    "operations-too-many",
    "{most} devices wait for approval already.",
    "Approve or cancel those that wait. If most are not yours, end the token with which they came.",
    429,
)
OPERATION_DECIDED = declare(
    "operation-decided", "Somebody else decided this already.", "Look at the list of devices that wait."
)
OPERATION_NO_ID = declare("operation-without-id", "This device said no ID of its own.", "Give it one.", 400)
OPERATION_ID_FIXED = declare(
    "operation-id-fixed", "The token of this device is for {identity} alone.", "Leave the ID as it is.", 400
)
OPERATION_ID_TAKEN = declare(
    "operation-id-taken",
    "Another device of your organisation goes by this ID, and it is not yours to let in again.",
    "Give this one another ID, or ask an admin of your organisation.",
)
OPERATION_DOOR_CLOSED = declare(
    "operation-door-closed",
    "The door {door} would not let this device in any more: it, or the token with which the device came, is ended, "
    "full or past its time, or the device's address is outside of its networks.",
    "Ask an admin of your organisation for a door that is open, and let the device begin again.",
)
OPERATION_ID_NOT_FOR_DOOR = declare(
    "operation-id-not-for-door",
    "The door {door} lets in IDs like {pattern} alone.",
    "Give the device such an ID, or ask an admin of your organisation to change the door.",
)
OPERATION_DEVICE_BARRED = declare(
    "operation-device-barred",
    "The device that goes by this ID is locked or retired, or its activation window is over.",
    "Have an admin unlock it, bring it back, open it again or give its serial free; or give this one another ID.",
)
