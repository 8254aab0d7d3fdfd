/* Door: shared token of a profile. In NVS: "token", a UUID of the profile, and "serial". */
#include "device_esp32.h"

// Also for the next one, should the broker refuse this one for long: the door renews.
String askForCredential() {
  String answer;
  String body = "{\"token\": \"" + factory("token") + "\", \"hardwareId\": \"" + factory("serial") + "\"}";
  int status = ask("/ztp/cloudlocate/credentials", "application/json", body, "", answer);
  if (status != 200)
    refuse(status, answer, "An admin looks at the door's page: its serials, its token, and what it refused.");
  if (readMember(answer, "port") != "8883") refuse(status, "no TLS", "The operator offers MQTT with TLS on 8883.");
  return keep("{\"deviceId\": \"" + readMember(answer, "clientId") + "\", \"accessKey\": \"" +
              readMember(answer, "username") + "\", \"accessSecret\": \"" + readMember(answer, "password") +
              "\", \"broker\": \"" + readMember(answer, "hostname") + "\"}");
}

void setup() {
  begin();
  String kept = readKept();
  report(kept.isEmpty() ? askForCredential() : kept, "{\"rpm\": 1800, \"load\": 120.5}", askForCredential);
  sleepFor(600);
}

void loop() {}
