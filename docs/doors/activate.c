/* Door: whitelist and activate, with a token. Reports over HTTP, so it has to know no device ID and no broker.
 * ORGANISATION is the organisation's name in addresses. */
#include "device.h"

static const char *explain(int status) {
    switch (status) {
    case 404: return "Nobody added this serial, or it does not fit the door. An admin adds the device.";
    case 409: return "Too late, activated already, locked, or the door is ended or full. An admin opens the window again.";
    case 403: return "No door of this organisation hears this network. An admin looks at the door's page.";
    case 415: return "The door wants a password or a certificate.";
    default: return "An admin looks at the door's page.";
    }
}

static void activate(char kept[TEXT]) {
    char path[TEXT], serial[TEXT], body[TEXT], token[TEXT];
    put(path, "/o/%s/provision/activate", setting("ORGANISATION"));
    encode(serial, setting("SERIAL"));
    put(body, "id=%s", serial);
    int status = ask("POST", path, "", FORM, body, NULL, token);
    if (status != 200) refuse(status, token, explain(status));
    put(kept, "{\"token\": \"%s\"}", token);
    keep(kept);
}

int main(void) {
    char kept[TEXT], token[TEXT], path[TEXT], authorization[TEXT], text[TEXT];
    begin();
    if (!read_kept(kept)) activate(kept);
    need_text(kept, "token", token);
    put(path, "/o/%s/onep:v1/stack/alias", setting("ORGANISATION"));
    put(authorization, "Token %s", token);
    int status = ask("POST", path, authorization, FORM, "rpm=1800&load=120.5", NULL, text);
    if (status != 204)
        refuse(status, text, "The token is nobody's, or the device is locked or retired: see the device's page.");
    puts("reported");
    return 0;
}
