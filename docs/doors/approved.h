/* What the two doors share at which somebody approves: the registration token, and the credentials that it gives.
 *
 * The program has the rest, `get_approved`. */
#include "device.h"

/* Keep the registration token. Each round shows a code of its own. */
static void get_approved(char kept[TEXT]);

/* Keep what an approved device connects with. 0 if the token is void: then it has to be approved again. */
static inline int fetch_credential(const char *token, char kept[TEXT]) {
    static const int again[] = {403, 409, 423, 0};
    char authorization[TEXT], text[TEXT], connection[TEXT], host[TEXT], id[128], key[128], secret[128];
    put(authorization, "DeviceToken %s", token);
    int status = ask("PUT", "/devices/register", authorization, JSON,
                     "{\"connectionStringType\": \"SharedAccessSignature\"}", again, text);
    if (status == 401) return 0;
    if (status != 200) refuse(status, text, "An admin looks at the door's page, under Refused.");
    need_text(text, "connectionString", connection);
    need_text(text, "iotHubHostName", host);
    const char *at = strstr(connection, "SharedAccessSignature=");
    if (!at || sscanf(at, "SharedAccessSignature=%127[^.].%127[^.].%127[^.;]", id, key, secret) != 3)
        stop("the answer lacks something: that is no door");
    put(kept,
        "{\"registrationToken\": \"%s\", \"deviceId\": \"%s\", \"accessKey\": \"%s\", \"accessSecret\": \"%s\", "
        "\"broker\": \"mqtts://%s:8883\"}",
        token, id, key, secret, host);
    keep(kept);
    return 1;
}

/* The next credential; the registration token that was kept does for it, until somebody revokes it. */
static inline void enter(char kept[TEXT]) {
    char token[TEXT];
    for (;;) {
        if (!read_text(kept, "registrationToken", token)) get_approved(kept);
        need_text(kept, "registrationToken", token);
        if (fetch_credential(token, kept)) return;
        put(kept, "{}");
        keep(kept);
    }
}

/* Send one report. */
static inline void report_approved(const char *data) {
    char kept[TEXT];
    begin();
    read_kept(kept);
    if (!strstr(kept, "\"accessKey\"")) enter(kept);
    report(kept, data, enter);
}
