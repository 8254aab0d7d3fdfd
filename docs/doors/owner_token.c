/* Owner token: it asks no door. The factory gave it DEVICE_ID, ACCESS_KEY and ACCESS_SECRET, once; its label has the
 * owner token, which the device itself need not know. */
#include "device.h"

int main(void) {
    char kept[TEXT];
    begin();
    if (!read_kept(kept)) {
        const char *id = setting("DEVICE_ID");
        put(kept, "{\"deviceId\": \"%s\", \"accessKey\": \"%s\", \"accessSecret\": \"%s\"}", id, setting("ACCESS_KEY"),
            setting("ACCESS_SECRET"));
        keep(kept);
    }
    report(kept, "{\"rpm\": 1800, \"load\": 120.5}", NULL);
    return 0;
}
