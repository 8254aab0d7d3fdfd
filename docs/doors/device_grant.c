/* Door: device authorization grant (RFC 8628). TOKEN is the provisioning token, which is the client_id. */
#include "approved.h"

static int ask_door(const char *path, const char *more, char text[TEXT]) {
    static const int again[] = {423, 0};
    char body[TEXT], token[TEXT];
    encode(token, setting("TOKEN"));
    put(body, "client_id=%s&%s", token, more);
    return ask("POST", path, "", FORM, body, again, text);
}

/* Keep the registration token. Each round shows a code of its own. */
static void get_approved(char kept[TEXT]) {
    for (;;) {
        char body[TEXT], text[TEXT], code[TEXT], page[TEXT], serial[TEXT], grant[TEXT], token[TEXT], error[TEXT];
        encode(serial, setting("SERIAL"));
        put(body, "device_id=%s", serial);
        int status = ask_door("/oauth/device_authorization", body, text);
        if (status != 200) refuse(status, text, "An admin looks at the door's page, under Refused.");
        need_text(text, "device_code", grant);
        need_text(text, "user_code", code);
        need_text(text, "verification_uri", page);
        printf("code %s at %s\n", code, page);
        need_text(text, "verification_uri_complete", page);
        printf("QR code %s\n", page);
        fflush(stdout);
        unsigned interval = (unsigned)read_number(text, "interval", 5);
        put(body, "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=%s", grant);
        do {
            sleep(interval);
            status = ask_door("/oauth/token", body, text);
            if (status == 200) {
                need_text(text, "access_token", token);
                put(kept, "{\"registrationToken\": \"%s\"}", token);
                keep(kept);
                return;
            }
            need_text(text, "error", error);
            if (!strcmp(error, "slow_down")) interval += 5;
        } while (!strcmp(error, "authorization_pending") || !strcmp(error, "slow_down"));
        if (strcmp(error, "expired_token"))
            refuse(status, text, "Somebody turned it away, or the token works no more.");
    }
}

int main(void) {
    report_approved("{\"rpm\": 1800, \"load\": 120.5}");
    return 0;
}
