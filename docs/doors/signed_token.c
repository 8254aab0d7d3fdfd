/* Door: signed token. TOKEN is what the factory signed.   cc -std=c99 -o signed_token signed_token.c */
#include "device.h"

static void enroll(char kept[TEXT]) {
    char body[TEXT], text[TEXT];
    put(body, "{\"token\": \"%s\", \"manufacturerId\": \"%s\"}", setting("TOKEN"), setting("SERIAL"));
    int status = ask("POST", "/api/register-device", "", JSON, body, NULL, text);
    if (status != 200) refuse(status, text, "An admin looks at the door's page, under Refused, which it was.");
    put(kept, "%s", text); /* deviceId, accessKey, accessSecret */
    keep(kept);
}

int main(void) {
    char kept[TEXT];
    begin();
    if (!read_kept(kept)) enroll(kept);
    report(kept, "{\"rpm\": 1800, \"load\": 120.5}", NULL);
    return 0;
}
