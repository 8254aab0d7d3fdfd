/* Door: shared token of a profile. TOKEN is the profile's, a UUID; drop it once the credential is kept. */
#include "device.h"

/* Also for the next one, should the broker refuse this one for long: the door renews. */
static void ask_for_credential(char kept[TEXT]) {
    char body[TEXT], text[TEXT], host[TEXT], id[TEXT], key[TEXT], secret[TEXT];
    put(body, "{\"token\": \"%s\", \"hardwareId\": \"%s\"}", setting("TOKEN"), setting("SERIAL"));
    int status = ask("POST", "/ztp/cloudlocate/credentials", "", JSON, body, NULL, text);
    if (status != 200)
        refuse(status, text, "An admin looks at the door's page: its serials, its token, and what it refused.");
    long port = read_number(text, "port", 1883);
    need_text(text, "hostname", host);
    need_text(text, "clientId", id);
    need_text(text, "username", key);
    need_text(text, "password", secret);
    put(kept, "{\"deviceId\": \"%s\", \"accessKey\": \"%s\", \"accessSecret\": \"%s\", \"broker\": \"%s://%s:%ld\"}", id,
        key, secret, port == 8883 ? "mqtts" : "mqtt", host, port);
    keep(kept);
}

int main(void) {
    char kept[TEXT];
    begin();
    if (!read_kept(kept)) ask_for_credential(kept);
    report(kept, "{\"rpm\": 1800, \"load\": 120.5}", ask_for_credential);
    return 0;
}
