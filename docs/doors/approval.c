/* Door: provisioning token and approval. TOKEN is the provisioning token; somebody approves the code that is shown. */
#include "approved.h"

static int ask_door(const char *method, const char *path, const char *body, char text[TEXT]) {
    static const int again[] = {403, 409, 423, 0}; /* an admin may mend it */
    char authorization[TEXT];
    put(authorization, "DeviceToken %s", setting("TOKEN"));
    return ask(method, path, authorization, JSON, body, again, text);
}

/* Keep the registration token. Each round shows a code of its own. */
static void get_approved(char kept[TEXT]) {
    for (;;) {
        char body[TEXT], text[TEXT], code[TEXT], until[TEXT], operation[TEXT], token[TEXT];
        put(body, "{\"deviceId\": \"%s\"}", setting("SERIAL"));
        int status = ask_door("POST", "/provisioning-operations/init", body, text);
        if (status != 200) refuse(status, text, "An admin looks at the door's page, under Refused.");
        need_text(text, "verificationCode", code);
        need_text(text, "expirationTime", until);
        need_text(text, "provisioningOperationId", operation);
        printf("code %s until %s\n", code, until);
        fflush(stdout);
        put(body, "{\"provisioningOperationId\": \"%s\"}", operation);
        do {
            sleep(5);
            status = ask_door("PUT", "/provisioning-operations/complete", body, text);
        } while (status == 202);
        if (status == 200) {
            need_text(text, "registrationToken", token);
            put(kept, "{\"registrationToken\": \"%s\"}", token);
            keep(kept);
            return;
        }
        if (status != 410 || strstr(text, "/problems/deviceProvisioning/provisioningOperationCancelled"))
            refuse(status, text, "Somebody turned it away, or the token works no more.");
    }
}

int main(void) {
    report_approved("{\"rpm\": 1800, \"load\": 120.5}");
    return 0;
}
